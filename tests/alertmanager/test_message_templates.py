"""Message templates as Alertmanager's own tool renders them."""

import json
import subprocess
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "alerts" / "templates" / "*.tmpl"


def alert(name="LatencyTargetBreached", *, resolved=False, severity="critical", abort="", **annotations):
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": name, "severity": severity, **({"abort": abort} if abort else {})},
        "annotations": annotations,
        "startsAt": "2026-05-04T12:00:00.123Z",
        "endsAt": "2026-05-04T12:01:23.723Z" if resolved else "0001-01-01T00:00:00Z",
    }


@pytest.fixture(name="render")
def renderer(tmp_path):
    def render(template, *alerts, run="r-1", system="triggers", kind="text", **more):
        data = {
            "receiver": "critical",
            "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
            "alerts": alerts,
            "groupLabels": {**({"run": run} if run else {}), **({"system": system} if system else {})},
            "commonLabels": {},
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
            **more,
        }
        (tmp_path / "data.json").write_text(json.dumps(data))
        answer = subprocess.run(
            [
                *("amtool", "template", "render", f"--template.glob={TEMPLATES}"),
                f"--template.data={tmp_path / 'data.json'}",
                f'--template.text={{{{ template "swarmscope.{template}" . }}}}',
                f"--template.type={kind}",
            ],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    return render


BREACH = {"summary": "GET /inbox p95 ≤ 50ms is broken", "measured": "80% slower than 50ms", "limit": "50ms"}


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ([alert(**BREACH)], "1 firing: GET /inbox p95 ≤ 50ms is broken [triggers, run r-1]"),
        (
            [alert(**BREACH), alert()],
            "2 firing: GET /inbox p95 ≤ 50ms is broken (and more) [triggers, run r-1]",
        ),
        ([alert(resolved=True), alert("WorkerLost")], "1 firing: WorkerLost [triggers, run r-1]"),
        ([alert(resolved=True, **BREACH)], "Resolved: GET /inbox p95 ≤ 50ms is broken [triggers, run r-1]"),
        (
            [alert("A", resolved=True), alert("B", resolved=True)],
            "Resolved: A (and 2 in all) [triggers, run r-1]",
        ),
    ],
)
def test_the_title_says_what_breaks_first_and_how_many(render, alerts, title):
    assert render("title", *alerts) == title


def test_an_alert_of_the_stack_itself_names_no_run(render):
    assert render("title", alert("NotificationsFailing"), run="", system="") == (
        "1 firing: NotificationsFailing [load test]"
    )


def test_the_text_tells_what_was_measured_the_limit_since_when_and_where_to_look(render):
    links = {
        "runbook_url": "alerts/runbook.md#latencytargetbreached",
        "dashboard_url": "http://grafana/d/live",
    }
    told = render(
        "text",
        alert(**BREACH, description="So far: 60ms.", **links),
        alert("WorkerLost", severity="warning"),
        alert(resolved=True, **BREACH),
    )
    assert told == (
        "Load test of triggers, run r-1\n"
        "\n"
        "- GET /inbox p95 ≤ 50ms is broken [critical]\n"
        "  measured 80% slower than 50ms, limit 50ms\n"
        "  since 12:00:00 UTC\n"
        "  So far: 60ms.\n"
        "  what to do: alerts/runbook.md#latencytargetbreached\n"
        "  dashboard: http://grafana/d/live\n"
        "- WorkerLost [warning]\n"
        "  since 12:00:00 UTC\n"
        "- Resolved: GET /inbox p95 ≤ 50ms is broken\n"
        "  last measured 80% slower than 50ms, limit 50ms\n"
        "  lasted 1m24s (12:00:00 to 12:01:23 UTC)\n"
        "\n"
        "Alertmanager: http://alertmanager:9093"
    )


@pytest.mark.parametrize("template", ["text", "slack.text", "email.html"])
def test_an_alert_that_will_stop_the_run_says_so_while_it_fires(render, template):
    kind = "html" if template == "email.html" else "text"
    words = "This target stops the run unless it recovers."
    assert words in render(template, alert(abort="true"), kind=kind)
    assert words not in render(template, alert(abort="true", resolved=True), kind=kind)
    assert words not in render(template, alert(), kind=kind)


def test_a_runbook_that_is_a_path_is_no_link(render):
    path = alert(runbook_url="alerts/runbook.md#x")
    assert "What to do: alerts/runbook.md#x" in render("slack.text", path)
    html = render("email.html", path, kind="html")
    assert "What to do: alerts/runbook.md#x" in html
    assert 'href="alerts' not in html
    assert render("pagerduty.runbook", path) == ""
    assert render("pagerduty.runbook", alert(runbook_url="https://runbooks/x")) == "https://runbooks/x"


def test_markup_in_a_name_stays_text_in_slack_and_mail(render):
    evil = alert(summary="GET /<!channel>&<script>alert(1)</script>", measured="<b>", limit="<i>")
    assert "<!channel>" not in render("slack.text", evil)
    assert "&lt;!channel&gt;&amp;" in render("slack.text", evil)
    html = render("email.html", evil, kind="html")
    assert "<script>" not in html
    assert "<b>" not in html


def test_a_script_in_a_link_is_not_a_link_in_mail(render):
    evil = alert(runbook_url="javascript:alert(1)", dashboard_url="http://grafana/d/x")
    html = render("email.html", evil, kind="html")
    assert 'href="javascript' not in html
    assert 'href="http://grafana/d/x"' in html


@pytest.mark.parametrize(
    ("status", "severity", "color"),
    [(False, "critical", "danger"), (False, "info", "warning"), (True, "critical", "good")],
)
def test_slacks_colour_follows_status_and_severity(render, status, severity, color):
    one = alert(resolved=status, severity=severity)
    assert render("slack.color", one, commonLabels=one["labels"]) == color


def test_a_subject_for_sns_is_ascii_and_its_attributes_are_never_empty(render):
    assert render("sns.subject", alert(), run="läuft-1") == "1 firing: triggers, run l?uft-1"
    assert render("sns.subject", alert(resolved=True), run="", system="") == "Resolved: load test"
    assert (render("sns.run", alert(), run=""), render("sns.system", alert(), system="")) == ("none", "none")


def test_the_title_links_to_the_dashboard_that_all_alerts_share_else_to_alertmanager(render):
    shared = {"dashboard_url": "http://grafana/d/live"}
    assert render("link", alert(), commonAnnotations=shared) == "http://grafana/d/live"
    assert render("link", alert()) == "http://alertmanager:9093"
