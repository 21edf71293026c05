"""Which minutes of CloudWatch a run is judged on, and until when they must be known."""

import math

from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.families import Source
from swarmscope.aws.settled import (
    late,
    minutes_of,
    names_cold_starts,
    names_minutes,
    needed,
    sources_of,
    windows_of,
)

TIMES = st.floats(1_700_000_000, 1_700_010_000)
LENGTHS = st.floats(1, 4000)
NOON = 1_700_000_040
"""A whole minute."""
COLD = 'histogram_quantile(0.95, sum by (run, le) (aws_lambda_init_duration_seconds_bucket{run="$run"}))'
RATIO = 'max(aws_lambda_cold_start_ratio{run="$run"})'
THROTTLES = "sum(sum_over_time(aws_lambda_throttles[$window]))"


def points(window: tuple[float, float], *, closed: bool) -> list[int]:
    """The starts of the minutes whose points a range selector finds: with or without its left edge."""
    start, end = window
    first, last = math.floor(start / 60) - 1, math.ceil(end / 60) + 1
    inside = [minute * 60 for minute in range(first, last + 1)]
    return [at for at in inside if (start <= at if closed else start < at) and at <= end]


@given(TIMES, LENGTHS)
def test_the_range_holds_exactly_its_minutes_wherever_edges_belong(start, seconds):
    minutes = minutes_of(start, start + seconds)
    wanted = list(range(minutes.start, minutes.end, 60))
    assert wanted
    assert points(minutes.window, closed=True) == points(minutes.window, closed=False) == wanted
    # $window is written in whole seconds.
    begin, end = minutes.window
    assert end - begin == minutes.end - minutes.start == len(wanted) * 60


@given(TIMES, LENGTHS)
def test_whole_minutes_inside_where_there_is_one_else_those_that_it_touches(start, seconds):
    end = start + seconds
    minutes = minutes_of(start, end)
    assert minutes.start % 60 == minutes.end % 60 == 0
    if start <= minutes.start and minutes.end <= end:
        # Not one more would have fitted.
        assert minutes.start - start < 60
        assert end - minutes.end < 60
    else:
        assert minutes.start <= start
        assert end <= minutes.end
        assert seconds < 120
        assert minutes.end - minutes.start <= 120


def test_a_minute_from_edge_to_edge_is_inside():
    assert minutes_of(NOON, NOON + 60) == (NOON, NOON + 60)
    assert minutes_of(NOON + 0.001, NOON + 60) == (NOON, NOON + 60)
    assert minutes_of(NOON + 30, NOON + 90) == (NOON, NOON + 120)
    assert minutes_of(NOON - 59, NOON + 119) == (NOON, NOON + 60)


def test_of_several_windows_each_minute_set_stands_once_and_a_moment_is_none():
    windows = windows_of([(NOON + 1, NOON + 20), (NOON + 30, NOON + 50), (NOON + 55, NOON + 55.5)])
    assert windows == ((NOON, NOON + 60),)


def test_what_a_query_needs_is_told_by_the_series_that_it_names():
    assert sources_of(COLD) == {Source.LOGS}
    assert sources_of(RATIO) == {Source.LOGS, Source.METRICS}
    assert sources_of(THROTTLES) == sources_of("max(shop_queue_age_seconds)") == {Source.METRICS}
    assert sources_of(f"{COLD} + {THROTTLES}") == {Source.LOGS, Source.METRICS}
    assert (names_cold_starts(COLD), names_minutes(COLD)) == (True, False)
    assert (names_cold_starts(THROTTLES), names_minutes(THROTTLES)) == (False, True)
    # What the exporter says of itself is no measurement of AWS.
    assert not names_minutes(f"{COLD} and on () aws_exporter_poll_success")


def test_logs_are_needed_until_the_stop_and_metrics_until_the_end_of_the_last_minute():
    steady, stopped = [(NOON + 10, NOON + 50)], NOON + 50.5
    assert needed([COLD], steady, stopped) == {Source.LOGS: stopped}
    assert needed([THROTTLES], steady, stopped) == {Source.METRICS: NOON + 60}
    # Whole minutes inside end before the run does: nothing is waited for longer than it is asked for.
    assert needed([THROTTLES], [(NOON, NOON + 70)], NOON + 75) == {Source.METRICS: NOON + 60}
    assert needed([RATIO, COLD, THROTTLES], steady, stopped) == {
        Source.LOGS: stopped,
        Source.METRICS: NOON + 60,
    }


def test_only_what_is_behind_is_late():
    wanted = {Source.LOGS: 100.0, Source.METRICS: 120.0}
    assert late(wanted, {Source.LOGS: 100.0, Source.METRICS: 119.0}) == {Source.METRICS: 1.0}
    assert late(wanted, {Source.LOGS: 101.0}) == {Source.METRICS: math.inf}
    assert late(wanted, {Source.LOGS: 101.0, Source.METRICS: 180.0}) == {}
