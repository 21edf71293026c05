"""Windows and the merging of what they bring hold for every clock, period, delay and order of answers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.queries import Query, Series
from swarmscope.aws.settings import AwsSettings
from swarmscope.aws.timeline import Timeline
from swarmscope.aws.windows import (
    LOOK_BACK_PERIODS,
    MOST_PERIODS,
    Window,
    batches,
    groups,
    next_settling,
    settled_end,
    window,
)

PERIODS = st.sampled_from([1, 5, 10, 30, 60, 120, 300, 3600])
MOMENTS = st.floats(1.6e9, 1.9e9)
DELAYS = st.floats(0, 900)
MINUTE = 1_700_000_040  # a whole one


@given(now=MOMENTS, period=PERIODS, delay=DELAYS)
def test_what_is_settled_is_whole_and_old_enough(now: float, period: int, delay: float) -> None:
    end = settled_end(now, period, delay)
    assert end % period == 0
    assert end + delay <= now + 1e-3
    assert now < end + period + delay + 1e-3
    assert next_settling(now, period, delay) == pytest.approx(end + period + delay)
    assert settled_end(next_settling(now, period, delay) + 1e-3, period, delay) == end + period


@given(
    now=MOMENTS,
    period=PERIODS,
    ago=st.floats(0, 100_000),
    read=st.lists(st.none() | st.integers(0, 3000), min_size=1, max_size=5),
)
def test_a_window_is_whole_bounded_and_leaves_no_gap(
    now: float, period: int, ago: float, read: list[int | None]
) -> None:
    end = settled_end(now, period, 60)
    first = now - ago
    until = [None if back is None else end - back * period for back in read]
    found = window(first, until, end, period)
    begin = first // period * period
    known = min(begin if each is None else max(begin, each) for each in until)
    if found is None:
        assert known >= end
        return
    assert found.start % period == found.end % period == 0
    assert begin <= found.start < found.end == end
    assert (found.end - found.start) // period <= MOST_PERIODS
    if (end - known) // period <= MOST_PERIODS - LOOK_BACK_PERIODS:
        assert found.start <= max(begin, known)


@given(st.integers(0, 3000), st.integers(1, 500))
def test_batches_are_as_few_as_can_be_and_lose_nothing(count: int, most: int) -> None:
    queries = [Query(Series(f"s{index}", ()), "n", "m", (), "Sum") for index in range(count)]
    found = batches(queries, most)
    assert [query for batch in found for query in batch] == queries
    assert len(found) == -(-count // most)
    assert all(len(batch) <= most for batch in found)


def test_queries_are_grouped_by_period_and_by_their_namespaces_delay() -> None:
    queries = [
        Query(Series("a", ()), "AWS/Lambda", "m", (), "Sum"),
        Query(Series("b", ()), "Late", "m", (), "Sum"),
        Query(Series("c", ()), "AWS/Lambda", "m", (), "Sum", period=300),
        Query(Series("d", ()), "AWS/Lambda", "m", (), "Sum"),
    ]
    found = groups(queries, AwsSettings(delay_seconds=120, namespace_delays={"Late": 400}))
    assert [
        (group.period, group.delay, [query.series.name for query in group.queries]) for group in found
    ] == [
        (60, 120, ["a", "d"]),
        (60, 400, ["b"]),
        (300, 120, ["c"]),
    ]


@given(
    truth=st.dictionaries(st.integers(0, 40), st.floats(0, 1e6), max_size=40),
    seed=st.integers(0, 2**32),
    nil_is_zero=st.booleans(),
)
def test_whatever_the_polls_every_point_is_shown_once_in_order(
    truth: dict[int, float], seed: int, nil_is_zero: bool
) -> None:
    """Windows of any length that never leave a gap, some of them read twice, some failing."""
    chance = random.Random(seed)
    points = {MINUTE + 60 * minute: value for minute, value in truth.items()}
    timeline = Timeline(60, nil_is_zero=nil_is_zero)
    shown: list[tuple[int, float]] = []
    read_until = MINUTE
    end = MINUTE
    while read_until < MINUTE + 60 * 41:
        end = min(end + 60 * chance.randint(0, 3), MINUTE + 60 * 41)
        if chance.random() < 0.3:
            continue  # it failed
        start = max(MINUTE, read_until - 60 * chance.randint(0, LOOK_BACK_PERIODS))
        if start < end:
            got = Window(start, end)
            assert timeline.merge(got, {at: value for at, value in points.items() if start <= at < end}) == 0
            read_until = end
        while timeline.step(oldest=0):
            shown += [timeline.shown] if timeline.shown else []
    wanted = {MINUTE + 60 * minute: 0.0 for minute in range(41)} if nil_is_zero else {}
    assert shown == sorted((wanted | points).items())
    assert timeline.shown_until == MINUTE + 60 * 41


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10), st.integers(0, 5)), max_size=30))
def test_timestamps_never_go_back(reads: list[tuple[int, int, int]]) -> None:
    """Whatever windows are read in whatever order, with values that change from one to the next."""
    timeline = Timeline(60)
    last = 0
    for number, (start, length, steps) in enumerate(reads):
        got = Window(MINUTE + 60 * start, MINUTE + 60 * (start + length))
        timeline.merge(got, {at: float(number) for at in range(got.start, got.end, 60)})
        for _ in range(steps):
            timeline.step(oldest=0)
            if timeline.shown is not None:
                assert timeline.shown.start >= last
                last = timeline.shown.start


def test_points_that_differ_when_they_are_read_again_are_counted_once_each() -> None:
    timeline = Timeline(60)
    first, again = Window(MINUTE, MINUTE + 180), Window(MINUTE, MINUTE + 240)
    assert timeline.merge(first, {MINUTE: 1.0, MINUTE + 60: 2.0}) == 0
    # One changed, one appeared, one is new.
    later = {MINUTE: 1.0, MINUTE + 60: 5.0, MINUTE + 120: 3.0, MINUTE + 180: 4.0}
    assert timeline.merge(again, later) == 2
    assert timeline.merge(again, later) == 0
    # An answer that lags behind takes nothing away.
    assert timeline.merge(again, {}) == 0
    assert timeline.known(again) == later


def test_a_zero_that_turns_out_to_be_something_is_a_correction() -> None:
    timeline = Timeline(60, nil_is_zero=True)
    assert timeline.merge(Window(MINUTE, MINUTE + 60), {}) == 0
    assert timeline.merge(Window(MINUTE, MINUTE + 120), {MINUTE: 2.0}) == 1
    assert timeline.known(Window(MINUTE, MINUTE + 120)) == {MINUTE: 2.0, MINUTE + 60: 0.0}


def test_what_is_known_is_bounded() -> None:
    timeline = Timeline(60)
    for minute in range(1000):
        start = MINUTE + 60 * minute
        timeline.merge(Window(start, start + 60), {start: 1.0})
        timeline.step(oldest=0)
    assert len(timeline.known(Window(MINUTE, MINUTE + 60_000))) <= LOOK_BACK_PERIODS + 2


def test_points_too_old_for_the_page_are_passed_over() -> None:
    timeline = Timeline(60)
    timeline.merge(Window(MINUTE, MINUTE + 180), {MINUTE: 1.0, MINUTE + 60: 2.0, MINUTE + 120: 3.0})
    assert timeline.step(oldest=MINUTE + 120)
    assert timeline.shown == (MINUTE + 120, 3.0)
    assert timeline.shown_until == MINUTE + 180
