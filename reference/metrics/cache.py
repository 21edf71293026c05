"""Answers that are kept for a moment: many eyes on one dashboard cost one look at the database. No I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from reference.server_metrics import Counter

KEPT_SECONDS = 1.0
MOST_ENTRIES = 5000


class Cache:
    """Keys must name the tenant: whose data it is must never depend on who asked first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, Any]] = {}
        self.requests = Counter(
            "metrics_cache_requests_total",
            "Dashboard answers by whether they were in the cache.",
            ("result",),
            [("hit",), ("miss",)],
        )

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """What is kept under this key, made anew once it is older than a second."""
        now = self._clock()
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < KEPT_SECONDS:
            self.requests.add("hit")
            return kept[1]
        self.requests.add("miss")
        made = await make()
        if len(self._kept) >= MOST_ENTRIES:
            self._kept = {k: entry for k, entry in self._kept.items() if now - entry[0] < KEPT_SECONDS}
        if len(self._kept) < MOST_ENTRIES:
            self._kept[key] = (now, made)
        return made
