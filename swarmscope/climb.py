"""Finds the load at which a service breaks: when to go up, hold, go back, end. No I/O, no clock of its own.

A climb goes from level to level. At each it waits until the users run and have settled, has a window judged, and
decides: up, once more at the same level to confirm a breach, down between what held and what broke, or the end.
docs/load-shapes.md explains what follows from what, and how near to the truth the answer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from swarmscope.targets import Climb, Priority
from swarmscope.verdict import Judgement, Status

RELIEF_SECONDS = 3.0
"""Length of the windows in which it is seen whether a service has recovered, before the load is narrowed down."""
MOST_RELIEF_WINDOWS = 20
SPARE_SECONDS = 30.0
"""What a level's users may take beyond twice their planned time to start; then the generators cannot deliver them."""
MOST_INVALID = 2
CONFIRMED = 2
"""Windows at one load in which a target breaks, until that load counts as the one that breaks the service."""
SATURATED_SHARE = 0.8
"""Below this share of the best rate per user, more users no longer bring more requests."""


class Part(StrEnum):
    """What a climb does: the phases of its run."""

    CLIMB = "climb"
    CONFIRM = "confirm"
    """A target broke: the same load once more."""
    RELIEF = "relief"
    """Half of what held, until all targets hold again, so that a queue is not carried into the next level."""
    NARROW = "narrow"
    """Between the highest level that held and the lowest that broke."""


class LevelStatus(StrEnum):
    """What is known of one window at one load."""

    HELD = "held"
    BROKE = "broke"
    INVALID = "invalid"
    """The load generators were at their own limit: nothing is said about the service."""
    NO_DATA = "no data"


class End(StrEnum):
    """Why a climb is over."""

    BROKE = "broke"
    LIMIT = "limit"
    """The highest level held: the breaking point lies above."""
    GENERATOR = "generator"
    """The load generators' own limit came first: the breaking point lies above, or is not known."""
    NOT_RECOVERED = "not_recovered"
    """After it broke, the service did not come back under half the load."""
    STOPPED = "stopped"
    """By hand, by its time, or by a target that stops a run."""


class Edge(StrEnum):
    """An edge of a window that is to be judged: each load generator takes a snapshot of its counters."""

    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Level:
    """One judged window at one load. Times are Unix seconds, latencies seconds."""

    part: Part
    users: int
    began: float
    ended: float
    status: LevelStatus
    rate: float
    """Requests finished per second."""
    error_ratio: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    judgements: tuple[Judgement, ...] = ()
    reasons: tuple[str, ...] = ()
    """Why the load at this level is not trusted."""

    @property
    def broken(self) -> tuple[Judgement, ...]:
        """The targets that were missed, the worst first."""
        missed = [judgement for judgement in self.judgements if judgement.status is Status.FAIL]
        return tuple(sorted(missed, key=_severity, reverse=True))


@dataclass(frozen=True, slots=True)
class ClimbResult:
    """What a climb has found."""

    end: End
    levels: tuple[Level, ...]
    """Every judged window but those of relief, in their order."""
    reason: str = ""
    """Why it ended, where that is not what the levels show."""
    recovered_seconds: tuple[float | None, ...] = ()
    """After each confirmed breach: from the load's return to half until all targets held; None when they never did."""

    @property
    def held(self) -> Level | None:
        """The highest load under which every target held."""
        return max(
            (level for level in self.levels if level.status is LevelStatus.HELD),
            key=lambda level: (level.users, level.began),
            default=None,
        )

    @property
    def first_broken(self) -> Level | None:
        """The window that confirmed the first breach."""
        return next(iter(_confirmed(self.levels)), None)

    @property
    def lowest_broken(self) -> Level | None:
        """The lowest load whose breach was confirmed."""
        return min(_confirmed(self.levels), key=lambda level: level.users, default=None)

    @property
    def passing(self) -> tuple[Level, ...]:
        """Windows in which a target broke and held when the same load went on."""
        confirmed = {level.users for level in _confirmed(self.levels)}
        return tuple(
            level
            for level in self.levels
            if level.status is LevelStatus.BROKE and level.users not in confirmed
        )

    @property
    def saturated(self) -> Level | None:
        """The first level whose users made clearly fewer requests each than those of a level below it."""
        best = 0.0
        for level in sorted(self.levels, key=lambda level: (level.users, level.began)):
            if level.status in (LevelStatus.INVALID, LevelStatus.NO_DATA):
                continue
            per_user = level.rate / level.users
            if per_user < SATURATED_SHARE * best:
                return level
            best = max(best, per_user)
        return None


def level_status(judgements: Sequence[Judgement], reasons: Sequence[str], gate: Priority) -> LevelStatus:
    """What the targets that the gate covers say of a level.

    An overloaded generator comes first: unlike a run, whose missed target stands even then, a level must never
    take the generator's limit for the service's.
    """
    statuses = {each.status for each in judgements if gate.covers(each.target.priority)}
    if reasons:
        return LevelStatus.INVALID
    if Status.FAIL in statuses:
        return LevelStatus.BROKE
    return LevelStatus.NO_DATA if Status.NO_DATA in statuses or not statuses else LevelStatus.HELD


def _confirmed(levels: Sequence[Level]) -> list[Level]:
    broke: dict[int, int] = {}
    found = []
    for level in levels:
        if level.status is LevelStatus.BROKE:
            broke[level.users] = broke.get(level.users, 0) + 1
            if broke[level.users] == CONFIRMED:
                found.append(level)
        elif level.status is LevelStatus.HELD:
            broke.pop(level.users, None)
    return found


def _severity(judgement: Judgement) -> float:
    """How many times its limit a missed target is at."""
    value, limit = judgement.value or 0.0, float(judgement.target.limit)
    if judgement.target.kind.is_floor:
        return limit / value if value > 0 else float("inf")
    return value / limit if limit > 0 else float("inf")


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
