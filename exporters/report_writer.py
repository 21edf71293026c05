"""Writes what a worker tells its master: cumulative counters, only those that changed. No I/O.

The format is described in worker_reports.py; report_merger.py reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress, count
from operator import ne
from typing import Any
from uuid import uuid4

from exporters.event_loop_lag import EventLoopLag
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.scenario_metrics import ScenarioMetrics
from swarmscope.measurements import RequestCounts, RequestKey

COMPLETE_EVERY = 10
MARK_REPEATS = 3
"""Reports that carry a mark, should some be lost; the last report of a run carries all of them again."""

Row = list[Any]


class _Numbers:
    """Small numbers for values, given out in order; remembers which the master has not been told yet."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._told = 0

    def of(self, value: Any) -> int:
        """The number of a value, a new one when it has none."""
        return self._numbers.setdefault(value, len(self._numbers))

    def table(self, complete: bool) -> list[Any]:
        """[first number, value, value …]: everything, or what is new since the last table."""
        first = 0 if complete else self._told
        self._told = len(self._numbers)
        return [first, *list(self._numbers)[first:]] if first < self._told else []


class ReportWriter:
    """Writes a worker's reports. Plain lists, texts and numbers, so that msgpack can carry them."""

    def __init__(
        self,
        recorder: Recorder,
        in_flight: InFlight,
        lag: EventLoopLag | None = None,
        scenario: ScenarioMetrics | None = None,
    ) -> None:
        """Report what these count; a writer is one incarnation of its worker, however many runs it reports."""
        self._recorder = recorder
        self._scenario = ScenarioMetrics() if scenario is None else scenario
        self._in_flight = in_flight
        self._lag = lag
        self._incarnation = uuid4().hex[:12]
        self.start_run("")

    def start_run(self, run: str) -> None:
        """Start over for a run, right after `Recorder.start_run`."""
        self._run = run
        self._sequence = 0
        self._sent: dict[RequestKey, RequestCounts] = {}
        self._requests, self._outcomes, self._errors = _Numbers(), _Numbers(), _Numbers()
        self._marks: dict[str, list[Row]] = {}
        self._mark_repeats: dict[str, int] = {}
        self._in_flight.start_run()

    def mark(self, label: str) -> None:
        """Keep the counters of this very moment under a label; the next reports carry them. The first one stands."""
        if label not in self._marks:
            rows = (self._row(key, counts, None) for key, counts in self._recorder.counts.items())
            self._marks[label] = [row for row in rows if row is not None]
            self._mark_repeats[label] = MARK_REPEATS

    def write(self, complete: bool = False) -> dict[str, Any]:
        """The next report; `complete` says that the worker's run is over, so this one may be its last."""
        everything = complete or self._sequence % COMPLETE_EVERY == 0
        rows = self._rows(everything)
        marks = self._marks_to_send(complete)
        report = {
            "run": self._run,
            "incarnation": self._incarnation,
            "sequence": self._sequence,
            "everything": everything,
            "final": complete,
            "rows": rows,
            "marks": marks,
            "requests": self._requests.table(everything),
            "outcomes": self._outcomes.table(everything),
            "errors": self._errors.table(everything),
            "waiting": [[*key, *waiting] for key, waiting in self._in_flight.waiting().items()],
            "cut_off": [[*cut.key, cut.age_seconds] for cut in self._in_flight.cut_off] if complete else [],
            "scenario": [[*key, value] for key, value in self._scenario.read().items()],
            "lag": self._lag.worst_and_reset() if self._lag is not None else 0.0,
        }
        self._sequence += 1
        return report

    def _rows(self, everything: bool) -> list[Row]:
        rows = []
        sent = self._sent
        for key, counts in self._recorder.counts.items():
            before = sent.get(key)
            if before is not None and not everything and _size(before) == _size(counts):
                continue
            row = self._row(key, counts, None if everything else before)
            rows.append(row)
            sent[key] = counts.copy()
        return rows

    def _row(self, key: RequestKey, counts: RequestCounts, before: RequestCounts | None) -> Row:
        if before is None:
            buckets = _changed(counts.buckets, [0] * len(counts.buckets))
            outcomes = {self._outcomes.of(outcome): total for outcome, total in counts.outcomes.items()}
            errors = {self._errors.of(error): total for error, total in counts.errors.items()}
        else:
            buckets = _changed(counts.buckets, before.buckets)
            outcomes = {
                self._outcomes.of(outcome): total
                for outcome, total in counts.outcomes.items()
                if total != before.outcomes.get(outcome)
            }
            errors = {
                self._errors.of(error): total
                for error, total in counts.errors.items()
                if total != before.errors.get(error)
            }
        return [
            self._requests.of(key),
            counts.duration_sum,
            counts.duration_max if before is None or counts.duration_max > before.duration_max else 0,
            counts.response_bytes,
            counts.unfinished,
            buckets,
            _flat(outcomes),
            _flat(errors),
        ]

    def _marks_to_send(self, complete: bool) -> dict[str, list[Row]]:
        if complete:
            return self._marks
        due = [label for label, repeats in self._mark_repeats.items() if repeats]
        for label in due:
            self._mark_repeats[label] -= 1
        return {label: self._marks[label] for label in due}


def _size(counts: RequestCounts) -> tuple[int, int]:
    """Two numbers of which one grows whenever anything in the counters does."""
    return sum(counts.outcomes.values()), counts.unfinished


def _changed(now: list[int], before: list[int]) -> list[int]:
    """Flat pairs (index, total) of the entries that differ."""
    pairs: list[int] = []
    for index in compress(count(), map(ne, now, before)):
        pairs += (index, now[index])
    return pairs


def _flat(totals: Mapping[int, int]) -> list[int]:
    return [number for pair in totals.items() for number in pair]
