import copy
import json

import pytest

from swarmscope.alerting.alert_names import AlertName
from swarmscope.alerting.panels import SHOWN, Panel, shown
from swarmscope.dashboards import asking
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
    for page, each in DASHBOARDS.values():
        to_all, to_comparison = each["links"]
        assert (to_all["type"], to_all["tags"], to_all["includeVars"]) == ("dashboards", ["swarmscope"], True)
        assert to_all["keepTime"] is page.keeps_time
        assert (to_comparison["url"], to_comparison["includeVars"]) == ("/d/swarmscope-compare", True)
        # Its axis is elapsed time: whoever kept the shown time on the way there would see nothing.
        assert to_comparison["keepTime"] is False
        is_comparison = page.uid == "swarmscope-compare"
        assert ("swarmscope" in each["tags"]) is not is_comparison


def test_links_inside_panels_lead_to_dashboards_and_fields_that_there_are():
    for _, dashboard in DASHBOARDS.values():
        for panel in asking.panels(dashboard):
            overrides = panel.get("fieldConfig", {}).get("overrides", ())
            columns = {each["matcher"]["options"] for each in overrides}
            columns |= {name for each in panel.get("transformations") or () for name in named(each)}
            for url in (link["url"] for each in overrides for link in links(each)):
                uid, _, query = url.removeprefix("/d/").partition("?")
                assert uid in DASHBOARDS
                fields = {part.partition("}")[0] for part in query.split("${__data.fields.")[1:]}
                assert fields <= columns, (panel["title"], fields, columns)


def named(transformation):
    options = transformation["options"]
    return {options["renameByName"].get(name, name) for name in options.get("indexByName", ())}


def links(override):
    return [link for each in override["properties"] if each["id"] == "links" for link in each["value"]]


def test_every_alert_leads_to_a_panel_that_there_is():
    for alert in AlertName:
        uid, panel = shown(alert)
        assert panel in {each["id"] for each in asking.panels(DASHBOARDS[uid][1])}, alert
    assert {panel for _, panel in SHOWN.values()} | {Panel.TARGETS} == set(Panel)


def test_what_may_be_silent_is_there_and_says_when():
    for page, dashboard in DASHBOARDS.values():
        wheres = {query.where for query in asking.queries(dashboard)}
        panels = {where.rpartition(" ")[0] for where in wheres}
        for declared in (*page.may_be_empty, *page.ends_with_the_run):
            assert declared in wheres | panels, f"{page.title}: {declared}"
        assert all(reason.endswith(".") for reason in page.may_be_empty.values())


def _break(dashboard, change):
    broken = copy.deepcopy(dashboard)
    change(broken, next(panel for panel in broken["panels"] if panel["type"] == "timeseries"))
    return broken


def _variable(dashboard, name):
    return next(each for each in dashboard["templating"]["list"] if each["name"] == name)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda d, p: d.update(uid=""), "uid is missing"),
        (lambda d, p: p.update(id=d["panels"][0]["id"]), "is there twice"),
        (lambda d, p: p.update(id=None), "a panel has no id"),
        (lambda d, p: p.update(title=d["panels"][0]["title"]), "two panels are called Verdict so far"),
        (lambda d, p: p.update(description=""), "has no description"),
        (lambda d, p: p.update(title=""), "has no title"),
        (lambda d, p: p["fieldConfig"]["defaults"].pop("unit"), "has no unit"),
        (lambda d, p: p.update(type="graph"), "panel type graph is not among"),
        (lambda d, p: p["gridPos"].update(w=30), "does not fit into the grid"),
        (lambda d, p: p["gridPos"].update(y=p["gridPos"]["y"] - 1), "lie on each other"),
        (lambda d, p: p.update(targets=[]), "asks nothing"),
        (lambda d, p: p["targets"][0].update(expr=""), "query A is empty"),
        (lambda d, p: p["targets"][0].update(expr="1"), "query A names no metric"),
        (lambda d, p: p["targets"][0].update(expr="sum(locust_users)"), "nor a job for locust_users"),
        (
            lambda d, p: p["targets"][0].update(expr='locust_users{run="$run"} / on () locust_users_wanted'),
            "names neither the run nor a job for locust_users_wanted",
        ),
        (
            lambda d, p: p["targets"][0].update(expr='rate(run:locust_requests:rate5s{system="triggers"}[1m])'),
            "names neither the run nor a job for run:locust_requests:rate5s",
        ),
        (lambda d, p: p["targets"][0].update(expr="max(up)"), "names neither the run nor a job for up"),
        (lambda d, p: p["targets"][0].update(expr='locust_x{run="$run",a="$nowhere"}'), "variable $nowhere is used"),
        (lambda d, p: _variable(d, "run").update(query="query_result($lost)"), "variable $lost is used"),
        (
            lambda d, p: p["targets"][0].update(
                expr='avg(histogram_quantile(0.95, rate(locust_x_bucket{run="$run"}[1m])))'
            ),
            "averages percentiles",
        ),
        (
            lambda d, p: p["targets"][0].update(expr='avg by (name) (locust_p95_seconds{run="$run"})'),
            "averages percentiles",
        ),
        (
            lambda d, p: p["targets"][0].update(expr='sum(locust_users{run="$run"}) or vector(0)'),
            "makes a number of missing data",
        ),
        (lambda d, p: p["targets"][1].update(refId="A"), "two queries have the same name"),
        (lambda d, p: p["targets"][0].update(datasource={"uid": "abc"}), "query A does not follow"),
        (lambda d, p: p["targets"][0].update(instant=True), "is neither instant nor a range, or both"),
        (lambda d, p: p.update(datasource={"type": "prometheus", "uid": "abc"}), "does not follow the dashboard's"),
        (lambda d, p: _variable(d, "run")["datasource"].update(uid="abc"), "variable run does not follow"),
        (lambda d, p: _variable(d, "datasource").update(name="source"), "no variable for the data source"),
        (lambda d, p: p["targets"][0].update(legendFormat="__auto"), "query A has no legend of its own"),
        (lambda d, p: p["options"].pop("legend"), "has no legend"),
        (lambda d, p: p["options"]["legend"].update(showLegend=False), "has no legend"),
        (
            lambda d, p: d["annotations"]["list"][0].update(expr="up"),
            "annotation Run starts: its query names neither the run nor a job for up",
        ),
        # What Grafana's model, as the SDK has it, does not know.
        (lambda d, p: d.update(rows=[]), "rows: Grafana's model has no such field"),
        (lambda d, p: p.update(aliasColors={}), ".aliasColors: Grafana's model has no such field"),
        (lambda d, p: p["options"].update(legnd={}), ".options.legnd: Grafana's model has no such field"),
        (lambda d, p: p["fieldConfig"]["defaults"]["custom"].update(points=1), "custom.points: Grafana's model"),
        (lambda d, p: p["targets"][0].update(intervalFactor2=1), ".intervalFactor2: Grafana's model"),
        (lambda d, p: p["fieldConfig"]["defaults"]["custom"].update(drawStyle="dots"), "draw_style: 'dots' is not"),
        (lambda d, p: p["options"]["legend"].update(placement="left"), "placement: 'left' is not allowed"),
        (lambda d, p: p["fieldConfig"]["defaults"].update(min="0"), "min_val: '0' is not allowed"),
        (lambda d, p: d["annotations"]["list"][0].update(stepp="1s"), ".stepp: Grafana's model has no such field"),
    ],
)  # fmt: skip
def test_a_broken_dashboard_is_found_out(change, problem):
    _, dashboard = DASHBOARDS["swarmscope-live"]
    found = problems(_break(dashboard, change))
    assert any(problem in each for each in found), found
