import copy
import json

import pytest

from swarmscope.dashboards.files import PAGES, dashboard_files
from swarmscope.dashboards.lint import problems

DASHBOARDS = {
    page().uid: (page(), json.loads(text))
    for page, text in zip(PAGES, dashboard_files().values(), strict=True)
}


@pytest.mark.parametrize("uid", DASHBOARDS)
def test_every_dashboard_is_fit_to_be_shipped(uid):
    page, dashboard = DASHBOARDS[uid]
    assert dashboard["uid"] == uid
    assert problems(dashboard, page.about_one_run) == []


def test_dashboards_have_names_of_their_own_and_link_to_each_other():
    assert len({each["title"] for _, each in DASHBOARDS.values()}) == len(DASHBOARDS)
    for _, each in DASHBOARDS.values():
        (link,) = each["links"]
        assert (link["type"], link["tags"], link["includeVars"], link["keepTime"]) == (
            "dashboards", ["swarmscope"], True, True,
        )  # fmt: skip
        assert "swarmscope" in each["tags"]


def _break(dashboard, change):
    broken = copy.deepcopy(dashboard)
    change(broken, next(panel for panel in broken["panels"] if panel["type"] == "timeseries"))
    return broken


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d, p: d.update(uid=""), "uid is missing"),
        (lambda d, p: p.update(id=d["panels"][0]["id"]), "is there twice"),
        (lambda d, p: p.update(description=""), "has no description"),
        (lambda d, p: p.update(title=""), "has no title"),
        (lambda d, p: p["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
        (lambda d, p: p.update(type="graph"), "panel type graph is not among"),
        (lambda d, p: p["gridPos"].update(w=30), "does not fit into the grid"),
        (lambda d, p: p.update(targets=[]), "asks nothing"),
        (lambda d, p: p["targets"][0].update(expr=""), "query A is empty"),
        (lambda d, p: p["targets"][0].update(expr="sum(locust_users)"), "names neither the run nor a job"),
        (lambda d, p: p["targets"][0].update(expr='x{run="$run",a="$nowhere"}'), "variable $nowhere is used"),
        (
            lambda d, p: p["targets"][0].update(expr='avg(histogram_quantile(0.95, x{run="$run"}))'),
            "averages percentiles",
        ),
        (lambda d, p: p["targets"][1].update(refId="A"), "two queries have the same name"),
        (lambda d, p: p["targets"][0].update(datasource={"uid": "abc"}), "does not follow"),
        (
            lambda d, p: d["annotations"]["list"][0].update(expr="up"),
            "annotation Run starts: its query names no run",
        ),
    ],
)
def test_a_broken_dashboard_is_found_out(change, problem):
    _, dashboard = DASHBOARDS["swarmscope-live"]
    found = problems(_break(dashboard, change))
    assert any(problem in each for each in found), found
