"""What AWS told about one run, for its report: values by minute, cold starts, calls and what they cost. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHARE_OF_SLOWEST = 0.95


@dataclass(frozen=True, slots=True)
class AwsSeries:
    """One series of CloudWatch over the minutes that the run touched."""

    name: str
    labels: Mapping[str, str]
    """Without `stat`."""
    stat: str
    """`Sum`, `Maximum`, `p95` …; "" where the family has one statistic only."""
    points: Sequence[tuple[float, float]]
    """(the minute's start in Unix seconds, value), ascending: percentiles of minutes are not combined."""

    @property
    def is_duration(self) -> bool:
        """Whether its values are seconds."""
        return self.name.endswith("_seconds") and self.stat != "SampleCount"

    @property
    def adds_up(self) -> bool:
        """Whether the values of several minutes may be added: sums and numbers may, percentiles may not."""
        return self.stat in ("Sum", "SampleCount") or (
            not self.stat and not self.is_duration and "concurrent" not in self.name
        )


@dataclass(frozen=True, slots=True)
class ColdStartCounts:
    """The cold starts of one function in the run."""

    function: str
    buckets: Sequence[tuple[float, int]]
    """(bound in seconds, cold starts at or under it), ascending; the last bound is infinite."""

    @property
    def count(self) -> int:
        """How many there were."""
        return self.buckets[-1][1] if self.buckets else 0

    @property
    def p95_at_most(self) -> float | None:
        """The least bound at or under which 95 % of them lie: their P95 is on this side of it; None without any."""
        needed = math.ceil(self.count * SHARE_OF_SLOWEST - 1e-9)
        return next((bound for bound, under in self.buckets if under >= needed), None) if self.count else None


@dataclass(frozen=True, slots=True)
class AwsFigures:
    """Everything that a report says of AWS."""

    waited_seconds: float = 0.0
    """How long the verdict waited for it."""
    series: Sequence[AwsSeries] = ()
    cold_starts: Sequence[ColdStartCounts] = ()
    calls: Mapping[str, int] = field(default_factory=dict)
    """API → calls during the run and until the verdict, those that failed included."""
    failed_calls: Mapping[str, int] = field(default_factory=dict)
    """API → those of them that were throttled, refused or ended in an error."""
    cost_dollars: float | None = None
    """Estimated price of the calls; None when the exporter did not tell."""
