"""Which phase a run is in, from what Locust reports: a small pure state machine. No I/O, no clock of its own.

ready → ramp → warm_up → steady → stopping → done. A staged profile goes back to `ramp` when its next stage wants
another number of users; a stage with a name of its own (`spike`) shows that name instead and is not judged.
Targets are judged in `steady` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from swarmscope.climb import Part
from swarmscope.names import Phase
from swarmscope.targets import Profile

TERMINAL = (Phase.STOPPING, Phase.DONE)


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of phase at a moment (the caller's clock, seconds)."""

    at: float
    before: str
    after: str

    @property
    def begins_steady(self) -> bool:
        """Whether a judged window begins."""
        return self.after == Phase.STEADY

    @property
    def ends_steady(self) -> bool:
        """Whether a judged window ends."""
        return self.before == Phase.STEADY


def phases_of(profile: Profile) -> tuple[str, ...]:
    """Every phase that a run of this profile can be in, in the order of the page."""
    named = dict.fromkeys(stage.phase for stage in profile.stages if stage.phase)
    climb = () if profile.climb is None else tuple(str(part) for part in Part)
    return (*(str(phase) for phase in Phase), *(name for name in named if name not in set(Phase)), *climb)


@dataclass(slots=True)
class PhaseTracker:
    """Follows one run through its phases."""

    warm_up: float
    """Seconds after all users run that are not judged yet; spent once per run."""
    phase: str = Phase.READY
    _complete_since: float | None = field(default=None, init=False)
    _warm: bool = field(default=False, init=False)

    def observe(
        self, now: float, *, users: int, wanted: int, spawned: bool, stage_phase: str = ""
    ) -> Transition | None:
        """Take in what Locust reports at `now`; returns the change of phase, if there is one.

        `spawned` says that Locust has finished spawning (or stopping) towards `wanted`. Once complete, the phase
        does not fall back when a user or worker is lost: that the load is short is a reason to distrust the run,
        not to stop judging it.
        """
        if self.phase in TERMINAL:
            return None
        if stage_phase:
            self._complete_since = None
            return self._move(now, stage_phase)
        if not spawned:
            self._complete_since = None
            return self._move(now, Phase.RAMP)
        if self._complete_since is None:
            if wanted <= 0 or users < wanted:
                return self._move(now, Phase.RAMP)
            self._complete_since = now
        if not self._warm and now - self._complete_since < self.warm_up:
            return self._move(now, Phase.WARM_UP)
        self._warm = True
        return self._move(now, Phase.STEADY)

    def stopping(self, now: float) -> Transition | None:
        """The load is being stopped; unanswered requests are given their time."""
        return self._move(now, Phase.STOPPING)

    def done(self, now: float) -> Transition | None:
        """Every counter has settled."""
        return self._move(now, Phase.DONE)

    def _move(self, now: float, phase: str) -> Transition | None:
        if phase == self.phase:
            return None
        transition = Transition(now, self.phase, phase)
        self.phase = phase
        return transition


def steady_windows(transitions: Sequence[Transition]) -> list[tuple[float, float | None]]:
    """The judged windows as (from, until); until is None for one that is still open."""
    windows: list[tuple[float, float | None]] = []
    for transition in transitions:
        if transition.begins_steady:
            windows.append((transition.at, None))
        elif transition.ends_steady:
            windows[-1] = (windows[-1][0], transition.at)
    return windows
