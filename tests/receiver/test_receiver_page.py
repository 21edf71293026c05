import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from swarmscope.edge.receiver.page import SHOWN, render_page
from swarmscope.edge.receiver.payload import parse_payload

NOW = datetime(2026, 5, 4, 12, 5, 0, tzinfo=UTC)


def kept(sent, at="2026-05-04T12:00:03.218Z"):
    return {
        "id": 1,
        "kind": "notification",
        "received_at": at,
        **parse_payload(json.dumps(sent).encode()).as_json(),
    }


def stop(status, detail="202 stopping", run="r-1"):
    return {
        "id": 2,
        "kind": "stop",
        "received_at": "2026-05-04T12:00:08.300Z",
        "status": status,
        "run": run,
        "system": "triggers",
        "target": "p95",
        "reason": "slow",
        "detail": detail,
    }


def page(*records, watchdog_at=NOW, disk_error=""):
    return render_page(
        reversed(records), total=len(records), now=NOW, watchdog_at=watchdog_at, disk_error=disk_error
    )


def text(markup):
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_an_alert_is_shown_with_its_values_and_how_late_it_came(alert, message):
    breach = alert(
        severity="critical",
        annotations={"summary": "POST /events is slow", "measured": "312ms", "limit": "100ms"},
    )
    shown = text(page(kept(message(breach))))
    assert "firing POST /events is slow measured 312ms limit 100ms" in shown
    assert "LatencyTargetBreached, critical, since 12:00:00.000, arrived 3.2 s later" in shown


def test_how_late_is_said_once_not_at_each_repetition(alert, message):
    shown = text(page(kept(message(alert())), kept(message(alert()), "2026-05-04T13:00:03.000Z")))
    assert shown.count("later") == 1


def test_a_resolved_alert_says_how_long_it_lasted(alert, message):
    resolved = alert(status="resolved", ended=datetime(2026, 5, 4, 12, 1, 5, tzinfo=UTC))
    assert "lasted 1 min 5 s" in text(page(kept(message(resolved))))


def test_runs_are_apart_the_latest_first_and_newest_notification_first(alert, message):
    shown = text(
        page(
            kept(message(alert("First", run="r-1"), run="r-1")),
            kept(message(alert("Second", run="r-2"), run="r-2")),
            kept(message(alert("Third", run="r-1"), run="r-1")),
        )
    )
    positions = [shown.index(word) for word in ("r-1 triggers", "Third", "First", "r-2 triggers", "Second")]
    assert positions == sorted(positions)


def test_what_a_newer_notification_of_the_group_leaves_out_fires_no_more(alert, message):
    # An alert that another one silences is not resolved for Alertmanager: it is only left out.
    shown = page(kept(message(alert(), alert("RequestHung"))), kept(message(alert("RequestHung"))))
    assert "<title>(1) Swarmscope alerts</title>" in shown
    done = page(kept(message(alert())), kept(message(alert(status="resolved"))))
    assert "<title>Swarmscope alerts</title>" in done
    assert "all resolved" in text(done)


def test_alerts_of_no_run_are_the_stacks_own(alert, message):
    assert "The stack itself" in text(page(kept(message(alert("ServiceNotScraped", run=""), run=""))))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("requested", "Stop asked for"),
        ("stopped", "Run stopped"),
        ("already_stopping", "Run was over or stopping already"),
        ("recovered", "Stop called off"),
        ("unknown_run", "Not stopped: Locust runs another run"),
        ("refused", "Not stopped: Locust refused"),
        ("failed", "Not stopped"),
        ("disabled", "Not stopped"),
    ],
)
def test_a_stop_says_what_became_of_it(alert, message, status, words):
    shown = text(page(kept(message(alert(abort="true"))), stop(status, "202 stopping")))
    assert f"{words} 202 stopping breach: slow" in shown
    assert "stops the run" in shown


def test_what_alerts_say_is_never_markup_nor_a_script_link(alert, message):
    evil = alert(
        note='"><img src=x onerror=alert(1)>',
        annotations={
            "summary": "<script>alert(1)</script>",
            "description": "<b>bold</b>",
            "runbook_url": "javascript:alert(1)",
            "dashboard_url": "http://grafana/d/live?a=1&b=2",
        },
    )
    shown = page(kept(message(evil)))
    assert "<script>alert" not in shown
    assert "<img" not in shown
    assert 'href="javascript' not in shown
    assert "What to do: javascript:alert(1)" in text(shown)
    assert 'href="http://grafana/d/live?a=1&amp;b=2"' in shown


def test_the_page_needs_nothing_from_elsewhere(alert, message):
    shown = page(kept(message(alert())))
    assert re.findall(r'(?:src|href)="([^"]*)"', shown) == []
    assert "prefers-color-scheme: dark" in shown


def test_an_empty_page_says_what_it_waits_for():
    assert "Nothing has arrived yet." in text(page())


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (None, "no watchdog yet: the path from Prometheus is not proven"),
        (5, "path from Prometheus works (watchdog 5.0 s ago)"),
        (240, "watchdog silent for 4 min 0 s: alerts may not arrive"),
    ],
)
def test_the_page_says_whether_alerts_can_arrive_at_all(age, words):
    assert words in text(page(watchdog_at=None if age is None else NOW - timedelta(seconds=age)))


def test_a_full_disk_is_on_the_page():
    assert "The disk does not take notifications (No space left on device)" in text(
        page(disk_error="No space left on device")
    )


def test_only_the_newest_are_shown_and_the_rest_is_counted(alert, message):
    shown = text(page(*(kept(message(alert())) for _ in range(SHOWN + 7))))
    assert "7 older notifications" in shown
    assert shown.count("labels") == SHOWN
