"""How long to wait after a call that failed, and how far calls must be apart. The waits themselves are passed in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0

Wait = Callable[[float], bool]
"""Waits so many seconds; True when the exporter is to end instead."""


def back_off(attempt: int, chance: random.Random) -> float:
    """Seconds before attempt 1, 2, …: half to all of 0.5 s, 1 s, 2 s …, so that exporters do not march in step."""
    longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** (attempt - 1))
    return longest * (0.5 + chance.random() / 2)


class Pacer:
    """Keeps calls so far apart that an account's limit of calls per second is never met."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._apart = 1 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self, wait: Wait) -> bool:
        """Wait for the next turn; True when the exporter is to end instead."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._apart
        return wait(turn - now) if turn > now else False
