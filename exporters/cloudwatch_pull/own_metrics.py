"""The exporter's counts of itself: set by the pollers' threads, read by every scrape. No I/O."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from enum import StrEnum

from swarmscope.aws.families import (
    API_CALLS,
    BILLED_METRICS,
    CORRECTED,
    COST,
    COST_LIMITED,
    DROPPED_SERIES,
    LOG_LINES,
    OWN,
    POLL_DURATION,
    POLL_INTERVAL,
    POLL_SUCCESS,
    SETTLED,
    Source,
)
from swarmscope.names import Metric


class CallResult(StrEnum):
    """What became of a call; values of the label `result`."""

    SUCCESS = "success"
    THROTTLED = "throttled"
    ERROR = "error"
    REFUSED = "refused"
    """Credentials that are missing, wrong or expired, or lack a permission."""


class OwnMetrics:
    """Every sample of `families.OWN`, by metric and label values; those that can be named exist at 0."""

    def __init__(
        self,
        operations: Iterable[str],
        sources: Iterable[Source],
        namespaces: Iterable[str],
        results: Iterable[str],
    ) -> None:
        self._lock = threading.Lock()
        self._values: dict[Metric, dict[tuple[str, ...], float]] = {metric: {} for metric in OWN}
        for metric in (BILLED_METRICS, COST, COST_LIMITED, DROPPED_SERIES):
            self.set(metric, 0)
        for operation in operations:
            for call_result in CallResult:
                self.set(API_CALLS, 0, operation, call_result)
        for source in sources:
            for metric in (SETTLED, POLL_INTERVAL, POLL_SUCCESS, POLL_DURATION):
                self.set(metric, 0, source)
        for namespace in namespaces:
            self.set(CORRECTED, 0, namespace)
        if Source.LOGS in sources:
            for result in results:
                self.set(LOG_LINES, 0, result)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Let a counter grow."""
        with self._lock:
            values = self._values[metric]
            values[labels] = values.get(labels, 0.0) + amount

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""
        with self._lock:
            self._values[metric][labels] = float(value)

    def raise_to(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge that never goes back."""
        with self._lock:
            values = self._values[metric]
            values[labels] = max(values.get(labels, 0.0), float(value))

    def get(self, metric: Metric, *labels: str) -> float:
        """One value."""
        with self._lock:
            return self._values[metric].get(labels, 0.0)

    def samples(self) -> Iterator[tuple[Metric, dict[tuple[str, ...], float]]]:
        """Every metric with its samples as they are now."""
        with self._lock:
            copied = {metric: dict(values) for metric, values in self._values.items()}
        yield from copied.items()
