import json
from types import SimpleNamespace

import pytest
from flask import Flask, jsonify

from exporters.run_view import ExporterCounters
from exporters.web_tab import COLUMNS, WHERE_THE_LINK_IS, add_tab, dashboard_url, tab_rows
from swarmscope.quantities import UNKNOWN


@pytest.fixture
def web_ui():
    """Locust's web server as far as the tab knows it."""
    app = Flask(__name__)
    app.route("/stats/requests", endpoint="stats")(lambda: jsonify({"stats": [], "errors": []}))
    app.route("/other", endpoint="other")(lambda: jsonify({"a": 1}))
    return SimpleNamespace(app=app, template_args={}, auth_required_if_enabled=lambda view: view)


def test_a_row_for_the_run_and_one_for_each_target(run_view):
    rows = tab_rows(run_view())
    assert [set(row) for row in rows] == [{key for key, _ in COLUMNS}] * 4
    assert [(row["status"], row["target"], row["actual"], row["reason"]) for row in rows] == [
        ("FAIL", "Run triggers-1, phase steady", "12.5s judged", f"worker w2 was lost. {WHERE_THE_LINK_IS}"),
        (
            "✗\u00a0MISSED",
            "POST /events p95 ≤ 100ms",
            "over 60s, or never",
            "3 of 5 requests took at most 100ms; 95 % needed",
        ),
        ("✓\u00a0met", "all requests rps ≥ 1000", "1234/s", "1,234.5 per second; 1000 needed"),
        (f"{UNKNOWN} no data", "all requests error rate ≤ 0.1%", UNKNOWN, "no request was sent"),
    ]


def test_before_anything_is_judged_nothing_is_said_to_be_met(run_view):
    rows = tab_rows(run_view(judgements=(), verdict=None, steady_seconds=0.0, problems=()))
    assert (rows[0]["status"], rows[0]["actual"], rows[0]["reason"]) == (
        UNKNOWN,
        "nothing judged yet",
        f"verdict so far. {WHERE_THE_LINK_IS}",
    )
    assert {(row["status"], row["reason"]) for row in rows[1:]} == {(UNKNOWN, "not judged yet")}


def test_the_rows_travel_with_locusts_own_statistics(web_ui, run_view):
    add_tab(web_ui, lambda: [run_view(run="old"), run_view()], "http://grafana:3000", ExporterCounters())
    client = web_ui.app.test_client()
    answer = client.get("/stats/requests").get_json()
    assert (answer["stats"], answer["errors"]) == ([], [])
    (extended,) = answer["extended_stats"]
    (tab,) = web_ui.template_args["extended_tabs"]
    assert extended["key"] == tab["key"] == web_ui.template_args["extended_tables"][0]["key"]
    assert extended["data"] == json.loads(json.dumps(tab_rows(run_view())))
    assert client.get("/other").get_json() == {"a": 1}


def test_a_tab_that_fails_is_counted_and_leaves_the_page_alone(web_ui, caplog):
    counters = ExporterCounters()
    add_tab(web_ui, list, "http://grafana:3000", counters)
    assert web_ui.app.test_client().get("/stats/requests").get_json() == {"stats": [], "errors": []}
    assert counters.listener_errors == 1
    assert "the Targets tab could not be filled" in caplog.text


def test_the_link_leads_to_the_dashboard_of_this_run_and_its_time(web_ui, run_view):
    view = run_view(stopped=None)
    assert dashboard_url(view, "http://grafana:3000/") == (
        "http://grafana:3000/d/swarmscope-live?var-system=triggers&var-run=triggers-1&from=1735689600250&to=now"
    )
    assert dashboard_url(run_view(), "http://g").endswith("&from=1735689600250&to=1735689675500")
    add_tab(web_ui, lambda: [view], "http://grafana:3000", ExporterCounters())
    answer = web_ui.app.test_client().get("/dashboard")
    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        dashboard_url(view, "http://grafana:3000"),
    )


def test_a_verdict_that_waits_for_aws_says_so(run_view):
    reason = tab_rows(run_view(settling_until=1.0))[0]["reason"]
    assert reason == f"waits for CloudWatch to settle; worker w2 was lost. {WHERE_THE_LINK_IS}"
