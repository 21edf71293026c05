"""What was counted about the requests of a run: exact counters that add and subtract. No I/O.

A recorder in each load generator counts up; the master adds the workers' counters; the judged window is the
difference of two snapshots. Percentiles are never combined, only buckets are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from swarmscope.names import Outcome
from swarmscope.targets.match import matches


class RequestKey(NamedTuple):
    """What identifies a request in Locust's statistics: its type (method) and name."""

    method: str
    name: str

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


@dataclass(slots=True)
class RequestCounts:
    """Counters of one request since the run began, or of a window as the difference of two of these."""

    buckets: list[int]
    """One count per recorded (fine) bucket, not cumulative, and one more for values above the last bound."""
    duration_sum: float = 0.0
    """Seconds, over the requests in `buckets`."""
    duration_max: float = 0.0
    """Seconds; of a window: of the run up to the window's end."""
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    """(outcome, status) → finished requests."""
    errors: dict[str, int] = field(default_factory=dict)
    """Fingerprint → failed requests."""
    response_bytes: int = 0
    unfinished: int = 0
    """Requests cut off before an answer came; in none of the other counters."""

    @property
    def finished(self) -> int:
        """Requests that Locust counted, with or without a response time."""
        return sum(self.outcomes.values())

    @property
    def timed(self) -> int:
        """Requests in `buckets`: finished ones that had a response time."""
        return sum(self.buckets)

    @property
    def failures(self) -> int:
        """Finished requests that failed."""
        return sum(count for (outcome, _), count in self.outcomes.items() if outcome == Outcome.FAILURE)

    def add(self, other: RequestCounts, sign: int = 1) -> None:
        """Add (or with sign -1 subtract) another's counters to these, in place."""
        for index, count in enumerate(other.buckets):
            if count:
                self.buckets[index] += sign * count
        self.duration_sum += sign * other.duration_sum
        self.duration_max = max(self.duration_max, other.duration_max)
        for status, count in other.outcomes.items():
            self.outcomes[status] = self.outcomes.get(status, 0) + sign * count
        for fingerprint, count in other.errors.items():
            self.errors[fingerprint] = self.errors.get(fingerprint, 0) + sign * count
        self.response_bytes += sign * other.response_bytes
        self.unfinished += sign * other.unfinished

    def copy(self) -> RequestCounts:
        """A copy that shares nothing with this one."""
        return RequestCounts(
            list(self.buckets),
            self.duration_sum,
            self.duration_max,
            dict(self.outcomes),
            dict(self.errors),
            self.response_bytes,
            self.unfinished,
        )


Snapshot = Mapping[RequestKey, RequestCounts]
"""All counters at one moment. Keys never disappear within a run."""


def difference(later: Snapshot, earlier: Snapshot) -> dict[RequestKey, RequestCounts]:
    """What was counted between two snapshots; a request that `earlier` does not know counts from zero."""
    result = {}
    for key, counts in later.items():
        window = counts.copy()
        if key in earlier:
            window.add(earlier[key], sign=-1)
        result[key] = window
    return result


def total(snapshots: Iterable[Snapshot]) -> dict[RequestKey, RequestCounts]:
    """The sum of several generators' (or windows') counters."""
    result: dict[RequestKey, RequestCounts] = {}
    for snapshot in snapshots:
        for key, counts in snapshot.items():
            if key in result:
                result[key].add(counts)
            else:
                result[key] = counts.copy()
    return result


@dataclass(frozen=True, slots=True)
class Window:
    """The judged part of a run: all users running, after warm-up, until the load stopped."""

    bounds: tuple[Decimal, ...]
    """Bucket bounds in seconds, ascending, without +Inf; contain every latency limit."""
    seconds: float
    """Length up to the stop of the load; 0 when the steady phase was never reached."""
    counts: Snapshot
    """Everything counted from the window's start until the last request was answered or cut off."""
    finished_by_stop: Mapping[RequestKey, int] = field(default_factory=dict)
    """Requests that finished before the stop: what a rate is counted from."""

    def matching(self, pattern: str) -> RequestCounts | None:
        """The counters of all requests that a target's pattern names, added up; None when none was ever seen."""
        found = [counts for key, counts in self.counts.items() if matches(pattern, *key)]
        if not found:
            return None
        merged = RequestCounts([0] * (len(self.bounds) + 1))
        for counts in found:
            merged.add(counts)
        return merged

    def finished_matching(self, pattern: str) -> int:
        """How many requests that the pattern names finished before the stop."""
        return sum(count for key, count in self.finished_by_stop.items() if matches(pattern, *key))
