"""The quick benchmark's figures are counts of every sample."""

import math
from decimal import Decimal
from random import Random

import pytest

from swarmscope.errors import ExitCode
from swarmscope.quick import PERCENTAGES, Limit, Measured, exit_code, judge, lines
from swarmscope.targets import Kind
from swarmscope.verdict import Status


def measured(seconds, unanswered=0, statuses=None, **more):
    kinds = {"connection reset": unanswered} if unanswered else {}
    return Measured(
        sorted(seconds), statuses or {200: len(seconds)}, kinds, more.pop("elapsed", 1.0), 0, **more
    )


def p95(limit="100ms"):
    return Limit(Kind.P95, Decimal(limit.removesuffix("ms")) / 1000, limit)


def errors(limit="1%"):
    return Limit(Kind.ERROR_RATE, Decimal(limit.removesuffix("%")) / 100, limit)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 99, 100, 101, 1000, 1001])
def test_a_percentile_is_the_least_sample_that_so_many_did_not_exceed(size):
    random = Random(size)
    samples = [random.expovariate(50) for _ in range(size)]
    found = measured(samples)
    for percent in PERCENTAGES:
        value = found.percentile(percent)
        assert value in samples
        assert sum(each <= value for each in samples) * 100 >= percent * size
        assert sum(each < value for each in samples) * 100 < percent * size


def test_requests_without_an_answer_stand_at_the_slow_end():
    found = measured([0.01] * 95, unanswered=5)
    assert found.percentile(95) == 0.01
    assert math.isinf(found.percentile(98))
    assert found.finished == 100


def test_failed_are_those_without_an_answer_and_statuses_from_400():
    found = measured([0.01] * 7, unanswered=2, statuses={200: 3, 302: 1, 404: 2, 500: 1})
    assert found.failed == 5


@pytest.mark.parametrize(
    ("slow", "status"),
    [(0, Status.PASS), (5, Status.PASS), (6, Status.FAIL), (100, Status.FAIL)],
)
def test_a_latency_limit_holds_when_the_share_is_reached_exactly(slow, status):
    # The bound itself is not slow, the next number above it is.
    bound = 0.1
    samples = [bound] * (100 - slow) + [math.nextafter(bound, 1)] * slow
    (judged,) = judge([Limit(Kind.P95, Decimal(bound), "100ms")], measured(samples))
    assert judged.status is status


def test_a_share_is_not_rounded_across_its_limit():
    (judged,) = judge([p95()], measured([0.01] * 94_996 + [0.2] * 5_004))
    assert judged.status is Status.FAIL
    assert judged.reason == "94,996 of 100,000 requests (94.996 %) took at most 100ms; 95 % needed"


def test_unanswered_requests_miss_a_latency_limit():
    (judged,) = judge([p95()], measured([0.01] * 94, unanswered=6))
    assert (judged.status, judged.reason) == (
        Status.FAIL,
        "94 of 100 requests (94 %) took at most 100ms; 95 % needed",
    )


@pytest.mark.parametrize(("failed", "status"), [(0, Status.PASS), (10, Status.PASS), (11, Status.FAIL)])
def test_an_error_limit_is_a_share_of_all_requests(failed, status):
    (judged,) = judge([errors()], measured([0.01] * (1000 - failed), unanswered=failed))
    assert judged.status is status


def test_too_few_requests_are_no_data_unless_none_could_save_them():
    (good,) = judge([p95()], measured([0.01] * 19))
    assert good.status is Status.NO_DATA
    assert good.reason.endswith("; fewer than 20 requests say little")
    (bad,) = judge([p95()], measured([0.01] * 17 + [0.2] * 2))
    assert bad.status is Status.FAIL
    (none,) = judge([p95()], measured([]))
    assert none.status is Status.NO_DATA


@pytest.mark.parametrize(
    ("limits", "found", "interrupted", "code"),
    [
        ([], measured([0.01] * 30), False, ExitCode.PASS),
        ([], measured([0.01] * 30, unanswered=3), False, ExitCode.PASS),
        ([p95()], measured([0.01] * 30), False, ExitCode.PASS),
        ([p95()], measured([0.2] * 30), False, ExitCode.FAIL),
        ([p95(), errors()], measured([0.2] * 30), False, ExitCode.FAIL),
        ([p95()], measured([0.01] * 3), False, ExitCode.NO_DATA),
        ([], measured([], unanswered=30), False, ExitCode.SERVICE_UNREACHABLE),
        ([p95()], measured([], unanswered=30), False, ExitCode.SERVICE_UNREACHABLE),
        ([], measured([0.01]), True, ExitCode.INTERRUPTED),
        ([], measured([]), True, ExitCode.INTERRUPTED),
        ([p95()], measured([0.2] * 30), True, ExitCode.FAIL),
    ],
)
def test_the_exit_code_is_the_verdicts(limits, found, interrupted, code):
    assert exit_code(judge(limits, found), found, interrupted=interrupted) is code


def test_everything_is_printed():
    found = Measured(
        seconds=[0.001, 0.002, 0.003, 0.0041234],
        statuses={200: 3, 503: 1},
        unanswered={"connection reset": 1},
        elapsed=0.5,
        received=1500,
        sent=20,
        connections=2,
        generator_cpu=0.47,
        unfinished=3,
        note="Given up after 30 requests in a row without an answer.",
    )
    assert (
        "\n".join(lines(found, judge([errors("50%")], found)))
        == """\
  Answered     4 in 0.500 s: 8 requests/s
  Failed       2 (40 %)
               1  connection reset
               1  status 503
  Unfinished   3 when it was ended
  Statuses     200: 3, 503: 1
  Received     1,500 bytes of bodies: 3 kB/s
  Sent         20 bytes of bodies
  Connections  2 opened

  Time per request in ms, from every sample
       min      1.000
      mean      2.531
      50 %      3.000
      66 %      4.123
      75 %      4.123
      80 %      4.123
      90 %  no answer
      95 %  no answer
      98 %  no answer
      99 %  no answer
     100 %  no answer

  The generator was busy for 94 % of the time: the service may be faster than this says.
  Given up after 30 requests in a row without an answer.

  NO DATA  error rate ≤ 50%: 2 of 5 requests (40 %) failed; at most 50% allowed; fewer than 20 requests say little"""
    )


def test_without_an_answer_there_is_no_table():
    shown = lines(Measured([], {}, {"connection reset": 2}, 0.0, 0), [])
    assert "  Time per request: none was answered" in shown
    assert "  Statuses     none" in shown
