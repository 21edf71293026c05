"""Locust's own request counts of a run, kept across its statistics' resets, for the reconciliation. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from swarmscope.measurements import RequestKey


class LocustCounts:
    """Reads Locust's statistics and remembers what a reset (--reset-stats, the web UI's button) threw away."""

    def __init__(self, environment: Any, distributed: bool) -> None:
        self._environment = environment
        self._distributed = distributed
        self._kept: dict[RequestKey, tuple[int, int]] = {}
        self._comparable = True
        stats = environment.stats
        reset_all = stats.reset_all

        def remember_then_reset() -> None:
            self._kept = self._added()
            # Workers reset too, and drop what they had not yet reported: Locust itself loses count then.
            self._comparable = not self._distributed
            reset_all()

        stats.reset_all = remember_then_reset

    def start_run(self) -> None:
        """A new run starts; Locust clears its statistics itself."""
        self._kept = {}
        self._comparable = True

    def read(self) -> Mapping[RequestKey, tuple[int, int]] | None:
        """(requests, failures) per request since the run began; None when Locust itself lost count."""
        return self._added() if self._comparable else None

    def _added(self) -> dict[RequestKey, tuple[int, int]]:
        counts = dict(self._kept)
        for (name, method), entry in self._environment.stats.entries.items():
            key = RequestKey(str(method), str(name))
            requests, failures = counts.get(key, (0, 0))
            counts[key] = (requests + entry.num_requests, failures + entry.num_failures)
        return counts
