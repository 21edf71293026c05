"""First against last part of a long steady phase, and how few moments it takes to know."""

import itertools
from decimal import Decimal

import pytest

from swarmscope.drift import LEAST_SECONDS, MOST_POINTS, DriftRecord, Point, drift
from swarmscope.measurements import RequestCounts
from swarmscope.names import Outcome

BOUNDS = (Decimal("0.01"), Decimal("0.1"), Decimal(1))


def counted(fast=0, slow=0, failed=0):
    outcomes = {(Outcome.SUCCESS, "200"): fast + slow - failed, (Outcome.FAILURE, "500"): failed}
    return RequestCounts([fast, slow, 0, 0], outcomes=outcomes)


def points(seconds, every=10, memory=lambda at: 100):
    """Fast answers in the first half, slow ones with a few failures in the second."""
    half = seconds / 2
    return [
        Point(
            float(at),
            counted(int(10 * min(at, half)), int(10 * max(0, at - half)), int(max(0, at - half))),
            5,
            memory(at),
        )
        for at in range(0, seconds + 1, every)
    ]


def test_the_first_quarter_is_compared_with_the_last():
    found = drift(points(400, memory=lambda at: 1000 + at), BOUNDS)
    assert (found.first.began, found.first.ended, found.first.p95, found.first.error_ratio) == (
        0,
        100,
        0.01,
        0,
    )
    assert (found.last.began, found.last.ended, found.last.p95) == (300, 400, 0.1)
    assert found.last.error_ratio == pytest.approx(0.1)
    assert (found.first.finished, found.last.finished) == (1000, 1000)
    assert (found.memory_first, found.memory_last) == (1100, 1400)


def test_a_short_steady_phase_says_nothing():
    assert drift(points(int(LEAST_SECONDS) - 10), BOUNDS) is None
    assert drift([], BOUNDS) is None
    assert drift(points(int(LEAST_SECONDS)), BOUNDS) is not None


def test_memory_that_is_not_known_is_not_compared():
    found = drift(points(400, memory=lambda at: 0), BOUNDS)
    assert (found.memory_first, found.memory_last) == (None, None)


def test_a_long_run_keeps_few_points_evenly_spread_and_the_latest():
    record = DriftRecord()
    for second in range(10_000):
        if record.due(float(second)):
            record.add(Point(float(second), counted(second), 5, 0))
    times = [point.at for point in record.points]
    assert len(times) <= MOST_POINTS + 1
    assert times[0] == 0
    assert times[-1] > 10_000 - 2 * (times[2] - times[1])
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) <= 2 * min(gaps[:-1])
