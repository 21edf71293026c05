"""Which whole periods are asked for: aligned, settled, and a little of the past again for late datapoints. No I/O.

A period is settled when it ended `delay` ago: CloudWatch's datapoints arrive late, and one that is read too soon is
too small. All times are Unix seconds; a window is left-closed, as GetMetricData's is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import floor
from typing import NamedTuple

from swarmscope.aws.queries import Query
from swarmscope.aws.settings import AwsSettings

LOOK_BACK_PERIODS = 5
"""Settled periods that are read again: a window's length costs nothing, only the number of metrics does."""
MOST_PERIODS = 180
"""Of one window, so that 500 queries stay below the 100,800 datapoints of one answer."""
MOST_QUERIES = 500
"""Of one call of GetMetricData."""


class Window(NamedTuple):
    """Whole periods from `start` to before `end`."""

    start: int
    end: int


class Group(NamedTuple):
    """The queries that settle at the same moments."""

    period: int
    delay: float
    queries: tuple[Query, ...]


def aligned(moment: float, period: int) -> int:
    """The start of the period that a moment lies in."""
    return floor(moment / period) * period


def settled_end(now: float, period: int, delay: float) -> int:
    """The end of the newest period that is settled now."""
    return aligned(now - delay, period)


def next_settling(after: float, period: int, delay: float) -> float:
    """The first moment after `after` at which a period settles."""
    return settled_end(after, period, delay) + period + delay


def window(first: float, read_until: Iterable[int | None], end: int, period: int) -> Window | None:
    """What to ask for a batch whose series were read until then (None: never); None when nothing new has settled.

    `first` is the moment from which on anything is wanted, `end` the end of the newest settled period. What failed
    before makes the window longer.
    """
    begin = aligned(first, period)
    # What was read before it was wanted is of another run.
    known = [begin if until is None else max(begin, until) for until in read_until]
    if not known or min(known) >= end:
        return None
    start = min(known) - LOOK_BACK_PERIODS * period
    return Window(max(begin, start, end - MOST_PERIODS * period), end)


def groups(queries: Sequence[Query], settings: AwsSettings) -> tuple[Group, ...]:
    """The queries by period and their namespace's delay; their order within a group is kept."""

    def key(query: Query) -> tuple[int, float]:
        return query.period, settings.delay_of(query.namespace)

    return tuple(
        Group(period, delay, tuple(members))
        for (period, delay), members in groupby(sorted(queries, key=key), key=key)
    )


def batches(queries: Sequence[Query], most: int = MOST_QUERIES) -> tuple[tuple[Query, ...], ...]:
    """The queries in as few calls as CloudWatch allows."""
    return tuple(tuple(queries[start : start + most]) for start in range(0, len(queries), most))
