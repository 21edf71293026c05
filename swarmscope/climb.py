"""What a climb meets and finds: its levels, the highest load that held, the lowest that broke. No I/O.

`swarmscope.climber` leads it; docs/load-shapes.md says how near to the truth the answer is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from swarmscope.targets import Priority
from swarmscope.verdict import Judgement, Status

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
        held = {level.users: level.began for level in self.levels if level.status is LevelStatus.HELD}
        return tuple(
            level
            for level in self.levels
            if level.status is LevelStatus.BROKE
            and level.users not in confirmed
            and level.began < held.get(level.users, level.began)
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
