"""Asks Prometheus for every signal over an ended run: bounded in time, and what fails is a note. I/O."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from swarmscope.edge.prometheus_api import PrometheusApi, PrometheusUnavailable, substitute
from swarmscope.plots import SMOOTHED_SECONDS, step_seconds
from swarmscope.run_result import MeasuredSignal, RunInfo, Signals, Statement, TableScan
from swarmscope.run_signals import signals_of
from swarmscope.signals import (
    CALLS_QUERY,
    DATABASE_SHARE_QUERY,
    PHASE_QUERY,
    SERVICE_AVERAGE_QUERY,
    STATEMENTS_QUERY,
    TABLES_QUERY,
    Signal,
)
from swarmscope.targets import Profile, System

SIGNAL_TIMEOUT_SECONDS = 3.0
"""Of one question."""
TOTAL_SECONDS = 15.0
"""Of all: an ended run must not hang on a slow Prometheus."""


class SignalReader:
    """Reads the signals of one run."""

    def __init__(
        self, api: PrometheusApi, clock: Callable[[], float] = time.monotonic, seconds: float = TOTAL_SECONDS
    ) -> None:
        self._api = api
        self._clock = clock
        self._deadline = clock() + seconds
        self._failed: list[str] = []
        self._skipped: list[str] = []
        self._reason = ""

    @property
    def notes(self) -> list[str]:
        """What could not be read, in sentences for the report."""
        notes = []
        if self._failed:
            notes.append(f"not read from Prometheus ({self._reason}): {', '.join(self._failed)}")
        if self._skipped:
            notes.append(f"Prometheus was too slow to be asked for: {', '.join(self._skipped)}")
        return notes

    def read(self, system: System, profile: Profile, info: RunInfo) -> Signals:
        """Everything that is known; what is not is empty."""
        start, end = info.started, info.stopped
        if end - start < 1:
            return Signals()
        measured = tuple(self._measured(signal, info) for signal in signals_of(system, profile))
        begin = min((since for since, _ in info.steady), default=start)
        until = max((until for _, until in info.steady), default=end)
        window = (begin, until) if until - begin >= 1 else (start, end)
        return Signals(
            measured,
            self._phases(info),
            self._statements(start, end),
            self._scans(start, end),
            self._number("the service's average", SERVICE_AVERAGE_QUERY, *window),
            self._number("the database's share", DATABASE_SHARE_QUERY, *window),
        )

    def _measured(self, signal: Signal, info: RunInfo) -> MeasuredSignal:
        over = max(SMOOTHED_SECONDS, step_seconds(info.stopped - info.started))
        query = over_time(signal.query, info.run, over)
        series = self._range(signal.title, query, info)
        points = series[0]["values"] if len(series) == 1 else ()
        if len(series) > 1:
            self._reason = "several series where one is needed"
            self._failed.append(signal.title)
        return MeasuredSignal(
            signal.id,
            signal.title,
            signal.unit,
            str(signal.area),
            signal.limit,
            signal.is_floor,
            signal.points_to,
            tuple((float(at), float(value)) for at, value in points if math.isfinite(float(value))),
        )

    def _phases(self, info: RunInfo) -> tuple[tuple[float, str], ...]:
        """When each phase began."""
        seen = sorted(
            (float(at), each["metric"].get("phase", ""))
            for each in self._range("the phases", over_time(PHASE_QUERY, info.run, 5), info)
            for at, _ in each["values"]
        )
        began: list[tuple[float, str]] = []
        for at, phase in seen:
            if not began or began[-1][1] != phase:
                began.append((at, phase))
        return tuple(began)

    def _statements(self, start: float, end: float) -> tuple[Statement, ...]:
        spent = self._instant("the statements", STATEMENTS_QUERY, start, end)
        if not spent:
            return ()
        calls = {
            each["metric"].get("query", ""): float(each["value"][1])
            for each in self._instant("the calls of statements", CALLS_QUERY, start, end)
        }
        found = [
            Statement(text, seconds, calls.get(text, 0.0))
            for each in spent
            if (text := each["metric"].get("query", "")) and (seconds := float(each["value"][1])) > 0
        ]
        return tuple(sorted(found, key=lambda each: -each.seconds))

    def _scans(self, start: float, end: float) -> tuple[TableScan, ...]:
        found = [
            TableScan(f"{each['metric'].get('schema', '')}.{each['metric'].get('table', '')}", rows)
            for each in self._instant("the scans of tables", TABLES_QUERY, start, end)
            if (rows := float(each["value"][1])) > 0
        ]
        return tuple(sorted(found, key=lambda each: -each.rows))

    def _number(self, what: str, query: str, start: float, end: float) -> float | None:
        answer = self._instant(what, query, start, end)
        value = float(answer[0]["value"][1]) if len(answer) == 1 else math.nan
        return value if math.isfinite(value) else None

    def _instant(self, what: str, query: str, start: float, end: float) -> Sequence[dict[str, Any]]:
        return self._ask(what, lambda: self._api.query(over_time(query, "", end - start), end))

    def _range(self, what: str, query: str, info: RunInfo) -> Sequence[dict[str, Any]]:
        step = step_seconds(info.stopped - info.started)
        return self._ask(what, lambda: self._api.query_range(query, info.started, info.stopped, step))

    def _ask(self, what: str, ask: Callable[[], list[dict[str, Any]]]) -> Sequence[dict[str, Any]]:
        if self._clock() > self._deadline:
            self._skipped.append(what)
            return ()
        try:
            return ask()
        except PrometheusUnavailable as error:
            self._reason = error.message
            self._failed.append(what)
            return ()


def over_time(query: str, run: str, seconds: float) -> str:
    """A signal's query with `$run` and `$over` filled in."""
    return substitute(query, run, seconds).replace("$over", f"{max(1, math.floor(seconds))}s")
