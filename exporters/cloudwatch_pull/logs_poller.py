"""Reads the cold starts of the run that is going on, and of its last seconds until they have arrived. A thread.

Each poll reads again what may have arrived late; no line is counted twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from exporters.cloudwatch_pull.back_off import Wait
from exporters.cloudwatch_pull.board import Board
from exporters.cloudwatch_pull.calls import CallFailed
from exporters.cloudwatch_pull.discovery import Discovery
from exporters.cloudwatch_pull.log_readers import LogReader
from exporters.cloudwatch_pull.own_metrics import OwnMetrics
from exporters.cloudwatch_pull.pacing import Pacing
from exporters.cloudwatch_pull.run_watch import RunWatch
from swarmscope.aws.families import POLL_DURATION, POLL_INTERVAL, POLL_SUCCESS, Source
from swarmscope.aws.runs import RunSpan
from swarmscope.aws.settings import ColdStarts

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.25


class LogsPoller:
    """Decides from when to when lines are read."""

    def __init__(
        self,
        settings: ColdStarts,
        *,
        discovery: Discovery,
        reader: LogReader,
        board: Board,
        own: OwnMetrics,
        watch: RunWatch,
        pacing: Pacing,
        settle_within_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._discovery, self._reader, self._board, self._own = discovery, reader, board, own
        self._watch, self._pacing = watch, pacing
        self._settle_within_seconds = settle_within_seconds
        self._clock = clock
        self._cursors: dict[str, float] = {}
        """Function → until when its lines have been read and have had time to arrive."""
        self._settled = 0.0
        self._due = 0.0

    def run(self, wait: Wait) -> None:
        """Poll until the exporter ends."""
        while not wait(TICK_SECONDS):
            if self._clock() >= self._due:
                try:
                    self._due = self.poll(wait)
                except Exception:
                    _log.exception("logs could not be read")
                    self._own.set(POLL_SUCCESS, 0, Source.LOGS)
                    self._due = self._clock() + self._settings.poll_seconds

    def poll(self, wait: Wait) -> float:
        """Read what there is to read now; returns when to look again."""
        run, now = self._watch.run, self._clock()
        if run is None or self._is_done(run, now):
            self._own.set(POLL_INTERVAL, 0, Source.LOGS)
            return now + 1.0
        functions = self._discovery.resources.functions
        self._board.follow(run, functions)
        began = time.monotonic()
        succeeded = self._read(run, functions, now, wait)
        self._own.set(POLL_DURATION, time.monotonic() - began, Source.LOGS)
        self._own.set(POLL_SUCCESS, succeeded, Source.LOGS)
        return now + self._pacing.logs_interval()

    def _is_done(self, run: RunSpan, now: float) -> bool:
        if run.stopped is None:
            return False
        return self._settled >= run.stopped or now > run.stopped + self._settle_within_seconds

    def _read(self, run: RunSpan, functions: tuple[str, ...], now: float, wait: Wait) -> bool:
        late = self._settings.delay_seconds
        end = now if run.stopped is None else min(now, run.stopped)
        # What came after Locust was last seen is not counted yet: it is read again.
        known = min(now, run.seen_until) if run.stopped is None else now
        succeeded = True
        for name in functions:
            group = self._settings.log_groups.get(name, f"/aws/lambda/{name}")
            # Twice the delay back: lines that are later still are counted, too, while it costs only a longer window.
            start = max(run.begins, self._cursors.get(name, 0.0) - late)
            try:
                for events in self._reader.pages(name, group, start, end, wait):
                    self._board.take(events)
            except CallFailed as failed:
                succeeded = False
                if failed.credentials_fail:
                    break
            else:
                self._cursors[name] = max(self._cursors.get(name, 0.0), min(end, known) - late)
        if succeeded:
            self._settled = max(self._settled, known - late)
        oldest = min((self._cursors.get(name, 0.0) for name in functions), default=now)
        self._board.logs_are_settled(self._settled, oldest - late - 1.0)
        return succeeded
