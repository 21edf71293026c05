"""The live JSON shows a run as it is now, and a service that hangs as one that does nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from exporters.live import LiveHistory, Rates, Totals, live, totals
from exporters.run_view import GeneratorView, RunView, Waiting
from swarmscope.measurements import RequestCounts, RequestKey

Views = Callable[..., RunView]
START = 1_735_689_600.25


def test_the_whole_document(run_view: Views) -> None:
    document = live(run_view(stopped=None), START + 20)
    assert json.loads(json.dumps(document, allow_nan=False)) == {
        "schema": 1,
        "run": "triggers-1",
        "system": "triggers",
        "profile": "baseline",
        "environment": "local",
        "host": "http://127.0.0.1:8000",
        "state": "running",
        "phase": "steady",
        "started": START,
        "stopped": None,
        "elapsed": 20.0,
        "planned_seconds": 60.0,
        "steady_seconds": 12.5,
        "users": 10,
        "user_classes": {"TriggersAPIUser": 8, "HighThroughputUser": 2},
        "users_wanted": 12,
        "finished": 8,
        "failures": 3,
        "unfinished": 0,
        "rate_seconds": 20.0,
        "rps": 0.4,
        "failures_per_second": 0.15,
        "in_flight": 4,
        "oldest_age": 9.5,
        "oldest_request": "GET /hung",
        "verdict": "FAIL",
        "targets": [
            {
                "id": "post-events-p95",
                "in_words": "POST /events p95 ≤ 100ms",
                "request": "POST /events",
                "kind": "p95",
                "priority": "critical",
                "limit": 0.1,
                "limit_written": "100ms",
                "value": "+Inf",
                "status": "FAIL",
                "samples": 5,
                "reason": "3 of 5 requests took at most 100ms; 95 % needed",
            },
            {
                "id": "all-rps",
                "in_words": "all requests rps ≥ 1000",
                "request": "*",
                "kind": "rps",
                "priority": "high",
                "limit": 1000.0,
                "limit_written": "1000",
                "value": 1234.5,
                "status": "PASS",
                "samples": 5,
                "reason": "1,234.5 per second; 1000 needed",
            },
            {
                "id": "all-errors",
                "in_words": "all requests error rate ≤ 0.1%",
                "request": "*",
                "kind": "error_rate",
                "priority": "medium",
                "limit": 0.001,
                "limit_written": "0.1%",
                "value": None,
                "status": "NO DATA",
                "samples": 0,
                "reason": "no request was sent",
            },
        ],
        "generators": [
            {
                "name": "w1",
                "state": "running",
                "users": 6,
                "cpu_ratio": 0.31,
                "memory_bytes": 90_000_000,
                "report_age": 0.4,
                "lag": 0.002,
            },
            {
                "name": "w2",
                "state": "missing",
                "users": 4,
                "cpu_ratio": 0.9,
                "memory_bytes": 80_000_000,
                "report_age": 12.5,
                "lag": 0.75,
            },
        ],
        "problems": ["worker w2 was lost"],
        "climb": {"held_users": 150, "held_rate": 148.25, "broken_users": None},
        "settling": None,
    }


def test_a_verdict_that_waits_says_for_what_and_until_when(run_view: Views) -> None:
    document = live(run_view(settling_until=START + 90), START + 50)
    assert document["settling"] == {"what": "CloudWatch", "until": START + 90, "seconds_left": 40.0}
    assert live(run_view(settling_until=START + 90), START + 95)["settling"]["seconds_left"] == 0.0


def test_a_run_that_has_not_started_shows_nothing_measured(run_view: Views) -> None:
    idle = run_view(started=None, stopped=None, counts={}, waiting={}, judgements=(), verdict=None, users={})
    document = live(idle, START, LiveHistory())
    assert (document["elapsed"], document["rps"], document["rate_seconds"]) == (0.0, 0.0, 0.0)
    assert (document["oldest_request"], document["verdict"]) == (None, None)
    assert isinstance(document["targets"], list)
    assert {(t["status"], t["reason"]) for t in document["targets"]} == {("NO DATA", "Not judged yet.")}


def test_elapsed_ends_when_the_load_stopped(run_view: Views) -> None:
    assert live(run_view(), START + 500)["elapsed"] == 60.25


def test_the_oldest_request_is_the_one_that_waits_longest(run_view: Views) -> None:
    waiting = {RequestKey("GET", "/a"): Waiting(5, 1.0), RequestKey("GET", "/b"): Waiting(1, 3.5)}
    document = live(run_view(waiting=waiting), START)
    assert (document["in_flight"], document["oldest_age"], document["oldest_request"]) == (6, 3.5, "GET /b")


def test_no_request_waits_when_none_is_in_flight(run_view: Views) -> None:
    document = live(run_view(waiting={RequestKey("GET", "/a"): Waiting(0, 0.0)}), START)
    assert (document["in_flight"], document["oldest_age"], document["oldest_request"]) == (0, 0.0, None)


def test_json_stays_json_when_a_number_is_none(run_view: Views) -> None:
    silent = GeneratorView("w1", "lost", report_age=float("inf"), lag=float("nan"))
    document = live(run_view(generators=[silent]), START)
    assert json.loads(json.dumps(document, allow_nan=False))["generators"] == [
        {
            "name": "w1",
            "state": "lost",
            "users": 0,
            "cpu_ratio": 0.0,
            "memory_bytes": 0,
            "report_age": "+Inf",
            "lag": None,
        }
    ]


def test_totals_add_up_every_request(counts_of: Callable[..., RequestCounts]) -> None:
    hung = counts_of(5, 6)
    hung.unfinished = 4
    counts = {RequestKey("GET", "/a"): hung, RequestKey("GET", "/b"): counts_of(1, failures={"503": 2})}
    assert totals(counts) == Totals(finished=5, failures=2, unfinished=4)


def test_rates_look_back_only_a_few_seconds() -> None:
    history = LiveHistory(rate_seconds=5)
    for second in range(1, 11):  # 100 a second
        rates = history.rates(second, Totals(100 * second, second, 0), started=0.0)
    assert rates == Rates(5, 100.0, 1.0)
    for second in range(11, 16):  # then the service hangs
        rates = history.rates(second, Totals(1000, 10, 0), started=0.0)
    assert rates == Rates(5, 0.0, 0.0)


def test_the_first_look_tells_the_rate_since_the_start() -> None:
    assert LiveHistory(5).rates(20.0, Totals(300, 30, 0), started=10.0) == Rates(10.0, 30.0, 3.0)


def test_a_late_look_tells_the_rate_since_the_one_before() -> None:
    history = LiveHistory(5)
    history.rates(10.0, Totals(100, 0, 0), started=0.0)
    assert history.rates(70.0, Totals(700, 6, 0), started=0.0) == Rates(60.0, 10.0, 0.1)


def test_nothing_can_be_said_at_the_moment_of_the_start() -> None:
    assert LiveHistory(5).rates(10.0, Totals(0, 0, 0), started=10.0) == Rates(0.0, 0.0, 0.0)
    assert LiveHistory(5).rates(10.0, Totals(0, 0, 0), started=None) == Rates(0.0, 0.0, 0.0)


@pytest.mark.parametrize("step", [0.001, 0.5, 3.0])
def test_memory_does_not_grow_with_the_number_of_looks(step: float) -> None:
    history = LiveHistory(5)
    for look in range(5000):
        history.rates(look * step, Totals(look, 0, 0), started=0.0)
    assert len(history._seen) < 60
