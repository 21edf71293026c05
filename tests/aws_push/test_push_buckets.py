"""Buckets keep percentiles within half a percent, and everything else exactly."""

import math
from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.push_buckets import WIDTH, Durations

times = st.floats(0.001, 1e7)


def durations_of(values: Sequence[float]) -> Durations:
    durations = Durations()
    durations.add(values)
    return durations


def percentile(values: Sequence[tuple[float, int]], percent: int) -> float:
    """The least value that at least so many percent are at or below."""
    rank = max(1, math.ceil(Fraction(percent, 100) * sum(count for _, count in values)))
    so_far = 0
    for value, count in sorted(values):
        so_far += count
        if so_far >= rank:
            return value
    raise AssertionError("counts do not add up")


def seconds(values: Sequence[float]) -> list[tuple[float, int]]:
    return [(value / 1000, 1) for value in values]


@given(st.lists(times, min_size=1, max_size=300))
def test_count_sum_least_and_greatest_are_kept_exactly(values: list[float]) -> None:
    sent = durations_of(values).seconds()
    assert sum(count for _, count in sent) == len(values)
    assert math.isclose(
        math.fsum(value * count for value, count in sent), math.fsum(values) / 1000, rel_tol=1e-9
    )
    assert min(sent)[0] == min(values) / 1000
    assert max(sent)[0] == max(values) / 1000
    assert sent == sorted(sent)


@given(st.lists(times, min_size=1, max_size=300), st.integers(0, 100))
def test_every_percentile_is_within_a_bucket_s_width(values: list[float], percent: int) -> None:
    sent, exact = durations_of(values).seconds(), percentile(seconds(values), percent)
    assert exact / WIDTH <= percentile(sent, percent) * (1 + 1e-12)
    assert percentile(sent, percent) <= exact * WIDTH * (1 + 1e-12)


@given(
    st.lists(times, min_size=1, max_size=100), st.lists(times, min_size=1, max_size=100), st.integers(0, 100)
)
def test_windows_that_cloudwatch_adds_up_keep_that(
    first: list[float], second: list[float], percent: int
) -> None:
    sent = durations_of(first).seconds() + durations_of(second).seconds()
    exact = percentile(seconds(first + second), percent)
    assert exact / WIDTH <= percentile(sent, percent) * (1 + 1e-12)
    assert percentile(sent, percent) <= exact * WIDTH * (1 + 1e-12)


@given(st.lists(times, max_size=100), st.lists(times, max_size=100))
def test_merging_is_counting_together(first: list[float], second: list[float]) -> None:
    merged = durations_of(first)
    merged.merge(durations_of(second))
    one, other = (
        [value for value, count in each.seconds() for _ in range(count)]
        for each in (merged, durations_of(first + second))
    )
    assert len(one) == len(other)
    assert all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(one, other, strict=True))


def test_nothing_gives_nothing_and_one_gives_itself() -> None:
    assert durations_of([]).seconds() == []
    assert durations_of([304.0]).seconds() == [(0.304, 1)]
    assert durations_of([304.0, 304.0]).seconds() == [(0.304, 2)]


def test_times_of_zero_and_of_months_share_the_last_buckets() -> None:
    sent = durations_of([0.0, 0.0, 1e-9, 5.0, 1e12, 1e13]).seconds()
    assert sum(count for _, count in sent) == 6
    assert (sent[0], sent[-1]) == ((0.0, 1), (1e10, 1))
