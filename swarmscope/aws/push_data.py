"""Turns windows into CloudWatch's metric data: names, units, dimensions, Values and Counts. No I/O.

RequestDuration   Seconds; the mean of each bucket of response times, see push_buckets.py
Requests          Count; finished requests: read its Sum
Failures          Count; 0 for each success and 1 for each failure: its Sum is the failures, its Average their share
Users             Count; users running in all processes together, once a second: read its Average or Maximum

Dimensions are System, Method and Request; System and Pattern for a target's pattern of several requests; System alone
for all requests together. Where runs are told apart, everything is sent once more with Run: alarms and dashboards
that do not name a run go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from swarmscope.aws.push_windows import (
    MINUTE,
    RequestWindow,
    Window,
    is_of_several,
    of_pattern,
    together,
)

REQUEST_DURATION = "RequestDuration"
REQUESTS = "Requests"
FAILURES = "Failures"
USERS = "Users"

SYSTEM, METHOD, REQUEST, PATTERN, RUN = "System", "Method", "Request", "Pattern", "Run"

MOST_VALUES = 150
"""Of one datum."""
_LONGEST_TEXT = 255
"""AWS takes 1,024 characters of a dimension's value; names of requests that are longer help nobody."""

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Datum:
    """One datum: a metric, the start of its window, at most MOST_VALUES values and how often each."""

    metric: str
    dimensions: Dimensions
    timestamp: int
    unit: str
    values: tuple[float, ...]
    counts: tuple[int, ...]
    is_fine: bool
    """Whether it is kept by the second, as windows below a minute need."""

    def as_api(self) -> dict[str, Any]:
        """The datum as PutMetricData takes it."""
        datum: dict[str, Any] = {
            "MetricName": self.metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
            "Timestamp": self.timestamp,
            "Unit": self.unit,
        }
        if self.counts == (1,):
            datum["Value"] = self.values[0]
        else:
            datum["Values"], datum["Counts"] = list(self.values), list(self.counts)
        if self.is_fine:
            datum["StorageResolution"] = 1
        return datum


@dataclass(frozen=True, slots=True)
class PushNames:
    """What the data of a process are called."""

    system: str
    period: int
    """Seconds of a window."""
    with_run: bool = False
    patterns: tuple[str, ...] = ()
    """Targets' patterns of several requests: a percentile over several requests cannot be had from theirs."""


def data_of(window: Window, names: PushNames) -> list[Datum]:
    """Everything that a window says; nothing for requests that nobody sent in it."""
    system = (SYSTEM, clean(names.system))
    described: list[tuple[Dimensions, RequestWindow]] = [
        ((system, (METHOD, clean(key.method)), (REQUEST, clean(key.name))), each)
        for key, each in window.requests.items()
    ]
    for pattern in names.patterns:
        if is_of_several(pattern) and (found := of_pattern(window.requests, pattern)) is not None:
            described.append(((system, (PATTERN, clean(pattern))), found))
    if window.requests:
        described.append(((system,), together(window.requests.values())))
    data = [datum for dimensions, each in described for datum in _of_request(dimensions, each, window, names)]
    data += _of_users((system,), window, names)
    if names.with_run and window.run:
        run = (RUN, clean(window.run))
        data += [replace(datum, dimensions=(*datum.dimensions, run)) for datum in data]
    return data


def _of_request(
    dimensions: Dimensions, each: RequestWindow, window: Window, names: PushNames
) -> Iterator[Datum]:
    durations = each.durations.seconds()
    for first in range(0, len(durations), MOST_VALUES):
        part = durations[first : first + MOST_VALUES]
        yield _datum(REQUEST_DURATION, dimensions, part, window, names)
    yield _datum(REQUESTS, dimensions, [(float(each.requests), 1)], window, names)
    outcomes = [(0.0, each.requests - each.failures), (1.0, each.failures)]
    yield _datum(FAILURES, dimensions, [pair for pair in outcomes if pair[1]], window, names)


def _of_users(dimensions: Dimensions, window: Window, names: PushNames) -> Iterator[Datum]:
    users = sorted((float(users), seconds) for users, seconds in window.users.items())
    for first in range(0, len(users), MOST_VALUES):
        yield _datum(USERS, dimensions, users[first : first + MOST_VALUES], window, names)


def _datum(
    metric: str,
    dimensions: Dimensions,
    values: Sequence[tuple[float, int]],
    window: Window,
    names: PushNames,
) -> Datum:
    return Datum(
        metric,
        dimensions,
        window.start,
        "Seconds" if metric == REQUEST_DURATION else "Count",
        tuple(value for value, _ in values),
        tuple(count for _, count in values),
        names.period < MINUTE,
    )


def clean(text: str) -> str:
    """A dimension's value as CloudWatch takes it: printable ASCII, not empty, not endless."""
    readable = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    return readable.strip()[:_LONGEST_TEXT] or "-"
