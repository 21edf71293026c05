"""How often each source is asked now, within the cost limit, and saying so when it limits. No I/O but a log line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from exporters.cloudwatch_pull.own_metrics import OwnMetrics
from swarmscope.aws.cost import Pace, pace
from swarmscope.aws.families import COST_LIMITED, POLL_INTERVAL, Source
from swarmscope.aws.settings import AwsSettings
from swarmscope.aws.windows import Group

_log = logging.getLogger(__name__)

SHORTEST_SECONDS = 1.0
"""Between two polls, whatever somebody asks for."""


class Pacing:
    """The interval of each source; both pollers ask, so it locks."""

    def __init__(self, settings: AwsSettings, own: OwnMetrics) -> None:
        self._settings = settings
        self._own = own
        self._lock = threading.Lock()
        self._groups: tuple[Group, ...] = ()
        self._scanned_bytes: dict[str, float] = {}
        self._is_limited = False

    def metrics_interval(self, groups: Sequence[Group], *, is_idle: bool = False) -> float:
        """Seconds between two polls of metrics, for these queries."""
        with self._lock:
            self._groups = tuple(groups)
            now = self._pace()
        shortest = min((group.period for group in groups), default=0)
        interval = max(now.metrics, self._settings.idle_poll_seconds if is_idle else 0.0, float(shortest))
        self._own.set(POLL_INTERVAL, interval, Source.METRICS)
        return interval

    def logs_interval(self) -> float:
        """Seconds between two polls of logs."""
        with self._lock:
            interval = max(SHORTEST_SECONDS, self._pace().logs)
        self._own.set(POLL_INTERVAL, interval, Source.LOGS)
        return interval

    def scanned(self, function: str, scanned_bytes: float) -> None:
        """Logs Insights has scanned so much for a function: the next time it is expected to be as much."""
        with self._lock:
            self._scanned_bytes[function] = scanned_bytes

    def idle(self) -> None:
        """Metrics are not asked for now."""
        self._own.set(POLL_INTERVAL, 0, Source.METRICS)

    def _pace(self) -> Pace:
        settings = self._settings
        cold_starts = settings.cold_starts
        now = pace(
            self._groups,
            poll_seconds=settings.poll_seconds,
            logs_poll_seconds=cold_starts.poll_seconds if cold_starts else 0.0,
            scanned_bytes=sum(self._scanned_bytes.values()),
            limit_per_hour=settings.cost_limit_dollars_per_hour,
            prices=settings.prices,
        )
        self._own.set(COST_LIMITED, now.is_limited)
        if now.is_limited and not self._is_limited:
            _log.warning(
                "the cost limit of $%g an hour slows polling: metrics every %.0f s instead of %.0f s",
                settings.cost_limit_dollars_per_hour,
                now.metrics,
                settings.poll_seconds,
            )
        self._is_limited = now.is_limited
        return now
