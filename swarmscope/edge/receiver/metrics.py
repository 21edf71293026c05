"""The receiver's own series: what arrived, how late, what was refused, and which runs were stopped. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from swarmscope.edge.receiver.payload import Notification
from swarmscope.edge.receiver.store import NotificationStore

_REMEMBERED_BREACHES = 10_000

DELAY_BOUNDS = (0.5, 1, 2, 3, 5, 8, 10, 12, 15, 20, 30, 60, 120, 300)
"""Seconds; 15 is the promise."""


class ReceiverMetrics:
    """Counters of one receiver, in a registry of their own."""

    def __init__(self, store: NotificationStore) -> None:
        self.registry = CollectorRegistry()
        prefix = "swarmscope_receiver"
        self.notifications = Counter(
            f"{prefix}_notifications_total",
            "Notifications kept, by their status.",
            ["status"],
            registry=self.registry,
        )
        self.alerts = Counter(
            f"{prefix}_alerts_total",
            "Alerts in the notifications kept, by their status.",
            ["status"],
            registry=self.registry,
        )
        self.rejected = Counter(
            f"{prefix}_rejected_total",
            "Requests refused: not Alertmanager's message (payload), not JSON (type), or too large (size).",
            ["reason"],
            registry=self.registry,
        )
        self.stops = Counter(
            f"{prefix}_stops_total",
            "Runs that a breach asked to stop, by what became of it.",
            ["outcome"],
            registry=self.registry,
        )
        self.delay = Histogram(
            f"{prefix}_delay_seconds",
            "Time from the start of a firing alert to its first receipt here.",
            buckets=DELAY_BOUNDS,
            registry=self.registry,
        )
        self.watchdog = Gauge(
            f"{prefix}_watchdog_timestamp_seconds",
            "Unix time of the last watchdog; 0 before the first. It proves the path from rule to receiver.",
            registry=self.registry,
        )
        write_errors = Gauge(
            f"{prefix}_write_errors",
            "Notifications that the disk did not take; they are kept in memory only.",
            registry=self.registry,
        )
        write_errors.set_function(lambda: store.write_errors)
        kept = Gauge(f"{prefix}_kept_records", "Notifications and stops kept now.", registry=self.registry)
        kept.set_function(lambda: len(store))
        # Series exist from the start at 0, so that their first increase counts.
        for status in ("firing", "resolved"):
            self.notifications.labels(status)
            self.alerts.labels(status)
        for reason in ("payload", "type", "size"):
            self.rejected.labels(reason)
        self._seen: OrderedDict[tuple[str, datetime], None] = OrderedDict()

    def received(self, notification: Notification, now: datetime) -> None:
        """Count a notification; a breach's delay counts once, however often it is repeated."""
        self.notifications.labels(notification.status).inc()
        for alert in notification.alerts:
            self.alerts.labels(alert.status).inc()
            if alert.is_firing and self._is_new(alert.identity):
                self.delay.observe(max(0.0, (now - alert.starts_at).total_seconds()))

    def remember(self, notification: Notification) -> None:
        """Know the breaches of an earlier process' notification, so that a repetition is not taken for news."""
        for alert in notification.alerts:
            self._is_new(alert.identity)

    def _is_new(self, identity: tuple[str, datetime]) -> bool:
        if identity in self._seen:
            return False
        self._seen[identity] = None
        if len(self._seen) > _REMEMBERED_BREACHES:
            self._seen.popitem(last=False)
        return True
