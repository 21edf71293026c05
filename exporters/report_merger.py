"""Adds up what workers report into one set of counters that never go back. No I/O.

The format is described in worker_reports.py; report_writer.py writes it. Merging takes the larger of two totals, so
it does not depend on the order of reports, and its cost is that of what a report says changed.
"""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from exporters.bounded import BoundedLabel, BoundedRequests
from exporters.in_flight import MAX_CUT_OFF
from exporters.run_view import SeriesKey, Waiting
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.run_result import PendingRequest

MERGED, REPEATED, FOREIGN = "merged", "repeated", "foreign"
SILENT_SECONDS = 10.0
"""A worker silent for longer says nothing about what is in flight now; that it is lost is told elsewhere."""
_MAX_STATUSES = 100


@dataclass(slots=True)
class _Totals:
    """The largest totals seen of one request of one incarnation; sparse, as a master keeps very many of these."""

    duration_sum: float = 0.0
    duration_max: float = 0.0
    response_bytes: int = 0
    unfinished: int = 0
    buckets: dict[int, int] = field(default_factory=dict)
    outcomes: dict[int, int] = field(default_factory=dict)
    errors: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> _Totals:
        """The totals in a row of a report."""
        _, duration_sum, duration_max, size, unfinished, buckets, outcomes, errors = row
        pairs = (dict(_pairs(flat)) for flat in (buckets, outcomes, errors))
        return cls(duration_sum, duration_max, size, unfinished, *pairs)


@dataclass(slots=True)
class _Tables:
    """What an incarnation's small numbers mean, as far as it has been told."""

    requests: dict[int, RequestKey] = field(default_factory=dict)
    outcomes: dict[int, tuple[str, str]] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)

    def explain(self, row: Sequence[Any]) -> bool:
        """Whether every number in a row has a meaning."""
        number, _, _, _, _, _, outcomes, errors = row
        return (
            number in self.requests
            and all(outcome in self.outcomes for outcome in outcomes[::2])
            and all(error in self.errors for error in errors[::2])
        )


@dataclass(slots=True)
class _Incarnation:
    """One life of a worker."""

    tables: _Tables = field(default_factory=_Tables)
    totals: dict[int, _Totals] = field(default_factory=dict)
    marks: dict[str, bytes] = field(default_factory=dict)
    newest: int = -1
    missing: set[int] = field(default_factory=set)
    """Sequence numbers below `newest` that may still bring something new."""
    received: float = 0.0
    final: bool = False
    waiting: Sequence[Sequence[Any]] = ()
    cut_off: Sequence[Sequence[Any]] = ()
    scenario: dict[SeriesKey, float] = field(default_factory=dict)
    lag: float = 0.0


class ReportMerger:
    """The counters of one run, added up over all workers. Times are the caller's clock in seconds."""

    def __init__(
        self,
        run: str,
        bounds: int,
        known: Iterable[RequestKey] = (),
        max_names: int = 5000,
        max_errors: int = 50,
    ) -> None:
        """Merge reports of this run only, on `bounds` bucket bounds; `known`, and the limits, as for a Recorder."""
        self.run = run
        self._buckets = bounds + 1
        self._requests = BoundedRequests(max_names, known)
        self._errors = BoundedLabel(max_errors)
        self._statuses = BoundedLabel(_MAX_STATUSES)
        self._workers: dict[str, dict[str, _Incarnation]] = {}
        self._merged = {key: self._zero() for key in self._requests.known}
        self.merged: Mapping[RequestKey, RequestCounts] = MappingProxyType(self._merged)
        """The live sum; read only."""

    @property
    def workers(self) -> tuple[str, ...]:
        """Every worker that has reported in this run, in the order in which they first did."""
        return tuple(self._workers)

    def apply(self, worker: str, data: Mapping[str, Any], now: float) -> str:
        """Take in a report; says what became of it: `merged`, `repeated` (nothing new) or `foreign` (other run)."""
        if data["run"] != self.run:
            return FOREIGN
        incarnation = self._workers.setdefault(worker, {}).setdefault(data["incarnation"], _Incarnation())
        sequence = data["sequence"]
        if sequence <= incarnation.newest and sequence not in incarnation.missing:
            return REPEATED
        self._learn(incarnation.tables, data)
        for row in data["rows"]:
            self._merge(incarnation, row)
        for label, rows in data["marks"].items():
            if label not in incarnation.marks:
                incarnation.marks[label] = marshal.dumps(rows)  # packed: there may be many workers and marks
        if sequence > incarnation.newest:
            self._renew(incarnation, data, now)
        incarnation.missing.discard(sequence)
        if data["everything"]:
            incarnation.missing = {number for number in incarnation.missing if number > sequence}
        return MERGED

    def snapshot_of(self, worker: str) -> dict[RequestKey, RequestCounts]:
        """A copy of what one worker, all its incarnations together, has counted so far."""
        snapshot: dict[RequestKey, RequestCounts] = {}
        for incarnation in self._workers.get(worker, {}).values():
            for number, totals in incarnation.totals.items():
                self._add(snapshot, incarnation.tables, number, totals)
        return snapshot

    def marks(self, label: str) -> dict[str, dict[RequestKey, RequestCounts]]:
        """The counters at a mark, by worker, of those workers whose snapshot has arrived and can be read."""
        found: dict[str, dict[RequestKey, RequestCounts]] = {}
        for worker, incarnations in self._workers.items():
            for incarnation in incarnations.values():
                rows = marshal.loads(incarnation.marks.get(label, _NO_MARK))  # noqa: S302  # packed in `apply`
                if rows is None or not all(incarnation.tables.explain(row) for row in rows):
                    continue
                snapshot = found.setdefault(worker, {})
                for row in rows:
                    self._add(snapshot, incarnation.tables, row[0], _Totals.of_row(row))
        return found

    def final(self, worker: str) -> bool:
        """Whether every incarnation of the worker has delivered its last report: nothing of it is missing."""
        incarnations = self._workers.get(worker, {})
        return bool(incarnations) and all(incarnation.final for incarnation in incarnations.values())

    def last_report_age(self, worker: str, now: float) -> float | None:
        """Seconds since the worker's latest report; None when it has not reported in this run."""
        incarnations = self._workers.get(worker)
        return now - max(one.received for one in incarnations.values()) if incarnations else None

    def lag(self, worker: str) -> float:
        """Lateness of the worker's event loop in seconds, worst of its latest report's interval."""
        latest = self._latest(worker)
        return latest.lag if latest else 0.0

    def waiting(self, now: float) -> dict[RequestKey, Waiting]:
        """What is in flight on all workers that still report; ages are those of their latest reports."""
        found: dict[RequestKey, Waiting] = {}
        for worker in self._workers:
            latest = self._latest(worker)
            if latest is None or now - latest.received > SILENT_SECONDS:
                continue
            for method, name, requests, age in latest.waiting:
                key = self._requests.accept(RequestKey(method, name))
                before = found.get(key, Waiting(0, 0.0))
                found[key] = Waiting(before.requests + requests, max(before.oldest_age, age))
        return found

    def scenario(self, gauges: Collection[str], now: float) -> dict[SeriesKey, float]:
        """The scenario's own series, added up; of `gauges`, only what workers that still report said last."""
        found: dict[SeriesKey, float] = {}
        for worker, incarnations in self._workers.items():
            latest = self._latest(worker)
            for incarnation in incarnations.values():
                speaks = incarnation is latest and now - incarnation.received <= SILENT_SECONDS
                for key, value in incarnation.scenario.items():
                    # A series stays where it was once seen: what nobody speaks of is 0 of it.
                    counted = value if speaks or key[0] not in gauges else 0.0
                    found[key] = found.get(key, 0.0) + counted
        return found

    @property
    def pending(self) -> list[PendingRequest]:
        """Requests that were cut off at the end of the run, longest first; at most 100 of them."""
        pending = [
            PendingRequest(RequestKey(method, name), age)
            for incarnations in self._workers.values()
            for incarnation in incarnations.values()
            for method, name, age in incarnation.cut_off
        ]
        return sorted(pending, key=lambda request: -request.age_seconds)[:MAX_CUT_OFF]

    def _latest(self, worker: str) -> _Incarnation | None:
        incarnations = self._workers.get(worker)
        return max(incarnations.values(), key=lambda one: one.received) if incarnations else None

    def _renew(self, incarnation: _Incarnation, data: Mapping[str, Any], now: float) -> None:
        """Take over what describes the moment of the newest report."""
        incarnation.missing.update(range(incarnation.newest + 1, data["sequence"]))
        incarnation.newest = data["sequence"]
        incarnation.received = now
        incarnation.final = data["final"]
        incarnation.waiting = data["waiting"]
        incarnation.cut_off = data["cut_off"]
        incarnation.scenario = {tuple(key): value for *key, value in data["scenario"]}
        incarnation.lag = data["lag"]

    def _learn(self, tables: _Tables, data: Mapping[str, Any]) -> None:
        for number, (method, name) in _numbered(data["requests"]):
            if number not in tables.requests:
                tables.requests[number] = self._requests.accept(RequestKey(method, name))
        for number, (outcome, status) in _numbered(data["outcomes"]):
            if number not in tables.outcomes:
                tables.outcomes[number] = (outcome, self._statuses.accept(status))
        for number, error in _numbered(data["errors"]):
            if number not in tables.errors:
                tables.errors[number] = self._errors.accept(error)

    def _merge(self, incarnation: _Incarnation, row: Sequence[Any]) -> None:
        """Raise the merged counters by what a row says beyond what was known."""
        number, duration_sum, duration_max, size, unfinished, buckets, outcomes, errors = row
        tables = incarnation.tables
        key = tables.requests.get(number)
        if key is None:
            return  # the report that named it was lost; the next complete one brings all of this again
        known = incarnation.totals.get(number)
        if known is None:
            known = incarnation.totals[number] = _Totals()
        merged = self._merged.get(key)
        if merged is None:
            merged = self._merged[key] = self._zero()
        if duration_sum > known.duration_sum:
            merged.duration_sum += duration_sum - known.duration_sum
            known.duration_sum = duration_sum
        if duration_max > known.duration_max:
            known.duration_max = duration_max
            merged.duration_max = max(merged.duration_max, duration_max)
        if size > known.response_bytes:
            merged.response_bytes += size - known.response_bytes
            known.response_bytes = size
        if unfinished > known.unfinished:
            merged.unfinished += unfinished - known.unfinished
            known.unfinished = unfinished
        merged_buckets, known_buckets = merged.buckets, known.buckets
        for index, total in _pairs(buckets):
            more = total - known_buckets.get(index, 0)
            if more > 0:
                known_buckets[index] = total
                merged_buckets[index] += more
        _raise(merged.outcomes, known.outcomes, tables.outcomes, outcomes)
        _raise(merged.errors, known.errors, tables.errors, errors)

    def _add(
        self, snapshot: dict[RequestKey, RequestCounts], tables: _Tables, number: int, totals: _Totals
    ) -> None:
        """Add one request's totals to a snapshot."""
        key = tables.requests[number]
        counts = snapshot.get(key)
        if counts is None:
            counts = snapshot[key] = self._zero()
        counts.duration_sum += totals.duration_sum
        counts.duration_max = max(counts.duration_max, totals.duration_max)
        counts.response_bytes += totals.response_bytes
        counts.unfinished += totals.unfinished
        for index, total in totals.buckets.items():
            counts.buckets[index] += total
        for value, total in totals.outcomes.items():
            outcome = tables.outcomes[value]
            counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + total
        for value, total in totals.errors.items():
            error = tables.errors[value]
            counts.errors[error] = counts.errors.get(error, 0) + total

    def _zero(self) -> RequestCounts:
        return RequestCounts([0] * self._buckets)


_NO_MARK = marshal.dumps(None)


def _raise(
    merged: dict[Any, int], known: dict[int, int], table: Mapping[int, Any], flat: Sequence[int]
) -> None:
    for number, total in _pairs(flat):
        more = total - known.get(number, 0)
        if more > 0 and number in table:
            known[number] = total
            value = table[number]
            merged[value] = merged.get(value, 0) + more


def _pairs(flat: Sequence[int]) -> Iterable[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _numbered(table: Sequence[Any]) -> Iterable[tuple[int, Any]]:
    return enumerate(table[1:], table[0]) if table else ()
