"""Judging: every rule of docs/verdict.md, with whole reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.errors import ExitCode
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.names import Outcome
from swarmscope.quantities import measured
from swarmscope.targets import Kind, Priority, Target
from swarmscope.verdict import Judgement, QueryValue, Status, Verdict, judge, verdict_of

EVENTS = RequestKey("POST", "/events")
LIMIT = Decimal("0.1")
BOUNDS = fine_bounds([LIMIT])
AT_LIMIT = BOUNDS.index(LIMIT)


def target(kind: Kind = Kind.P95, limit: str = "0.1", written: str = "100ms", **fields: object) -> Target:
    fields = {"request": "POST /events", **fields}
    return Target(id="t", kind=kind, limit=Decimal(limit), written=written, **fields)  # type: ignore[arg-type]


def counted(
    fast: int = 0,
    slow: int = 0,
    *,
    failures: int = 0,
    unfinished: int = 0,
    duration_sum: float = 0.0,
    untimed: int = 0,
) -> RequestCounts:
    """Requests that took exactly 100 ms (`fast`) and ones that took the next bucket (`slow`)."""
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[AT_LIMIT], buckets[AT_LIMIT + 1] = fast, slow
    finished = fast + slow + untimed
    outcomes = {
        (Outcome.SUCCESS, "200"): finished - failures,
        (Outcome.FAILURE, "500"): failures,
    }
    return RequestCounts(buckets, duration_sum, 0.0, dict(outcomes), unfinished=unfinished)


def window(
    counts: RequestCounts | Mapping[RequestKey, RequestCounts] | None = None,
    seconds: float = 10.0,
    finished_by_stop: int | None = None,
) -> Window:
    snapshot = {EVENTS: counts} if isinstance(counts, RequestCounts) else counts or {}
    finished = {key: each.finished for key, each in snapshot.items()}
    if finished_by_stop is not None:
        finished = {EVENTS: finished_by_stop}
    return Window(BOUNDS, seconds, snapshot, finished)


def one(a_target: Target, a_window: Window, answer: QueryValue | None = None) -> Judgement:
    return judge([a_target], a_window, {a_target.id: answer} if answer else None)[0]


def outcome(judgement: Judgement) -> tuple[Status, float | None, int, str]:
    return judgement.status, judgement.value, judgement.samples, judgement.reason


def test_a_share_of_exactly_the_quantile_passes_and_counts_the_bound_itself() -> None:
    assert outcome(one(target(), window(counted(95, 5)))) == (
        Status.PASS,
        0.1,
        100,
        "95 of 100 requests (95 %) took at most 100ms; 95 % needed",
    )


def test_one_request_too_many_above_the_limit_fails_and_the_share_does_not_read_as_enough() -> None:
    assert outcome(one(target(), window(counted(94_999, 5_001)))) == (
        Status.FAIL,
        0.105,
        100_000,
        "94,999 of 100,000 requests (94.999 %) took at most 100ms; 95 % needed",
    )


def test_p999_is_exact_over_many_requests() -> None:
    p999 = target(Kind.P999)
    assert one(p999, window(counted(999_000_000, 1_000_000))).status is Status.PASS
    assert one(p999, window(counted(998_999_999, 1_000_001))).status is Status.FAIL


def test_unfinished_requests_count_as_slow_and_push_the_value_beyond_every_bound() -> None:
    assert outcome(one(target(), window(counted(100, unfinished=6)))) == (
        Status.FAIL,
        math.inf,
        106,
        "100 of 106 requests (94.3 %) took at most 100ms; 95 % needed; "
        "6 were never answered and count as slow",
    )


def test_a_few_unfinished_requests_do_not_fail_a_percentile_that_holds_without_them() -> None:
    judgement = one(target(), window(counted(99, unfinished=1)))
    assert (judgement.status, judgement.value) == (Status.PASS, 0.1)
    assert judgement.reason.endswith("; 1 was never answered and counts as slow")


def test_the_slow_last_bucket_reads_as_beyond_the_last_bound() -> None:
    counts = counted()
    counts.buckets[-1] = 10
    counts.outcomes[(Outcome.SUCCESS, "200")] = 10
    judgement = one(target(), window(counts))
    assert judgement.value == math.inf
    assert measured(judgement.target, judgement.value) == "over 60s, or never"


def test_a_service_that_answered_nothing_fails_every_kind_of_target() -> None:
    hung = window(counted(unfinished=50))
    assert outcome(one(target(min_samples=1000), hung)) == (
        Status.FAIL,
        math.inf,
        50,
        "not one of 50 requests was answered",
    )
    assert one(target(Kind.AVERAGE), hung).value == math.inf
    assert one(target(Kind.ERROR_RATE, "0.01", "1%"), hung).value == 1.0
    assert one(target(Kind.RPS, "10", "10"), hung).value == 0.0
    for kind in (Kind.AVERAGE, Kind.ERROR_RATE, Kind.RPS):
        assert one(target(kind), hung).status is Status.FAIL


@pytest.mark.parametrize("kind", [Kind.P50, Kind.P999, Kind.AVERAGE, Kind.ERROR_RATE, Kind.RPS])
def test_no_traffic_is_no_data_not_pass(kind: Kind) -> None:
    judgement = one(target(kind), window(counted()))
    assert outcome(judgement) == (Status.NO_DATA, None, 0, "no request was sent in the steady phase")


def test_a_request_that_never_ran_is_no_data() -> None:
    judgement = one(target(request="GET /nowhere"), window(counted(10)))
    assert outcome(judgement) == (Status.NO_DATA, None, 0, "no request named GET /nowhere ran")


def test_no_request_at_all_is_no_data() -> None:
    assert one(target(request="*"), window()).reason == "no request ran"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_steady_phase_that_was_never_reached_is_no_data(kind: Kind) -> None:
    judgement = one(target(kind), window(counted(100), seconds=0.0), QueryValue(0.0))
    assert judgement.status is Status.NO_DATA
    assert judgement.reason == "the steady phase was never reached, so nothing was judged"


def test_too_few_samples_are_no_data_even_when_all_are_good() -> None:
    assert outcome(one(target(min_samples=100), window(counted(99)))) == (
        Status.NO_DATA,
        0.1,
        99,
        "only 99 of the 100 samples that it takes: 99 of 99 requests (100 %) took at most 100ms; 95 % needed",
    )


def test_too_few_samples_fail_only_when_the_missing_ones_could_not_save_it() -> None:
    assert one(target(min_samples=100), window(counted(0, 5))).status is Status.NO_DATA
    assert outcome(one(target(min_samples=100), window(counted(0, 6)))) == (
        Status.FAIL,
        0.105,
        6,
        "0 of 6 requests (0 %) took at most 100ms; 95 % needed "
        "(only 6 of the 100 samples that it takes, but more cannot save it)",
    )


def test_few_errors_below_the_minimum_are_no_data_until_they_are_too_many_for_it() -> None:
    errors = target(Kind.ERROR_RATE, "0.05", "5%", min_samples=100)
    assert one(errors, window(counted(10, failures=5))).status is Status.NO_DATA
    assert one(errors, window(counted(10, failures=6))).status is Status.FAIL


def test_an_error_rate_at_its_limit_passes_and_counts_unfinished_requests_as_failed() -> None:
    errors = target(Kind.ERROR_RATE, "0.001", "0.1%")
    assert outcome(one(errors, window(counted(1000, failures=1)))) == (
        Status.PASS,
        0.001,
        1000,
        "1 of 1,000 requests (0.1 %) failed; at most 0.1% allowed",
    )
    assert outcome(one(errors, window(counted(999, failures=1, unfinished=1)))) == (
        Status.FAIL,
        0.002,
        1000,
        "2 of 1,000 requests (0.2 %) failed, 1 of them without an answer; at most 0.1% allowed",
    )


def test_an_error_rate_just_over_its_limit_is_not_shown_as_the_limit() -> None:
    judgement = one(target(Kind.ERROR_RATE, "0.001", "0.1%"), window(counted(999_999, failures=1_000)))
    assert judgement.status is Status.FAIL
    assert measured(judgement.target, judgement.value) == "0.1000001 %"


def test_a_rate_counts_only_what_finished_while_the_load_ran() -> None:
    rate = target(Kind.RPS, "10", "10")
    assert outcome(one(rate, window(counted(200), seconds=10.0, finished_by_stop=99))) == (
        Status.FAIL,
        9.9,
        200,
        "99 requests finished in 10 s: 9.9/s; at least 10 per second needed",
    )
    assert one(rate, window(counted(200), seconds=10.0, finished_by_stop=100)).status is Status.PASS


def test_a_rate_has_no_tolerance() -> None:
    rate = target(Kind.RPS, "10", "10")
    judgement = one(rate, window(counted(100), seconds=math.nextafter(10.0, 11)))
    assert judgement.status is Status.FAIL
    assert judgement.value is not None
    assert judgement.value < 10


def test_an_average_at_its_limit_passes_and_above_it_fails() -> None:
    average = target(Kind.AVERAGE, "0.25", "250ms")
    assert outcome(one(average, window(counted(8, duration_sum=2.0)))) == (
        Status.PASS,
        0.25,
        8,
        "8 requests took 250ms on average; at most 250ms allowed",
    )
    assert one(average, window(counted(8, duration_sum=2.0001))).status is Status.FAIL


def test_an_average_never_passes_while_a_request_hangs() -> None:
    assert outcome(one(target(Kind.AVERAGE), window(counted(100, duration_sum=2.0, unfinished=1)))) == (
        Status.NO_DATA,
        None,
        101,
        "100 requests took 20ms on average; at most 100ms allowed, "
        "but 1 request never got an answer, so the average is not known",
    )


def test_an_average_over_its_limit_fails_with_or_without_unfinished_requests() -> None:
    judgement = one(target(Kind.AVERAGE), window(counted(100, duration_sum=20.0, unfinished=2)))
    assert judgement.status is Status.FAIL
    assert judgement.reason == (
        "100 requests took 200ms on average; at most 100ms allowed; 2 were never answered and count as slow"
    )


def test_requests_without_a_response_time_are_no_data_for_latency_but_count_for_errors() -> None:
    untimed = window(counted(untimed=20))
    assert outcome(one(target(), untimed)) == (
        Status.NO_DATA,
        None,
        0,
        "none of 20 requests had a response time",
    )
    assert one(target(Kind.ERROR_RATE, "0.01", "1%"), untimed).status is Status.PASS


def test_a_pattern_is_judged_over_all_requests_that_it_names() -> None:
    inbox = RequestKey("GET", "/inbox")
    both = window({EVENTS: counted(90, 0), inbox: counted(4, 6)})
    assert one(target(request="*"), both).reason.startswith("94 of 100 requests (94 %)")


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        (Kind.MAX, 0.1, Status.PASS),
        (Kind.MAX, 0.10000000000000002, Status.FAIL),
        (Kind.MIN, 0.1, Status.PASS),
        (Kind.MIN, 0.09999999999999999, Status.FAIL),
        (Kind.MAX, math.inf, Status.FAIL),
        (Kind.MAX, math.nan, Status.NO_DATA),
    ],
)
def test_a_query_is_compared_as_the_number_that_was_answered(
    kind: Kind, value: float, status: Status
) -> None:
    server = target(kind, "0.1", "0.1s", request="", query="q", unit="s")
    assert one(server, window(counted(1)), QueryValue(value)).status is status


def test_a_query_without_an_answer_is_no_data_with_its_reason() -> None:
    server = target(Kind.MAX, "3", "3s", request="", query="q", unit="s")
    assert outcome(one(server, window(), QueryValue(None, "the answer was empty"))) == (
        Status.NO_DATA,
        None,
        0,
        "the answer was empty",
    )
    assert one(server, window()).reason == "its query was not asked"
    assert one(server, window(), QueryValue(3.5)).reason == (
        "measured 3.5 s on the service's side; at most 3s wanted"
    )


def test_a_limit_that_is_no_bound_is_refused_rather_than_interpolated() -> None:
    with pytest.raises(ValueError, match=r"^0\.1234 s is not a bucket bound"):
        one(target(limit="0.1234"), window(counted(1)))


small = st.integers(min_value=0, max_value=400)


@given(
    kind=st.sampled_from([kind for kind in Kind if not kind.is_query]),
    fast=small,
    slow=small,
    failures=small,
    unfinished=st.integers(min_value=0, max_value=30),
    seconds=st.floats(min_value=0.01, max_value=1000),
    mean=st.floats(min_value=0.0, max_value=0.3),
    limit=st.decimals(min_value="0.0001", max_value="60", places=5),
    min_samples=st.integers(min_value=1, max_value=300),
)
def test_what_is_shown_never_contradicts_the_status(
    *,
    kind: Kind,
    fast: int,
    slow: int,
    failures: int,
    unfinished: int,
    seconds: float,
    mean: float,
    limit: Decimal,
    min_samples: int,
) -> None:
    limit = LIMIT if kind.quantile else limit
    a_target = target(kind, str(limit), "limit", min_samples=min_samples)
    counts = counted(
        fast,
        slow,
        failures=min(failures, fast + slow),
        unfinished=unfinished,
        duration_sum=mean * (fast + slow),
    )
    judgement = one(a_target, window(counts, seconds))
    if judgement.status is Status.PASS:
        assert judgement.samples >= min_samples
    if judgement.status is Status.NO_DATA or judgement.value is None:
        return
    good = judgement.value >= float(limit) if kind is Kind.RPS else judgement.value <= float(limit)
    assert good == (judgement.status is Status.PASS)
    shown = measured(a_target, judgement.value)
    at_limit = measured(a_target, float(limit))
    assert (shown != at_limit) or judgement.status is Status.PASS


def judged(status: Status, priority: Priority = Priority.HIGH) -> Judgement:
    return Judgement(target(priority=priority), status, 1.0, 1, "")


@pytest.mark.parametrize(
    ("statuses", "invalid", "verdict"),
    [
        ([Status.PASS, Status.FAIL, Status.NO_DATA], ["worker lost"], Verdict.FAIL),
        ([Status.PASS, Status.NO_DATA], ["worker lost"], Verdict.INVALID),
        ([Status.PASS, Status.NO_DATA], [], Verdict.NO_DATA),
        ([Status.PASS, Status.PASS], [], Verdict.PASS),
        ([], [], Verdict.NO_DATA),
        ([], ["worker lost"], Verdict.INVALID),
    ],
)
def test_the_worst_that_is_known_is_the_verdict(
    statuses: list[Status], invalid: list[str], verdict: Verdict
) -> None:
    assert verdict_of([judged(status) for status in statuses], invalid, Priority.MEDIUM) is verdict


@pytest.mark.parametrize("status", [Status.FAIL, Status.NO_DATA])
def test_targets_below_the_gate_do_not_decide(status: Status) -> None:
    judgements = [judged(Status.PASS, Priority.CRITICAL), judged(status, Priority.HIGH)]
    assert verdict_of(judgements, [], Priority.CRITICAL) is Verdict.PASS
    assert verdict_of(judgements, [], Priority.HIGH) is not Verdict.PASS


def test_a_gate_that_covers_no_judged_target_has_nothing_to_rest_on() -> None:
    assert verdict_of([judged(Status.PASS, Priority.MEDIUM)], [], Priority.CRITICAL) is Verdict.NO_DATA


def test_every_verdict_has_its_own_exit_code() -> None:
    assert [verdict.exit_code for verdict in Verdict] == [
        ExitCode.PASS,
        ExitCode.FAIL,
        ExitCode.INVALID,
        ExitCode.NO_DATA,
    ]
