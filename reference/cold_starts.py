"""Instances of a Lambda function: which one serves a request, and which requests must wait for a new one to start.

No I/O and no waiting: `acquire` says how long a new instance takes, and who asked waits. Times are seconds of a
clock passed in.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from reference.faults import Fault


@dataclass(frozen=True, slots=True)
class StartUp:
    """How long instances take to start, and how long idle ones are kept."""

    delay_ms: float
    jitter_ms: float
    idle_seconds: float

    @classmethod
    def of(cls, fault: Fault) -> StartUp:
        """What a cold_start fault asks for."""
        return cls(fault.delay_ms, fault.jitter_ms, fault.idle_seconds)

    def draw_seconds(self, chance: random.Random) -> float:
        """How long one instance takes to start, never below zero."""
        return max(0.0, self.delay_ms + chance.uniform(-self.jitter_ms, self.jitter_ms)) / 1000


@dataclass(slots=True, eq=False)
class Instance:
    """One instance: serves one request at a time."""

    idle_since: float = 0.0
    name: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Acquired:
    """The instance that serves a request, and how long it takes to start; None when it was warm."""

    instance: Instance
    init_seconds: float | None


class InstancePool:
    """The instances of one function. The one that became idle last serves next, so that surplus ones end."""

    def __init__(self, clock: Callable[[], float], chance: random.Random) -> None:
        self._clock, self._chance = clock, chance
        self._idle: deque[Instance] = deque()
        """The longest idle first."""
        self._busy: set[Instance] = set()

    def acquire(self, start_up: StartUp) -> Acquired:
        """An instance for one request: a warm one if any is free, else a new one."""
        self._end_idle(start_up.idle_seconds)
        if self._idle:
            instance, init_seconds = self._idle.pop(), None
        else:
            instance, init_seconds = Instance(), start_up.draw_seconds(self._chance)
        self._busy.add(instance)
        return Acquired(instance, init_seconds)

    def release(self, instance: Instance) -> None:
        """The request is answered; an instance of before `forget` is gone with it."""
        if instance in self._busy:
            self._busy.remove(instance)
            instance.idle_since = self._clock()
            self._idle.append(instance)

    def forget(self) -> None:
        """End every instance, as a new version of the function does; busy ones answer first."""
        self._idle.clear()
        self._busy.clear()

    def counts(self, idle_seconds: float) -> dict[str, int]:
        """Instances by state."""
        self._end_idle(idle_seconds)
        return {"idle": len(self._idle), "busy": len(self._busy)}

    def _end_idle(self, idle_seconds: float) -> None:
        gone = self._clock() - idle_seconds
        while self._idle and self._idle[0].idle_since <= gone:
            self._idle.popleft()
