"""Whether a service gets slower, or its load generators bigger, while the load stays the same. No I/O, no clock.

What was counted is kept at a bounded number of moments of the steady phase; the first and the last quarter of the
phase are the differences between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from swarmscope.course import PhaseSummary, summary
from swarmscope.measurements import RequestCounts

LEAST_SECONDS = 120.0
"""A steady phase shorter than this says nothing about a drift."""
MOST_POINTS = 64
SHARE = 0.25
FIRST, LAST = "first quarter", "last quarter"


@dataclass(frozen=True, slots=True)
class Drift:
    """The first and the last part of the steady phase."""

    first: PhaseSummary
    last: PhaseSummary
    memory_first: int | None = None
    """Bytes of all load generators together, at the ends of the two parts; None: not known."""
    memory_last: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """What had been counted at one moment."""

    at: float
    counts: RequestCounts
    users: int
    memory_bytes: int


@dataclass(slots=True)
class DriftRecord:
    """Keeps a bounded number of moments, evenly spread, however long a run takes."""

    points: list[Point] = field(default_factory=list)
    _every: float = 1.0

    @property
    def seconds(self) -> float:
        """From the first point to the last."""
        return self.points[-1].at - self.points[0].at if self.points else 0.0

    def due(self, now: float) -> bool:
        """Whether it is time for the next point."""
        return not self.points or now - self.points[-1].at >= self._every

    def add(self, point: Point) -> None:
        """Keep a point; when there are too many, every second one goes."""
        self.points.append(point)
        if len(self.points) > MOST_POINTS:
            last = self.points[-1]
            self.points = self.points[::2]
            if self.points[-1] is not last:
                self.points.append(last)
            self._every *= 2


def drift(points: Sequence[Point], bounds: Sequence[Decimal]) -> Drift | None:
    """First quarter against last quarter; None when the points cover less than LEAST_SECONDS."""
    if len(points) < 4 or points[-1].at - points[0].at < LEAST_SECONDS:
        return None
    begin, end = points[0], points[-1]
    quarter = SHARE * (end.at - begin.at)
    early = min(points[1:-1], key=lambda point: abs(point.at - begin.at - quarter))
    late = min(points[1:-1], key=lambda point: abs(end.at - point.at - quarter))
    known = early.memory_bytes > 0 and end.memory_bytes > 0
    return Drift(
        _between(FIRST, begin, early, bounds),
        _between(LAST, late, end, bounds),
        early.memory_bytes if known else None,
        end.memory_bytes if known else None,
    )


def _between(name: str, begin: Point, end: Point, bounds: Sequence[Decimal]) -> PhaseSummary:
    counts = end.counts.copy()
    counts.add(begin.counts, sign=-1)
    return summary(name, (begin.at, end.at), max(begin.users, end.users), bounds, counts)
