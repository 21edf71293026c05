"""Measures how late this process' event loop runs its timers: that much may be wrong with its response times."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import gevent

INTERVAL = 0.05


class EventLoopLag:
    """A greenlet that sleeps, and notes how much later than asked it woke up."""

    def __init__(
        self,
        interval: float = INTERVAL,
        clock: Callable[[], float] = perf_counter,
        sleep: Callable[[float], object] = gevent.sleep,
    ) -> None:
        """`interval` is in seconds: a stall shorter than it may fall between two timers."""
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._due: float | None = None
        self._worst = 0.0
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        """Measure until `stop`; a second call changes nothing."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop measuring."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None
        self._due = None

    def worst_and_reset(self) -> float:
        """The worst lateness in seconds since the last call, a timer that is overdue right now included."""
        worst = self._worst
        if self._due is not None:
            # The caller may run just before the measuring greenlet after a stall.
            worst = max(worst, self._clock() - self._due)
        self._worst = 0.0
        return worst

    def measure_once(self) -> None:
        """Sleep one interval and note how late it ended."""
        self._due = self._clock() + self._interval
        self._sleep(self._interval)
        self._worst = max(self._worst, self._clock() - self._due)

    def _run(self) -> None:
        while True:
            self.measure_once()
