import io
from typing import Any

import pytest
from rich.console import Console

from swarmscope.edge.live_table import LiveScreen, Moment, PlainLines, actual, screen, summary
from swarmscope.edge.stack.live import Alert
from swarmscope.quantities import UNKNOWN

BREACH = Alert(
    "LatencyTargetBreached",
    {"target": "post-events-p95", "run": "triggers-quick-1"},
    "POST /events p95 is 412ms, limit 100ms",
)


def target(**changes: Any) -> dict[str, Any]:
    return {
        "id": "post-events-p95",
        "in_words": "POST /events p95 ≤ 100ms",
        "request": "POST /events",
        "kind": "p95",
        "priority": "critical",
        "limit": 0.1,
        "limit_written": "100ms",
        "value": 0.063,
        "status": "PASS",
        "samples": 1250,
        "reason": "1,204 of 1,250 requests (96.3 %) took at most 100ms; 95 % needed.",
        **changes,
    }


def live(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "run": "triggers-quick-1",
        "environment": "local",
        "host": "http://127.0.0.1:8000",
        "phase": "warm_up",
        "started": 1735689600.0,
        "stopped": None,
        "elapsed": 31.2,
        "steady_seconds": 20.0,
        "planned_seconds": 60.0,
        "users": 50,
        "users_wanted": 50,
        "finished": 15321,
        "failures": 2,
        "rps": 498.24,
        "failures_per_second": 0.4,
        "in_flight": 7,
        "oldest_age": 0.0312,
        "oldest_request": "POST /events",
        "targets": [target()],
        "generators": [{"cpu_ratio": 0.31}, {"cpu_ratio": 0.42}],
        "problems": [],
        **changes,
    }


def moment(seconds: float = 31.0, **changes: Any) -> Moment:
    values: dict[str, Any] = {"live": live(), "alerts": [], **changes}
    return Moment("triggers-quick-1", values.pop("live"), values.pop("alerts"), seconds, **values)


def rendered(what: object, *, colour: bool = False, environ: dict[str, str] | None = None) -> str:
    console = Console(
        file=io.StringIO(), width=140, force_terminal=colour, _environ=environ or {"TERM": "xterm-256color"}
    )
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_says_what_a_person_looks_for() -> None:
    assert summary(live()) == (
        "warm up · 50 of 50 users · 498 requests/s · 0.4 failures/s · 15,321 done (2 failed) · 7 in flight · "
        "oldest 31.2ms · generator CPU 42 %"
    )


def test_a_hung_service_stands_out_and_names_the_request() -> None:
    text = summary(live(oldest_age=7.4, rps=0.0))
    assert "HUNG: POST /events waits for 7s" in text
    assert "0 requests/s" in text


def test_an_old_age_without_a_waiting_request_is_not_hung() -> None:
    assert "HUNG" not in summary(live(oldest_age=7.4, in_flight=0))


def test_a_busy_generator_stands_out() -> None:
    assert summary(live(generators=[{"cpu_ratio": 0.97}])).endswith("generator CPU 97 % BUSY")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "63ms"),
        ({"value": 0.1004}, "100.4ms"),  # not 100ms: that would read as held
        ({"value": 1.25, "limit": 1.0}, "1.25s"),
        ({"value": "+Inf"}, "over 60s, or never"),
        ({"value": None}, UNKNOWN),
        ({"kind": "error_rate", "value": 0.0123, "limit": 0.01}, "1.23 %"),
        ({"kind": "rps", "value": 998.7, "limit": 1000}, "999/s"),
        ({"kind": "max", "value": 17.24, "limit": 20}, "17.2"),
    ],
)
def test_a_measured_value_is_written_in_its_kinds_unit(changes: dict[str, Any], text: str) -> None:
    assert actual(target(**changes)) == text


def test_the_screen_shows_targets_progress_alerts_and_troubles() -> None:
    text = rendered(
        screen(
            moment(
                live=live(targets=[target(status="FAIL", value=0.412)], problems=["worker w1 was lost"]),
                alerts=[BREACH],
                troubles=["the notification receiver was ended by SIGKILL"],
            )
        )
    )
    assert "triggers-quick-1  local · http://127.0.0.1:8000" in text
    assert "0:31 of 1:00" in text
    assert "FAIL" in text
    assert "412ms" in text
    assert "! worker w1 was lost" in text
    assert "ALERT LatencyTargetBreached: POST /events p95 is 412ms, limit 100ms" in text
    assert "! the notification receiver was ended by SIGKILL" in text


def test_before_the_steady_phase_nothing_is_said_to_be_missing() -> None:
    waiting = target(status="NO DATA", value=None, reason="the steady phase was never reached")
    assert "judged from the steady phase on" in rendered(
        screen(moment(live=live(targets=[waiting], steady_seconds=0.0)))
    )
    ended = live(targets=[waiting], steady_seconds=0.0, stopped=1735689700.0)
    assert "the steady phase was never reached" in rendered(screen(moment(live=ended)))


def test_the_screen_of_a_run_without_an_end_has_no_bar() -> None:
    assert "0:31, until stopped" in rendered(screen(moment(live=live(planned_seconds=None))))


def test_an_exporter_or_prometheus_that_does_not_answer_is_said() -> None:
    text = rendered(screen(moment(4.0, live=None, alerts=None)))
    assert "Locust is starting, or its exporter does not answer (4s)" in text
    assert "Prometheus does not answer: alerts are not known" in text


def test_brackets_in_names_are_text_and_not_markup() -> None:
    odd = target(in_words="GET /items[/bold] p95 ≤ 1s", reason="[red]")
    text = rendered(screen(moment(live=live(targets=[odd]))))
    assert "GET /items[/bold] p95 ≤ 1s" in text
    assert "[red]" in text


def test_colours_are_left_out_when_the_user_says_so() -> None:
    view = screen(moment(live=live(targets=[target(status="FAIL")])))
    assert "\x1b[1;31m" in rendered(view, colour=True)
    assert "31m" not in rendered(view, colour=True, environ={"TERM": "xterm-256color", "NO_COLOR": "1"})


def lines_of(*moments: Moment) -> list[str]:
    view = PlainLines(Console(file=io.StringIO()))
    return [line for each in moments for line in view.lines(each)]


def test_plain_lines_come_every_five_seconds() -> None:
    lines = lines_of(*(moment(float(second)) for second in range(12)))
    assert [line[:6] for line in lines if "requests/s" in line] == ["   0s ", "   5s ", "  10s "]


def test_plain_lines_tell_each_change_of_a_target_once() -> None:
    passing = live(targets=[target()])
    failing = live(targets=[target(status="FAIL", value=0.412, reason="Too slow.")])
    lines = lines_of(
        moment(1, live=live(targets=[target(status="NO DATA", value=None)])),
        moment(2, live=passing),
        moment(3, live=passing),
        moment(4, live=failing),
    )
    assert [line for line in lines if "→" in line] == [
        "   2s NO DATA → PASS: POST /events p95 ≤ 100ms (now 63ms). "
        "1,204 of 1,250 requests (96.3 %) took at most 100ms; 95 % needed.",
        "   4s PASS → FAIL: POST /events p95 ≤ 100ms (now 412ms). Too slow.",
    ]


def test_plain_lines_tell_when_an_alert_begins_and_ends() -> None:
    lines = lines_of(moment(1), moment(2, alerts=[BREACH]), moment(3, alerts=None), moment(4, alerts=[]))
    assert [line for line in lines if "Breached" in line] == [
        "   2s ALERT LatencyTargetBreached: POST /events p95 is 412ms, limit 100ms",
        # Not at 3: Prometheus did not answer, which says nothing about the alert.
        "   4s resolved LatencyTargetBreached: POST /events p95 is 412ms, limit 100ms",
    ]


def test_the_live_screen_keeps_what_is_said_above_it() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, _environ={"TERM": "xterm"})
    with LiveScreen(console) as view:
        view.show(moment())
        view.say("Prometheus died [for good]")
    assert isinstance(console.file, io.StringIO)
    assert "Prometheus died [for good]" in console.file.getvalue()


def test_the_summary_of_a_climb_says_what_held_and_what_broke() -> None:
    going = live(climb={"held_users": None, "held_rate": None, "broken_users": None})
    assert " · nothing held yet · generator CPU" in summary(going)
    broke = live(climb={"held_users": 1500, "held_rate": 148.25, "broken_users": 2000})
    assert " · held 1,500 users (148/s) · broke at 2,000 · generator CPU" in summary(broke)
    assert "held" not in summary(live(climb=None))


def test_a_verdict_that_waits_for_cloudwatch_says_how_long() -> None:
    settling = {"what": "CloudWatch", "until": 1.0, "seconds_left": 41.2}
    waiting = live() | {"settling": settling}
    assert "waiting for CloudWatch to settle, 42 s left" in summary(waiting)
    assert "settle" not in summary(live())
