"""What a load generator saw in one window of time, and where windows begin. No I/O.

Windows are aligned to their period, as CloudWatch's own are, so that a datapoint is about one window and every
process' windows are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from swarmscope.aws.push_buckets import Durations
from swarmscope.measurements import RequestKey
from swarmscope.targets.match import is_literal, matches

SHORT_PERIODS = (10, 20, 30)
"""Seconds; every other period is a whole number of minutes, because an alarm can look at no others."""
MINUTE = 60
LONGEST_PERIOD = 3600


class RequestWindow:
    """One request in one window."""

    __slots__ = ("durations", "failures", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.failures = 0
        self.durations = Durations()

    def merge(self, other: RequestWindow) -> None:
        """Add what another one counted."""
        self.requests += other.requests
        self.failures += other.failures
        self.durations.merge(other.durations)


@dataclass(slots=True)
class Window:
    """Everything that one process says about one window; merged with others by CloudWatch itself."""

    start: int
    """Unix seconds, a multiple of the period."""
    run: str = ""
    requests: Mapping[RequestKey, RequestWindow] = field(default_factory=dict)
    users: Mapping[int, int] = field(default_factory=dict)
    """Users of all processes → seconds for which there were so many; empty but from the process that steers."""


def window_start(now: float, period: int) -> int:
    """Start of the window that a moment (Unix seconds) lies in."""
    return math.floor(now / period) * period


def is_period(seconds: int) -> bool:
    """Whether CloudWatch can keep and watch windows of this length."""
    return seconds in SHORT_PERIODS or (seconds % MINUTE == 0 and 0 < seconds <= LONGEST_PERIOD)


def together(requests: Iterable[RequestWindow]) -> RequestWindow:
    """All of them as one: buckets are added, percentiles never averaged."""
    total = RequestWindow()
    for each in requests:
        total.merge(each)
    return total


def of_pattern(requests: Mapping[RequestKey, RequestWindow], pattern: str) -> RequestWindow | None:
    """The requests that a target's pattern names, as one; None when there were none of them."""
    found = [window for key, window in requests.items() if matches(pattern, key.method, key.name)]
    return together(found) if found else None


def is_of_several(pattern: str) -> bool:
    """Whether a pattern needs a metric of its own: it is neither one request nor all of them."""
    return pattern not in ("", "*") and not is_literal(pattern)
