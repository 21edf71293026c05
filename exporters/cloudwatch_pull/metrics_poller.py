"""Reads every metric whose next period has settled, for as long as somebody wants to know. A thread; I/O through calls.

A batch that is throttled is tried again after the others were read; one that fails waits for the next poll. Both keep
their last values meanwhile, and their next window reaches back to where they were.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from math import ceil

from exporters.cloudwatch_pull.back_off import Wait, back_off
from exporters.cloudwatch_pull.board import Board
from exporters.cloudwatch_pull.calls import CallFailed
from exporters.cloudwatch_pull.discovery import Discovery
from exporters.cloudwatch_pull.metrics_reader import MetricsReader
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from exporters.cloudwatch_pull.pacing import SHORTEST_SECONDS, Pacing
from exporters.cloudwatch_pull.run_watch import RunWatch
from swarmscope.aws.families import POLL_DURATION, POLL_SUCCESS, Source
from swarmscope.aws.queries import Query, wanted_queries
from swarmscope.aws.runs import RunSpan
from swarmscope.aws.settings import AwsSettings
from swarmscope.aws.windows import Group, Window, batches, groups, next_settling, settled_end, window
from swarmscope.errors import ConfigurationError

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
ATTEMPTS = 4
"""Of one batch in one poll."""

Read = tuple[tuple[Query, ...], Window]


class MetricsPoller:
    """Decides when to read which batches, and reads them."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        discovery: Discovery,
        reader: MetricsReader,
        board: Board,
        own: OwnMetrics,
        watch: RunWatch,
        pacing: Pacing,
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._discovery, self._reader, self._board, self._own = discovery, reader, board, own
        self._watch, self._pacing = watch, pacing
        self._attempts = attempts
        self._clock = clock
        self._chance = random.Random()
        self._groups: tuple[Group, ...] = ()
        self._queries: tuple[Query, ...] | None = None
        self._run: RunSpan | None = None
        self._born = clock()
        self._due = 0.0

    def run(self, wait: Wait) -> None:
        """Poll until the exporter ends."""
        while not wait(TICK_SECONDS):
            now = self._clock()
            if now >= self._due:
                try:
                    self._due = self.poll(now, wait)
                except Exception:
                    # A fault of ours must not end the thread: the page would go stale and say nothing.
                    _log.exception("metrics could not be read")
                    self._own.set(POLL_SUCCESS, 0, Source.METRICS)
                    self._due = now + self._settings.poll_seconds

    def poll(self, now: float, wait: Wait) -> float:
        """Read what there is to read now; returns when to look again."""
        run = self._watch.run
        since = self._wanted_since(run, now)
        if since is None:
            self._pacing.idle()
            return now + 1.0
        is_new = run is not None and (self._run is None or run.run != self._run.run)
        self._run = run
        found = self._discovery.look(now, anew=is_new)
        self._know_queries(since)
        interval = self._pacing.metrics_interval(self._groups, is_idle=self._is_idle(run, now))
        reads = self._reads(since, run, now)
        succeeded = found
        if reads:
            began = time.monotonic()
            succeeded = self._read_all(reads, wait) and found
            self._own.set(POLL_DURATION, time.monotonic() - began, Source.METRICS)
        if reads or not found:
            self._own.set(POLL_SUCCESS, succeeded, Source.METRICS)
        return self._next(now, interval, read=bool(reads), succeeded=succeeded)

    # --- when -----------------------------------------------------------------------------------------------------

    def _wanted_since(self, run: RunSpan | None, now: float) -> float | None:
        """From when on metrics are wanted; None when they are not now."""
        if run is not None and not self._is_idle(run, now):
            return run.started
        if self._settings.idle_poll_seconds <= 0:
            return None
        return self._born if run is None else run.started

    def _is_idle(self, run: RunSpan | None, now: float) -> bool:
        """Whether no run is going on, and the last one's minutes have all been read."""
        if run is None:
            return True
        if run.stopped is None:
            return False
        if now > run.stopped + self._settings.settle_within_seconds + self._slowest():
            return True
        return self._queries is not None and self._has_read(run, run.stopped)

    def _slowest(self) -> float:
        """The longest that a period takes to be read."""
        return (
            max((group.period + group.delay for group in self._groups), default=0.0)
            + self._settings.poll_seconds
        )

    def _has_read(self, run: RunSpan, stopped: float) -> bool:
        return (
            self._run is not None
            and self._run.run == run.run
            and all(
                until is not None and until >= ceil(stopped / group.period) * group.period
                for group in self._groups
                for until in self._board.read_until(group.queries)
            )
        )

    def _next(self, now: float, interval: float, *, read: bool, succeeded: bool) -> float:
        if not succeeded:
            return now + max(SHORTEST_SECONDS, min(interval, self._settings.poll_seconds))
        # Nothing is asked before a period has settled; a moment later, in case the clocks differ by that much.
        after = now + interval - 1.0 if read and interval > self._shortest() else now
        return min(
            (next_settling(after, group.period, group.delay) + 0.2 for group in self._groups),
            default=now + interval,
        )

    def _shortest(self) -> float:
        return float(min((group.period for group in self._groups), default=0))

    # --- what -----------------------------------------------------------------------------------------------------

    def _know_queries(self, since: float) -> None:
        try:
            queries = wanted_queries(self._settings, self._discovery.resources)
        except ConfigurationError as error:
            # Only what was found by tag can bring this about: what is named was checked at the start.
            if self._queries is None:
                raise
            _log.error("what was found by tag is left out: %s", error)
            queries = self._queries
        if queries != self._queries:
            self._queries = queries
            self._groups = groups(queries, self._settings)
        self._board.ask_for(queries, since)

    def _reads(self, since: float, run: RunSpan | None, now: float) -> list[Read]:
        reads: list[Read] = []
        for group in self._groups:
            end = settled_end(now, group.period, group.delay)
            if run is not None and run.stopped is not None and not self._settings.idle_poll_seconds:
                end = min(end, ceil(run.stopped / group.period) * group.period)
            for batch in batches(group.queries):
                wanted = window(since, self._board.read_until(batch), end, group.period)
                if wanted is not None:
                    reads.append((batch, wanted))
        return reads

    def _read_all(self, reads: list[Read], wait: Wait) -> bool:
        succeeded = True
        for attempt in range(1, self._attempts + 1):
            throttled: list[Read] = []
            for batch, wanted in reads:
                try:
                    answer = self._reader.read(batch, wanted)
                except CallFailed as failed:
                    if failed.result is CallResult.REFUSED:
                        return False
                    if failed.result is CallResult.THROTTLED:
                        throttled.append((batch, wanted))
                    else:
                        succeeded = False
                    continue
                self._board.merge(wanted, answer)
                if answer.incomplete:
                    succeeded = False
            if not throttled:
                return succeeded
            if attempt == self._attempts or wait(back_off(attempt, self._chance)):
                break
            reads = throttled
        return False
