"""What to look at next: each sentence where its measurements are, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.report.advice import advice
from swarmscope.run_result import FiredAlert, RunResult
from swarmscope.targets import Kind, Profile, Target
from swarmscope.verdict import judge, verdict_of

Make = Callable[..., RunResult]
EVENTS = RequestKey("POST", "/events")
INBOX = RequestKey("GET", "/inbox")
BOUNDS = fine_bounds([Decimal("0.1")])
P95 = Target("t", Kind.P95, Decimal("0.1"), "100ms", request="POST /events")


def counted(buckets: dict[str, int], **more: Any) -> RequestCounts:
    counts = RequestCounts(
        [0] * (len(BOUNDS) + 1), outcomes={("success", "200"): sum(buckets.values())}, **more
    )
    for bound, number in buckets.items():
        counts.buckets[BOUNDS.index(Decimal(bound))] = number
        counts.duration_sum += float(bound) * number
    return counts


@pytest.fixture
def advise(make: Make) -> Callable[..., list[str]]:
    """The advice on a run of one target with these counters in its judged window (and outside of it)."""

    def run(
        target: Target,
        window_counts: dict[RequestKey, RequestCounts],
        totals: dict[RequestKey, RequestCounts] | None = None,
        **changes: Any,
    ) -> list[str]:
        window = Window(
            BOUNDS,
            changes.pop("seconds", 60.0),
            window_counts,
            {k: c.finished for k, c in window_counts.items()},
        )
        base = make()
        system = replace(base.system, targets=(target,))
        judgements = judge([target], window)
        defaults: dict[str, Any] = {
            "system": system,
            "judgements": judgements,
            "verdict": verdict_of(judgements, (), system.gate),
            "window": window,
            "totals": window_counts if totals is None else totals,
            "invalid": (),
            "pending": (),
            "alerts": (),
            "not_judged": (),
        }
        return advice(make(**{**defaults, **changes}))

    return run


Advise = Callable[..., list[str]]


def test_nothing_is_said_about_a_run_in_which_nothing_stands_out(advise: Advise) -> None:
    assert advise(P95, {EVENTS: counted({"0.01": 1000})}) == [
        "Nothing stands out: every target that was judged held with room to spare."
    ]


def test_a_slow_median_is_told_from_a_slow_tail(advise: Advise) -> None:
    slow = advise(P95, {EVENTS: counted({"0.05": 300, "0.12": 400, "0.14": 300})})
    assert slow == [
        "70 % of POST /events took longer than 100ms, and even the median is 120ms: the whole request is slow, "
        "not single ones; compare its work with the machine's limits (CPU, database, pool sizes)."
    ]
    grown = {str(bound): 10 for bound in BOUNDS if Decimal("0.05") <= bound <= Decimal("0.12")}
    tail = advise(P95, {EVENTS: counted({"0.01": 200, **grown})})
    assert len(tail) == 1
    assert tail[0].endswith("while the median is 55ms: a tail of slow requests, not a slow service.")


def test_two_kinds_of_answers_are_recognised_by_the_gap_between_them(advise: Advise) -> None:
    assert advise(P95, {EVENTS: counted({"0.01": 900, "0.4": 100})}) == [
        "10 % of POST /events took longer than 100ms. There are two kinds of answers: 90 % within 10ms and 10 % above "
        "390ms, none between; look for what sets the slow ones apart (a cache miss, a cold start, a retry, a lock)."
    ]


def test_the_request_behind_the_slow_answers_of_a_pattern_is_named(advise: Advise) -> None:
    everything = replace(P95, request="*")
    found = advise(
        everything, {EVENTS: counted({"0.01": 900, "0.4": 90}), INBOX: counted({"0.01": 100, "0.4": 10})}
    )
    assert found[1] == "90 % of the 100 answers over 100ms (all requests p95 ≤ 100ms) are POST /events."


def test_the_time_of_the_alert_is_given_to_look_up_in_logs(advise: Advise, make: Make) -> None:
    start = make().info.started
    alerts = (FiredAlert("LatencyTargetBreached", {"target": "t"}, start + 23, start + 41),)
    found = advise(P95, {EVENTS: counted({"0.01": 900, "0.4": 100})}, alerts=alerts)
    assert found[0] == (
        "POST /events p95 ≤ 100ms: LatencyTargetBreached fired 23 s after the start, at 00:00:23 UTC, for 18 s: "
        "look at what the service did just before."
    )


def test_a_rate_that_the_users_held_down_says_how_many_it_takes(advise: Advise) -> None:
    rate = Target("r", Kind.RPS, Decimal(100), "100", request="POST /events")
    assert advise(rate, {EVENTS: counted({"0.02": 3000})}) == [
        "POST /events rps ≥ 100: 50 users made a request every 1s each, 20ms of it waiting for the service: "
        "the load is too small rather than the service too slow. At this pace it takes about 100 users."
    ]


def test_a_rate_that_the_service_held_down_says_how_much_faster_it_must_be(advise: Advise) -> None:
    rate = Target("r", Kind.RPS, Decimal(100), "100", request="POST /events")
    assert advise(rate, {EVENTS: counted({"0.95": 3000})}) == [
        "POST /events rps ≥ 100: 50 users made a request every 1s each, 950ms of it waiting for the service, "
        "so its response time limits the rate: it has to answer 2 times as fast, or more users at once have to be "
        "served as fast."
    ]


def test_the_most_frequent_failure_and_failures_without_a_status_are_named(advise: Advise) -> None:
    counts = counted({"0.01": 1000}, errors={"ConnectionRefusedError": 30, "HTTPError 503": 10})
    counts.outcomes = {("success", "200"): 960, ("failure", "none"): 30, ("failure", "503"): 10}
    assert advise(P95, {EVENTS: counts}) == [
        "75 % of the 40 failures are one kind: POST /events with ConnectionRefusedError (3 % of that request).",
        "30 of the 40 failures have no HTTP status: connections were refused, reset or timed out before the "
        "service's own code could answer.",
    ]


def test_a_target_on_a_misspelt_request_asks_whether_another_was_meant(advise: Advise) -> None:
    misspelt = replace(P95, request="POST /event")
    assert advise(misspelt, {EVENTS: counted({"0.01": 1000})}) == [
        "POST /event p95 ≤ 100ms: no request has this name in Locust's statistics; did you mean POST /events?"
    ]


def test_too_few_samples_say_how_long_a_run_would_take(advise: Advise) -> None:
    wanted = replace(P95, min_samples=1000)
    assert advise(wanted, {EVENTS: counted({"0.01": 100})}) == [
        "POST /events p95 ≤ 100ms: 100 requests came in 1 min; at this rate 1,000 take 10 min."
    ]


def test_a_slow_ramp_is_mentioned(advise: Advise) -> None:
    window = counted({"0.01": 1000})
    totals = window.copy()
    totals.add(counted({"0.12": 100}))
    assert advise(P95, {EVENTS: window}, {EVENTS: totals}) == [
        "POST /events was slower outside the judged window: p95 120ms there, 10ms in it; if users meet that too "
        "(cold caches, pools, functions), judge it with a target of its own."
    ]


def test_a_ramp_within_the_limit_is_not_mentioned(advise: Advise) -> None:
    totals = counted({"0.01": 1000, "0.09": 100})
    assert advise(P95, {EVENTS: counted({"0.01": 1000})}, {EVENTS: totals})[0].startswith(
        "Nothing stands out"
    )


def test_a_rate_that_hanging_requests_held_down_does_not_ask_for_more_users(advise: Advise) -> None:
    rate = Target("r", Kind.RPS, Decimal(100), "100", request="POST /events")
    hanging = advise(rate, {EVENTS: counted({"0.02": 3000}, unfinished=40)})
    assert hanging[1:] == [
        "POST /events rps ≥ 100: 40 requests of 50 users were still waiting at the end for an answer that never came, "
        "and sent nothing meanwhile: that held the rate down."
    ]


def test_a_rate_below_its_floor_for_a_time_only_does_not_ask_for_more_users(
    advise: Advise, make: Make
) -> None:
    rate = Target("r", Kind.RPS, Decimal(100), "100", request="POST /events")
    start = make().info.started
    alerts = (FiredAlert("RateTargetBreached", {"target": "r"}, start + 23, start + 41),)
    found = advise(rate, {EVENTS: counted({"0.02": 3000})}, alerts=alerts)
    assert [sentence.partition(" after the start")[0] for sentence in found] == [
        "POST /events rps ≥ 100: RateTargetBreached fired 23 s"
    ]


def test_rate_limited_answers_are_mentioned_from_one_percent(advise: Advise) -> None:
    counts = counted({"0.01": 1000})
    counts.outcomes = {("success", "200"): 980, ("success", "429"): 20}
    assert advise(P95, {EVENTS: counts}) == [
        "2 % of all answers (20) were 429, most of them POST /events: a rate limit, not the service's capacity, "
        "decided how much work got through."
    ]
    counts.outcomes = {("success", "200"): 991, ("success", "429"): 9}
    assert advise(P95, {EVENTS: counts})[0].startswith("Nothing stands out")


def test_a_narrow_pass_says_how_narrow(advise: Advise) -> None:
    assert advise(P95, {EVENTS: counted({"0.01": 952, "0.11": 48})}) == [
        "POST /events p95 ≤ 100ms held narrowly: 3 requests more over 100ms, of 1,000, would have missed it."
    ]
    assert advise(P95, {EVENTS: counted({"0.01": 960, "0.11": 40})})[0].startswith("Nothing stands out")


def test_a_run_too_short_to_be_judged_says_how_long_it_takes(advise: Advise) -> None:
    profile = Profile("p", users=100, spawn_rate=Decimal(2), warm_up=Decimal(30))
    assert advise(P95, {EVENTS: counted({"0.01": 10})}, seconds=0.0, profile=profile) == [
        "The run took 1 min 15 s, but starting 100 users at 2 per second and warming up takes 1 min 20 s before "
        "anything is judged."
    ]


def test_a_missed_server_side_target_alone_does_not_read_as_nothing_stands_out(advise: Advise) -> None:
    server = Target("cold", Kind.MAX, Decimal(3), "3s", query="q")
    assert advise(server, {EVENTS: counted({"0.01": 1000})}) == [
        "The measurements say no more than the reasons given with the targets."
    ]


def test_there_are_never_more_than_ten(make: Make) -> None:
    targets = tuple(replace(P95, id=f"t{index}", request=f"GET /x{index}") for index in range(30))
    base = make()
    judgements = judge(targets, base.window)
    assert len(advice(make(system=replace(base.system, targets=targets), judgements=judgements))) == 10
