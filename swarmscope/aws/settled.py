"""What a target at: settled asks of AWS' series, over which minutes, and until when it must wait. No I/O.

CloudWatch gives one value a minute, and the exporter publishes it with the minute's start as its timestamp. So a
window of a run becomes whole minutes: those inside it, where there is one at least, else those that it touches.
Cold starts are counted from log lines by run, so they are asked once, when all lines are in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from swarmscope.aws.families import COLD_START_RATIO, INIT_DURATION, Source

MINUTE = 60
"""Seconds."""
MARGIN = 1
"""Seconds before a minute's end at which it is asked: see `Minutes.window`."""

_AWS_SERIES = re.compile(r"\baws_[a-z0-9_]+")
_OWN_PREFIX = "aws_exporter_"


def names_cold_starts(query: str) -> bool:
    """Whether the query asks for what is counted by run from log lines."""
    return any(_is_of_logs(name) for name in _series(query))


def names_minutes(query: str) -> bool:
    """Whether the query asks for CloudWatch's minutes; a query that names nothing of ours may, by a name of its own."""
    series = _series(query)
    return not series or any(not _is_of_logs(name) for name in series)


def sources_of(query: str) -> frozenset[Source]:
    """What must have settled before the query can be asked."""
    if not names_cold_starts(query):
        return frozenset({Source.METRICS})
    of_minutes = names_minutes(query) or COLD_START_RATIO.name in query
    return frozenset({Source.LOGS, *([Source.METRICS] if of_minutes else [])})


class Minutes(NamedTuple):
    """Whole minutes of CloudWatch that follow each other; Unix seconds."""

    start: int
    end: int

    @property
    def window(self) -> tuple[float, float]:
        """The range to ask Prometheus for, so that it holds exactly the points of these minutes.

        A minute's point lies at its start. From one second before the first to one second before the end, no point
        lies on an edge: whether a range selector counts its edges (Prometheus 2 does, 3 leaves the left one out)
        changes nothing.
        """
        return float(self.start - MARGIN), float(self.end - MARGIN)


def minutes_of(start: float, end: float) -> Minutes:
    """The minutes that lie wholly inside this time; without one, those that it touches."""
    first, last = math.ceil(start / MINUTE) * MINUTE, math.floor(end / MINUTE) * MINUTE
    if first < last:
        return Minutes(first, last)
    return Minutes(math.floor(start / MINUTE) * MINUTE, math.ceil(end / MINUTE) * MINUTE)


def windows_of(steady: Sequence[tuple[float, float]]) -> tuple[Minutes, ...]:
    """The minutes of each judged window that is long enough to be judged, each once."""
    return tuple(dict.fromkeys(minutes_of(start, end) for start, end in steady if end - start >= 1))


def needed(
    queries: Iterable[str], steady: Sequence[tuple[float, float]], stopped: float
) -> dict[Source, float]:
    """Until when each source must be known for all of these queries; Unix seconds."""
    found: dict[Source, float] = {}
    last_minute = max((float(minutes.end) for minutes in windows_of(steady)), default=stopped)
    for query in queries:
        for source in sources_of(query):
            until = stopped if names_cold_starts(query) else last_minute
            found[source] = max(found.get(source, 0.0), until)
    return found


def late(needed_until: Mapping[Source, float], settled: Mapping[Source, float]) -> dict[Source, float]:
    """Seconds by which each source is behind what is needed; infinite where nothing is known of it."""
    behind = {source: until - settled.get(source, -math.inf) for source, until in needed_until.items()}
    return {source: seconds for source, seconds in behind.items() if seconds > 0}


def _series(query: str) -> list[str]:
    return [name for name in _AWS_SERIES.findall(query) if not name.startswith(_OWN_PREFIX)]


def _is_of_logs(name: str) -> bool:
    return name.startswith((INIT_DURATION.name, COLD_START_RATIO.name))
