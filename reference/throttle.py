"""A line of requests before a service that lets a fixed number per second through, evenly, first come first served.

`Line` is the schedule, with the clock passed in; `Turnstile` lets it run on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Waiting = TypeVar("Waiting")


class Line(Generic[Waiting]):
    """Who waits, and when the next may go: slots of 1/rate seconds, none of which can be saved up."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._next_slot = 0.0
        self._waiting: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, who: Waiting, now: float) -> None:
        """Join the end of the line."""
        if not self._waiting:
            self._next_slot = max(self._next_slot, now)
        self._waiting.append(who)

    def leave(self, who: Waiting) -> None:
        """Leave without having been let through; all behind move up."""
        if who in self._waiting:
            self._waiting.remove(who)

    def seconds_to_next(self, now: float) -> float | None:
        """Seconds until the first in line may go; None when nobody waits."""
        return max(0.0, self._next_slot - now) if self._waiting else None

    def let_through(self, now: float) -> list[Waiting]:
        """Those whose slot has come, in their order; a timer that was late is made up for."""
        through = []
        while self._waiting and self._next_slot <= now:
            through.append(self._waiting.popleft())
            self._next_slot += self._seconds
        return through


class Turnstile:
    """Lets coroutines wait in one line."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._line: Line[asyncio.Future[None]] = Line(rate)
        self._clock = clock
        self._turning: asyncio.Task[None] | None = None

    def enter(self) -> asyncio.Future[None]:
        """A place in the line: done when it is let through. Whoever gives up waiting must `leave`."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.enter(place, self._clock())
        if self._turning is None or self._turning.done():
            self._turning = asyncio.ensure_future(self._turn())
        return place

    def leave(self, place: asyncio.Future[None]) -> None:
        """Give up a place, let through or not."""
        self._line.leave(place)

    async def _turn(self) -> None:
        while (seconds := self._line.seconds_to_next(self._clock())) is not None:
            if seconds:
                await asyncio.sleep(seconds)
            for place in self._line.let_through(self._clock()):
                if not place.done():
                    place.set_result(None)
