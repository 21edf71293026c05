"""CloudWatch's metrics: datapoints by metric and time, found by index, with exact statistics. No I/O.

A metric is its namespace, its name and the set of its dimensions, in whatever order. A datapoint becomes visible a
while after it was put, as CloudWatch's do, and not before its time.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

Dimensions = frozenset[tuple[str, str]]
MINUTE = 60
HIGH_RESOLUTION_SECONDS = 3 * 3600
"""How long datapoints can be read in periods below a minute."""


@dataclass(frozen=True, slots=True)
class MetricKey:
    """What identifies a metric."""

    namespace: str
    name: str
    dimensions: Dimensions = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricKey:
        """A key from dimensions as people write them."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(frozen=True, slots=True)
class Datum:
    """What one PutMetricData datum says about one second, or one minute."""

    key: MetricKey
    timestamp: int
    """Unix seconds, already at the metric's resolution."""
    unit: str
    values: Mapping[float, float] = field(default_factory=dict)
    """Value → how often; empty for a statistic set."""
    count: float = 0.0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    is_fine: bool = False
    """Whether it was stored with a resolution of one second."""


class Bin:
    """Everything known about one span of time of one metric."""

    __slots__ = ("count", "has_sets", "least", "most", "total", "values")

    def __init__(self) -> None:
        self.values: dict[float, float] = {}
        self.count = self.total = 0.0
        self.least, self.most = math.inf, -math.inf
        self.has_sets = False
        """Whether a part of it is only known as a statistic set: then there are no percentiles."""

    def add(self, datum: Datum) -> None:
        """Merge a datum in."""
        values = self.values
        for value, count in datum.values.items():
            values[value] = values.get(value, 0.0) + count
        self.count += datum.count
        self.total += datum.total
        self.least, self.most = min(self.least, datum.least), max(self.most, datum.most)
        self.has_sets = self.has_sets or not datum.values

    def merge(self, other: Bin) -> None:
        """Merge another one in."""
        values = self.values
        for value, count in other.values.items():
            values[value] = values.get(value, 0.0) + count
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.has_sets = self.has_sets or other.has_sets

    def statistic(self, name: str) -> float | None:
        """`Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, or a percentile (`p99.9`); None without one."""
        match name:
            case "Sum":
                return self.total
            case "SampleCount":
                return self.count
            case "Average":
                return self.total / self.count if self.count else None
            case "Minimum":
                return self.least if self.count else None
            case "Maximum":
                return self.most if self.count else None
        return self._percentile(*_ratio(name))

    def _percentile(self, part: int, whole: int) -> float | None:
        """The least value that part/whole of all are at or below; CloudWatch has none for negative values."""
        if self.has_sets or not self.values or self.least < 0:
            return None
        # In whole numbers, as counts mostly are: p99.9 of 1,000 is the 999th, which floats make the 1,000th.
        count = self.count
        rank = -(-part * int(count) // whole) if count.is_integer() else part * count / whole
        so_far = 0.0
        for value in sorted(self.values):
            so_far += self.values[value]
            if so_far >= rank and so_far > 0:
                return value
        return self.most


@cache
def _ratio(percentile: str) -> tuple[int, int]:
    """`p99.9` as 999 of 1,000."""
    ratio = Fraction(percentile[1:]) / 100
    return ratio.numerator, ratio.denominator


class Timeline:
    """The datapoints of one metric in one unit."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._bins: dict[int, Bin] = {}
        self._fine: set[int] = set()

    def add(self, datum: Datum) -> None:
        """Store a datum."""
        found = self._bins.get(datum.timestamp)
        if found is None:
            found = self._bins[datum.timestamp] = Bin()
            insort(self._times, datum.timestamp)
        found.add(datum)
        if datum.is_fine:
            self._fine.add(datum.timestamp)

    def between(self, start: float, end: float, *, fine_only: bool) -> Iterator[tuple[int, Bin]]:
        """Datapoints of [start, end) by time."""
        times = self._times
        for moment in times[bisect_left(times, start) : bisect_left(times, end)]:
            if not fine_only or moment in self._fine:
                yield moment, self._bins[moment]

    def last(self) -> int:
        """The time of the newest datapoint."""
        return self._times[-1] if self._times else 0


class MetricStore:
    """Every metric of one account and region."""

    def __init__(self) -> None:
        self._metrics: dict[MetricKey, dict[str, Timeline]] = {}
        self._arriving: deque[tuple[float, list[Datum]]] = deque()
        """What is stored and not visible yet: from when it is."""
        self._late: list[tuple[float, list[Datum]]] = []

    def put(self, data: list[Datum], visible_at: float, *, late: bool = False) -> None:
        """Store data that become visible at a moment; `late` ones may be overtaken by others."""
        (self._late if late else self._arriving).append((visible_at, data))

    def settle(self, now: float) -> None:
        """Make visible what has arrived by now."""
        while self._arriving and self._arriving[0][0] <= now:
            self._add(self._arriving.popleft()[1])
        if self._late:
            for visible_at, data in self._late:
                if visible_at <= now:
                    self._add(data)
            self._late = [entry for entry in self._late if entry[0] > now]

    def _add(self, data: Iterable[Datum]) -> None:
        for datum in data:
            units = self._metrics.setdefault(datum.key, {})
            units.setdefault(datum.unit, Timeline()).add(datum)

    def bins(self, key: MetricKey, unit: str, start: float, end: float, period: int) -> dict[int, Bin]:
        """Start of each period that has data → all of it; periods follow each other from `start` on.

        An empty `unit` takes data of any. Periods below a minute see data of high resolution only.
        """
        units = self._metrics.get(key, {})
        timelines = list(units.values()) if not unit else [units[unit]] if unit in units else []
        found: dict[int, Bin] = {}
        ours: set[int] = set()
        first = int(start)
        for timeline in timelines:
            for moment, stored in timeline.between(start, end, fine_only=period < MINUTE):
                begin = moment - (moment - first) % period
                kept = found.get(begin)
                if kept is None:
                    found[begin] = stored
                    continue
                if begin not in ours:  # copied when there is something to add, and not before: most are alone
                    found[begin], kept = Bin(), found[begin]
                    found[begin].merge(kept)
                    ours.add(begin)
                found[begin].merge(stored)
        return found

    def units(self, key: MetricKey) -> list[str]:
        """The units that a metric was put in."""
        return list(self._metrics.get(key, {}))

    def listed(self) -> Iterator[tuple[MetricKey, int]]:
        """Every visible metric, in a stable order, with the time of its newest datapoint."""
        for key in sorted(self._metrics, key=lambda key: (key.namespace, key.name, sorted(key.dimensions))):
            yield key, max(timeline.last() for timeline in self._metrics[key].values())

    def dump(self, namespace: str) -> list[dict[str, object]]:
        """Every datapoint of a namespace as it is stored, for tests."""
        return [
            {
                "namespace": key.namespace,
                "metric": key.name,
                "dimensions": dict(sorted(key.dimensions)),
                "unit": unit,
                "timestamp": moment,
                "sample_count": stored.count,
                "sum": stored.total,
                "minimum": stored.least,
                "maximum": stored.most,
                "values": [[value, stored.values[value]] for value in sorted(stored.values)],
                "has_statistic_sets": stored.has_sets,
            }
            for key, _ in self.listed()
            if key.namespace == namespace
            for unit, timeline in self._metrics[key].items()
            for moment, stored in timeline.between(-math.inf, math.inf, fine_only=False)
        ]
