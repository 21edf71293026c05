"""The judged window from snapshots at its edges: exact at the end of a run, cheap while it goes on. No I/O.

Each load generator takes a snapshot of its own counters when a judged window begins or ends (a mark), so the
edges are sharp in every process; what lies between is a difference of counters, summed over the generators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from exporters.run_view import Waiting
from swarmscope.measurements import RequestCounts, RequestKey, Snapshot, Window, difference, total
from swarmscope.targets.match import matches

GeneratorSnapshots = Mapping[str, Snapshot]
"""Load generator → its counters."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One judged stretch of a run by the snapshots at its edges; `end` is None while it is open."""

    begin: GeneratorSnapshots
    end: GeneratorSnapshots | None = None


def counts_between(segment: Segment, latest: GeneratorSnapshots) -> dict[RequestKey, RequestCounts]:
    """What all generators counted in a segment.

    A generator without a snapshot at the beginning joined later and counts from zero; one without a snapshot at
    the end (it was lost, or the segment is open) counts up to the latest that is known of it.
    """
    ends = segment.end or {}
    names = {**latest, **ends}
    return total(
        difference(ends.get(name, latest.get(name, {})), segment.begin.get(name, {})) for name in names
    )


def final_window(
    bounds: Sequence[Decimal],
    segments: Sequence[Segment],
    stop: GeneratorSnapshots,
    latest: GeneratorSnapshots,
    seconds: float,
) -> Window:
    """The judged window of an ended run.

    The last segment, when the stop of the load closed it, reaches to the `latest` snapshots, so that requests
    answered or cut off while stopping are judged too; a rate counts only what was finished by the `stop` marks.
    """
    counts = total(counts_between(segment, latest) for segment in segments)
    finished = total(
        counts_between(segment if segment.end is not None else Segment(segment.begin, stop), latest)
        for segment in segments
    )
    return Window(
        bounds=tuple(bounds),
        seconds=seconds,
        counts=counts,
        finished_by_stop={key: counted.finished for key, counted in finished.items()},
    )


@dataclass(slots=True)
class LiveWindow:
    """The judged window so far, for one round of live judging; reads live counters without copying them.

    Offers what `swarmscope.verdict.judge` asks of a Window. With thousands of request names one round adds up
    long lists: `breathe` is called every few dozen names, so that the load's own work goes on meanwhile.
    """

    bounds: tuple[Decimal, ...]
    seconds: float
    now: Snapshot
    base: Snapshot
    """Counters to subtract: everything counted outside the judged segments."""
    waiting: Mapping[RequestKey, Waiting]
    hung_after: float
    """Requests waiting longer than this many seconds are judged as unfinished already."""
    breathe: Callable[[], None]
    _cache: dict[str, RequestCounts | None] = field(default_factory=dict, init=False)

    def matching(self, pattern: str) -> RequestCounts | None:
        """The counters so far of all requests that the pattern names; None when none was ever seen."""
        if pattern not in self._cache:
            self._cache[pattern] = self._sum(pattern)
        return self._cache[pattern]

    def finished_matching(self, pattern: str) -> int:
        """How many requests that the pattern names finished so far."""
        counts = self.matching(pattern)
        return counts.finished if counts else 0

    def _sum(self, pattern: str) -> RequestCounts | None:
        keys = [key for key in self.now if matches(pattern, *key)]
        if not keys:
            return None
        merged = RequestCounts([0] * (len(self.bounds) + 1))
        for done, key in enumerate(keys, start=1):
            merged.add(self.now[key])
            if key in self.base:
                merged.add(self.base[key], sign=-1)
            stuck = self.waiting.get(key)
            if stuck and stuck.oldest_age > self.hung_after:
                merged.unfinished += stuck.requests
            if done % 25 == 0:
                self.breathe()
        return merged


def live_edges(segments: Sequence[Segment], live: Snapshot) -> tuple[Snapshot, Snapshot]:
    """(now, base) for a LiveWindow: what is counted now, and what of it lies outside the judged segments.

    With an open last segment: the live counters, and its beginning less the closed segments. Between segments (and
    before the first): the closed segments alone. The base changes only when a mark arrives, so it can be kept.
    """
    closed = total(counts_between(segment, {}) for segment in segments if segment.end is not None)
    if not segments or segments[-1].end is not None:
        return {key: closed.get(key, _nothing_like(counts)) for key, counts in live.items()}, {}
    begin = total(segments[-1].begin.values())
    return live, difference(begin, closed) if closed else begin


def _nothing_like(counts: RequestCounts) -> RequestCounts:
    return RequestCounts([0] * len(counts.buckets))
