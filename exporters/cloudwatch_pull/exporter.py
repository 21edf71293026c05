"""Puts the exporter together: clients, pollers, board, page; a thread for each that waits for somebody. I/O."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal

from exporters.cloudwatch_pull.board import Board
from exporters.cloudwatch_pull.calls import AwsCalls, CallFailed
from exporters.cloudwatch_pull.clients import Clients
from exporters.cloudwatch_pull.discovery import Discovery
from exporters.cloudwatch_pull.log_readers import FilterReader, InsightsReader
from exporters.cloudwatch_pull.log_readers import LogReader as Reader
from exporters.cloudwatch_pull.logs_poller import LogsPoller
from exporters.cloudwatch_pull.metrics_poller import ATTEMPTS, MetricsPoller
from exporters.cloudwatch_pull.metrics_reader import MetricsReader
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from exporters.cloudwatch_pull.pacing import Pacing
from exporters.cloudwatch_pull.page import own_text
from exporters.cloudwatch_pull.run_watch import RunWatch
from swarmscope.aws.cold_starts import ColdStartCounter, LineResult
from swarmscope.aws.families import API_CALLS, POLL_SUCCESS, STALE_AFTER, Source
from swarmscope.aws.queries import wanted_queries
from swarmscope.aws.resources import named_resources
from swarmscope.aws.settings import AwsSettings, LogReader

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5
STEP_SECONDS = 5.0
PATIENCE_SECONDS = 20.0
"""What calls may take beside delays and polls before data counts as stale."""


class CloudWatchExporter:
    """One system's side of AWS, as a page. `start` begins; `page` is what Prometheus gets."""

    def __init__(
        self,
        settings: AwsSettings,
        *,
        system: str,
        bounds: Sequence[Decimal],
        locust_url: str = "",
        step_seconds: float = STEP_SECONDS,
        attempts: int = ATTEMPTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigurationError when two of the settings' metrics would become the same series."""
        queries = wanted_queries(settings, named_resources(settings))
        self._clock = clock
        self._ended = threading.Event()
        cold_starts = settings.cold_starts
        sources = [Source.METRICS, *([Source.LOGS] if cold_starts else [])]
        self.own = OwnMetrics(
            _operations(settings), sources, dict.fromkeys(query.namespace for query in queries), LineResult
        )
        for source in sources:
            self.own.set(POLL_SUCCESS, 1, source)
            self.own.set(STALE_AFTER, _stale_after(settings, source), source)
        clients = Clients(settings, lambda: self.own.add(API_CALLS, 1, "AssumeRole", CallResult.SUCCESS))
        self._calls = AwsCalls(clients, self.own)
        self._sources = sources
        self.watch = RunWatch(locust_url, system, clock)
        self.board = Board(
            self.own,
            ColdStartCounter(bounds) if cold_starts else None,
            max_age_seconds=settings.max_age_seconds,
            timestamps=settings.timestamps,
            step_seconds=step_seconds,
        )
        pacing = Pacing(settings, self.own)
        discovery = Discovery(settings, self._calls)
        self.metrics = MetricsPoller(
            settings,
            discovery=discovery,
            reader=MetricsReader(self._calls, self.own, settings.prices),
            board=self.board,
            own=self.own,
            watch=self.watch,
            pacing=pacing,
            attempts=attempts,
            clock=clock,
        )
        self.logs: LogsPoller | None = None
        if cold_starts:
            reader: Reader = (
                InsightsReader(self._calls, self.own, pacing, settings.prices)
                if cold_starts.reader is LogReader.INSIGHTS
                else FilterReader(self._calls)
            )
            self.logs = LogsPoller(
                cold_starts,
                discovery=discovery,
                reader=reader,
                board=self.board,
                own=self.own,
                watch=self.watch,
                pacing=pacing,
                settle_within_seconds=settings.settle_within_seconds,
                clock=clock,
            )

    def page(self) -> str:
        """The page as it is now, from memory."""
        return self.board.text + own_text(self.own, self.board.data_ages(self._clock()))

    def start(self) -> None:
        """Begin to ask AWS and Locust."""
        wait = self._ended.wait
        loops = {
            "metrics": lambda: self._check_and(lambda: self.metrics.run(wait)),
            "run": lambda: self.watch.follow(wait),
            "page": self._refresh,
        }
        if self.logs is not None:
            logs = self.logs
            loops["logs"] = lambda: logs.run(wait)
        for name, loop in loops.items():
            # Daemons: who ends the exporter does not wait for AWS.
            threading.Thread(target=loop, name=name, daemon=True).start()

    def stop(self) -> None:
        """Ask no more; an answer that is under way is not waited for."""
        self._ended.set()

    def _check_and(self, go_on: Callable[[], None]) -> None:
        # Said at the start, and not only when the first run is already being measured.
        try:
            self._calls.call("sts", "GetCallerIdentity", lambda client: client.get_caller_identity())
        except CallFailed as failed:
            if failed.result is CallResult.REFUSED:
                for source in self._sources:
                    self.own.set(POLL_SUCCESS, 0, source)
        go_on()

    def _refresh(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            try:
                self.board.refresh(self._clock())
            except Exception:
                _log.exception("the page could not be brought up to date")


def _stale_after(settings: AwsSettings, source: Source) -> float:
    """Age of what is settled that neither delays nor two polls explain."""
    cold_starts = settings.cold_starts
    if source is Source.LOGS and cold_starts is not None:
        return cold_starts.delay_seconds + 2 * cold_starts.poll_seconds + PATIENCE_SECONDS
    delay = max(settings.delay_seconds, *settings.namespace_delays.values(), 0.0)
    period = max([60, *(metric.period for metric in settings.metrics)])
    return delay + period + 2 * settings.poll_seconds + PATIENCE_SECONDS


def _operations(settings: AwsSettings) -> list[str]:
    """The operations that these settings need."""
    cold_starts = settings.cold_starts
    logs = {LogReader.FILTER: ["FilterLogEvents"], LogReader.INSIGHTS: ["StartQuery", "GetQueryResults"]}
    return [
        "GetMetricData",
        *(logs[cold_starts.reader] if cold_starts else []),
        *(["GetResources"] if settings.tags else []),
        *(["AssumeRole"] if settings.role_arn else []),
        "GetCallerIdentity",
    ]
