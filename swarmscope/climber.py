"""Leads a climb to the load at which a service breaks: when to go up, hold, go back, end. No I/O, no clock of its own.

A climb goes from level to level. At each it waits until the users run and have settled, has a window judged, and
decides: up, once more at the same level to confirm a breach, down between what held and what broke, or the end.
docs/load-shapes.md explains what follows from what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from swarmscope.climb import CONFIRMED, ClimbResult, End, Level, LevelStatus, Part
from swarmscope.targets import Climb

RELIEF_SECONDS = 3.0
"""Length of the windows in which it is seen whether a service has recovered, before the load is narrowed down."""
MOST_RELIEF_WINDOWS = 20
SPARE_SECONDS = 30.0
"""What a level's users may take beyond twice their planned time to start; then the generators cannot deliver them."""
MOST_INVALID = 2


class Edge(StrEnum):
    """An edge of a window that is to be judged: each load generator takes a snapshot of its counters."""

    BEGIN = "begin"
    END = "end"


class _Stage(StrEnum):
    GOING = "going"
    SETTLING = "settling"
    JUDGED = "judged"
    ENDED = "ended"
    """The window is over; its judgement is awaited."""


@dataclass(slots=True)
class Climber:
    """Leads one climb. `observe` what Locust reports a few times a second, hand in each window once it is judged."""

    climb: Climb
    spawn_rate: float
    warm_up: float = 0.0
    """Seconds that the first level is given beyond its settling."""
    wanted: int | None = field(init=False)
    """Users to run now; None when the climb is over."""
    part: Part = field(default=Part.CLIMB, init=False)
    end: End | None = field(default=None, init=False)
    levels: list[Level] = field(default_factory=list, init=False)
    _reason: str = field(default="", init=False)
    _recovered: list[float | None] = field(default_factory=list, init=False)
    _stage: _Stage = field(default=_Stage.GOING, init=False)
    _since: float | None = field(default=None, init=False)
    _users: int = field(default=0, init=False)
    _held: int = field(default=0, init=False)
    _broken: int | None = field(default=None, init=False)
    _here: dict[LevelStatus, int] = field(default_factory=dict, init=False)
    _relief_since: float = field(default=0.0, init=False)
    _relief_windows: int = field(default=0, init=False)
    _next: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.wanted = self.climb.start

    def observe(self, now: float, users: int, spawned: bool) -> Edge | None:
        """Take in how many users run, and whether Locust has finished starting or stopping them."""
        if self.wanted is None:
            return None
        if self._since is None:
            self._since = now
        passed = now - self._since
        if self._stage is _Stage.GOING:
            if spawned and users == self.wanted:
                self._stage, self._since = _Stage.SETTLING, now
            elif passed > 2 * abs(self.wanted - self._users) / self.spawn_rate + SPARE_SECONDS:
                self._finish(
                    End.GENERATOR,
                    f"only {users} of {self.wanted} users ran {passed:.0f} s after they were wanted",
                )
        elif self._stage is _Stage.SETTLING and passed >= self._settle():
            self._stage, self._since = _Stage.JUDGED, now
            return Edge.BEGIN
        elif self._stage is _Stage.JUDGED and passed >= self._hold():
            self._stage = _Stage.ENDED
            return Edge.END
        return None

    def judged(self, level: Level) -> None:
        """Decide what follows from the window that has just been judged."""
        if self.wanted is None:
            return
        if self.part is Part.RELIEF:
            self._relieved(level)
            return
        self.levels.append(level)
        status = level.status
        self._here[status] = self._here.get(status, 0) + 1
        if status is LevelStatus.HELD:
            self._held = max(self._held, level.users)
            self._onward(level)
        elif status is LevelStatus.BROKE and self._here[status] >= CONFIRMED:
            self._broken = level.users
            self._narrow(level)
        elif status is LevelStatus.INVALID and self._here[status] >= MOST_INVALID:
            self._finish(End.BROKE if self._broken else End.GENERATOR, "; ".join(level.reasons))
        elif status is LevelStatus.NO_DATA and (
            self._here[status] > 1 or LevelStatus.BROKE not in self._here
        ):
            self._onward(level)
        else:
            self.part = Part.CONFIRM
            self._stage, self._since = _Stage.SETTLING, level.ended - self._settle()

    def stop(self) -> None:
        """The run ends before the climb does."""
        if self.wanted is not None:
            self._finish(End.STOPPED, "the run was ended before the climb was over")

    def result(self) -> ClimbResult:
        """What was found so far."""
        return ClimbResult(self.end or End.STOPPED, tuple(self.levels), self._reason, tuple(self._recovered))

    def _settle(self) -> float:
        first = not self.levels and self.part is Part.CLIMB
        return float(self.climb.settle) + (self.warm_up if first else 0.0)

    def _hold(self) -> float:
        return RELIEF_SECONDS if self.part is Part.RELIEF else float(self.climb.hold)

    def _go(self, users: int, part: Part, now: float) -> None:
        self._users = self.wanted or 0
        self.wanted, self.part = users, part
        self._stage, self._since = _Stage.GOING, now
        self._here = {}

    def _onward(self, level: Level) -> None:
        """This load is done with: higher, or nearer to what broke."""
        if self._broken is not None:
            self._narrow(level)
        elif level.users >= self.climb.limit:
            self._finish(End.LIMIT, "")
        else:
            self._go(min(level.users + self.climb.step, self.climb.limit), Part.CLIMB, level.ended)

    def _narrow(self, level: Level) -> None:
        broken = self._broken or 0
        precision = self.climb.precision
        apart = broken - self._held
        known = not self._held or precision is None or apart <= max(1, int(precision * broken))
        if known or level.status is LevelStatus.NO_DATA:
            self._finish(End.BROKE, "")
            return
        middle = self._held + apart // 2
        if level.status is LevelStatus.BROKE:
            self._next, self._relief_windows, self._relief_since = middle, 0, level.ended
            self._go(max(1, self._held // 2), Part.RELIEF, level.ended)
        else:
            self._go(middle, Part.NARROW, level.ended)

    def _relieved(self, level: Level) -> None:
        self._relief_windows += 1
        if level.status is LevelStatus.HELD:
            self._recovered.append(level.began - self._relief_since)
            self._go(self._next, Part.NARROW, level.ended)
        elif self._relief_windows >= MOST_RELIEF_WINDOWS:
            self._recovered.append(None)
            waited = level.ended - self._relief_since
            self._finish(
                End.NOT_RECOVERED,
                f"its targets were still missed {waited:.0f} s after the load had gone back to {level.users} users",
            )
        else:
            self._stage, self._since = _Stage.SETTLING, level.ended - self._settle()

    def _finish(self, end: End, reason: str) -> None:
        self.wanted, self.end, self._reason = None, end, reason
