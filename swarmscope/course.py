"""The course of a run in its phases: how long each was, with how many users, and what was measured in it. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from swarmscope.histogram import quantile
from swarmscope.measurements import RequestCounts


@dataclass(frozen=True, slots=True)
class PhaseSummary:
    """One phase of a run, all its requests together. Times are Unix seconds, latencies seconds."""

    name: str
    began: float
    ended: float
    users: int
    """The most that ran at once."""
    finished: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    error_ratio: float | None = None

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began

    @property
    def rate(self) -> float | None:
        """Requests finished per second."""
        return self.finished / self.seconds if self.seconds > 0 else None


def summary(
    name: str, when: tuple[float, float], users: int, bounds: Sequence[Decimal], counts: RequestCounts
) -> PhaseSummary:
    """What the counters of a stretch of a run say; unanswered requests count as slow and as failed."""
    attempts = counts.finished + counts.unfinished
    buckets = [*counts.buckets[:-1], counts.buckets[-1] + counts.unfinished]
    p50, p95, p99 = (quantile(bounds, buckets, Decimal(q)) for q in ("0.5", "0.95", "0.99"))
    return PhaseSummary(
        name=name,
        began=when[0],
        ended=when[1],
        users=users,
        finished=counts.finished,
        p50=None if p50 is None else float(p50),
        p95=None if p95 is None else float(p95),
        p99=None if p99 is None else float(p99),
        error_ratio=(counts.failures + counts.unfinished) / attempts if attempts else None,
    )
