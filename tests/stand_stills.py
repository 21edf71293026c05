"""How long the machine itself stood still, so that a test's bar of time is one of time in which the machine ran.

A virtual machine that is frozen, a core that is given to others, a clock that is set: each makes what is measured
late, and none of it is what the test is about.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.05
LATE = 0.2
"""A tick that comes so much later than it should is a stand-still; below it a thread merely waited for its turn."""


class StandStills:
    """What a thread that ticks saw of the machine's stand-stills."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        """(unix time at its end, seconds)"""
        self._ended = threading.Event()

    def within(self, begin: float, end: float, mending: float = 0.0) -> float:
        """Seconds that the machine did not run of those between two moments (unix times).

        `mending` seconds are added for each time: what a gap costs afterwards, until a window is full again.
        """
        parts = (min(at, end) - max(at - lasted, begin) for at, lasted in list(self._found))
        return sum(part + mending for part in parts if part > 0)

    def ran_since(self, begin: float) -> float:
        """Seconds that the machine has run since a moment (unix time)."""
        now = time.time()
        return now - begin - self.within(begin, now)

    def _watch(self) -> None:
        before = time.time(), time.monotonic()
        while not self._ended.wait(TICK):
            now = time.time(), time.monotonic()
            late = max(now[0] - before[0], now[1] - before[1]) - TICK
            if late > LATE:
                self._found.append((now[0], late))
            before = now

    @contextmanager
    def watching(self) -> Iterator[StandStills]:
        """Watches until the block is left."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()
