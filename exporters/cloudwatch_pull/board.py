"""All that is known from AWS, and its text for the page: pollers write, a scrape reads the last whole state."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from exporters.cloudwatch_pull.metrics_reader import BatchAnswer
from exporters.cloudwatch_pull.own_metrics import OwnMetrics
from exporters.cloudwatch_pull.page import cold_start_text, gauge_text
from swarmscope.aws.cold_starts import ColdStartCounter, LogEvent, cold_start_ratio
from swarmscope.aws.families import CORRECTED, DROPPED_SERIES, LAMBDA_INVOCATIONS, LOG_LINES, SETTLED, Source
from swarmscope.aws.queries import Query, Series
from swarmscope.aws.runs import RunSpan
from swarmscope.aws.timeline import Point, Timeline
from swarmscope.aws.windows import Window


class Board:
    """The exporter's state. Its lock is held for arithmetic only, never while AWS is asked."""

    def __init__(
        self,
        own: OwnMetrics,
        cold_starts: ColdStartCounter | None,
        *,
        max_age_seconds: float,
        timestamps: bool,
        step_seconds: float,
    ) -> None:
        self._own = own
        self._cold_starts = cold_starts
        self._max_age_seconds = max_age_seconds
        self._timestamps = timestamps
        self._step_seconds = step_seconds
        self._lock = threading.Lock()
        self._timelines: dict[Query, Timeline] = {}
        self._on_page: set[Query] = set()
        self._invocations: dict[str, dict[int, float]] = {}
        self._read_ends: dict[str, int] = {}
        self._known_until: dict[str, float] = {}
        """Replaced as a whole, like the text: a scrape does not wait for the lock either."""
        self._wanted_since = 0.0
        self._logs_settled = 0.0
        self._next_step = 0.0
        self._changed = True
        self._followed: tuple[str, ...] = ()
        self.text = ""
        """Gauges and cold starts as they are on the page."""

    # --- what the pollers tell it -------------------------------------------------------------------------------

    def ask_for(self, queries: Sequence[Query], since: float) -> None:
        """Keep a timeline for each of these queries, and for no others; `since` is when the first is wanted."""
        with self._lock:
            self._timelines = {
                query: self._timelines.get(query) or Timeline(query.period, nil_is_zero=query.nil_is_zero)
                for query in queries
            }
            self._wanted_since = since
            self._forget_invocations(since)
            self._changed = True

    def read_until(self, batch: Iterable[Query]) -> list[int | None]:
        """Until when each of these was read."""
        with self._lock:
            return [self._timelines[query].read_until for query in batch]

    def merge(self, window: Window, answer: BatchAnswer) -> None:
        """Take what was read."""
        corrected: Counter[str] = Counter()
        with self._lock:
            for query, points in answer.found.items():
                timeline = self._timelines.get(query)
                if timeline is None:
                    continue
                corrected[query.namespace] += timeline.merge(window, points)
                self._read_ends[query.namespace] = max(self._read_ends.get(query.namespace, 0), window.end)
                if query.series.name == LAMBDA_INVOCATIONS.name:
                    function = dict(query.dimensions)["FunctionName"]
                    self._invocations.setdefault(function, {}).update(timeline.known(window))
            self._changed = True
        for namespace, count in corrected.items():
            self._own.add(CORRECTED, count, namespace)

    def follow(self, run: RunSpan, functions: Sequence[str]) -> None:
        """Know of a run whose cold starts are counted, and of how far it has come."""
        if self._cold_starts is None:
            return
        followed = (run.run, *functions)
        with self._lock:
            self._cold_starts.follow(run, functions)
            self._changed |= followed != self._followed
            self._followed = followed

    def take(self, events: Iterable[LogEvent]) -> None:
        """Count the log lines of a page."""
        if self._cold_starts is None:
            return
        results: Counter[str] = Counter()
        with self._lock:
            for event in events:
                result = self._cold_starts.take(event)
                if result is not None:
                    results[result] += 1
            self._changed = True
        for name, count in results.items():
            self._own.add(LOG_LINES, count, name)

    def logs_are_settled(self, until: float, read_again_from: float) -> None:
        """Every log line until then has been taken; none of before `read_again_from` will come again."""
        with self._lock:
            self._logs_settled = max(self._logs_settled, until)
            if self._cold_starts is not None:
                self._cold_starts.forget(read_again_from)

    # --- what is on the page ------------------------------------------------------------------------------------

    def refresh(self, now: float) -> None:
        """Move the page on: newly read points, one after the other, and off with what is too old."""
        with self._lock:
            self._step(now)
            shown = self._shown(now)
            if self._changed:
                self.text = gauge_text(tuple(self._timelines), shown, timestamps=self._timestamps)
                self.text += self._cold_start_text()
                self._changed = False
            self._known_until = {
                query.namespace: max(self._read_ends.get(query.namespace, 0), self._wanted_since)
                for query in self._timelines
            }
            settled = self._metrics_settled()
            logs_settled = self._logs_settled
        # After the text, so that no scrape sees them without what they speak of.
        if settled is not None:
            self._own.raise_to(SETTLED, settled, Source.METRICS)
        if self._cold_starts is not None:
            self._own.raise_to(SETTLED, logs_settled, Source.LOGS)

    def data_ages(self, now: float) -> Mapping[str, float]:
        """Namespace → age of the end of its newest settled period, or how long it has been wanted in vain."""
        return {name: max(0.0, now - moment) for name, moment in self._known_until.items()}

    def series_on_page(self) -> int:
        """How many gauges are on the page."""
        return len(self._on_page)

    def _step(self, now: float) -> None:
        if not self._timestamps:
            for timeline in self._timelines.values():
                timeline.skip()
            return
        if now >= self._next_step:
            oldest = now - self._max_age_seconds
            # Not `any`, which would stop at the first.
            stepped = sum(timeline.step(oldest) for timeline in self._timelines.values())
            if stepped:
                self._next_step = now + self._step_seconds
                self._changed = True

    def _shown(self, now: float) -> Mapping[Series, Point]:
        oldest = now - self._max_age_seconds
        shown: dict[Series, Point] = {}
        on_page: set[Query] = set()
        dropped = 0
        for query, timeline in self._timelines.items():
            point = timeline.shown
            if point is None:
                continue
            if timeline.is_older(oldest):
                dropped += query in self._on_page
                continue
            shown[query.series] = point
            on_page.add(query)
        self._changed |= on_page != self._on_page
        self._on_page = on_page
        if dropped:
            self._own.add(DROPPED_SERIES, dropped)
        return shown

    def _forget_invocations(self, since: float) -> None:
        """Keep the minutes of the runs that are on the page."""
        runs = self._cold_starts.counts() if self._cold_starts is not None else {}
        oldest = min([since, *(run.started for run in runs)]) - 60
        for function, minutes in self._invocations.items():
            self._invocations[function] = {
                minute: value for minute, value in minutes.items() if minute >= oldest
            }

    def _metrics_settled(self) -> float | None:
        if not self._timelines:
            return None
        untils = [timeline.shown_until for timeline in self._timelines.values()]
        return min((until or 0 for until in untils), default=None)

    def _cold_start_text(self) -> str:
        if self._cold_starts is None:
            return ""
        settled = self._metrics_settled() or 0.0
        counts = self._cold_starts.counts()
        ratios = {
            (run, function): ratio
            for run, functions in counts.items()
            for function, cold in functions.items()
            if (
                ratio := cold_start_ratio(
                    cold, self._invocations.get(function, {}), run, min(settled, self._logs_settled)
                )
            )
            is not None
        }
        return cold_start_text(self._cold_starts.bounds, counts, ratios)
