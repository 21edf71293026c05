"""The load shapes of profiles that are not constant: stages (ramp, spike, soak) and climbs, for Locust to follow."""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar, Protocol

from locust import LoadTestShape
from locust.runners import STATE_INIT

from swarmscope.targets import Climb, Profile, Stage


class ProfileShape(LoadTestShape):  # type: ignore[misc]
    """A shape of a load profile; --run-time ends it early."""

    abstract = True
    use_common_options = True  # users and spawn rate come from the profile
    profile: ClassVar[Profile]

    def time_is_up(self) -> bool:
        """Whether the run has lasted as long as --run-time lets it."""
        options = getattr(getattr(self.runner, "environment", None), "parsed_options", None)
        limit = getattr(options, "run_time", None)
        return limit is not None and self.get_run_time() >= limit


class StagedShape(ProfileShape):
    """Follows a profile's stages by the clock; `staged(profile)` binds one to a profile."""

    abstract = True

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate per second) of the stage that the run is in; None after the last."""
        stage = self.stage()
        return None if stage is None else (stage.users, float(stage.spawn_rate))

    def stage(self) -> Stage | None:
        """The stage that the run is in."""
        if self.time_is_up():
            return None
        elapsed = self.get_run_time()
        ends = accumulate(float(stage.duration) for stage in self.profile.stages)
        return next((s for s, end in zip(self.profile.stages, ends, strict=True) if elapsed < end), None)

    def stage_phase(self) -> str:
        """The name that the current stage shows as its phase; "" when it has none."""
        stage = self.stage()
        return stage.phase if stage is not None else ""


class Leader(Protocol):
    """Who says how high a climb is to go."""

    @property
    def wanted(self) -> int | None:
        """Users to run now; None when the climb is over."""


class ClimbShape(ProfileShape):
    """Follows a climb level by level, as its leader decides; `climbing(profile)` binds one to a profile."""

    abstract = True
    climb: ClassVar[Climb]
    leader: Leader | None = None
    """The climb of the latest run."""

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate per second) of the level; None when the climb is over."""
        # Locust asks for the first users before the run has begun: its leader is not there yet, or the last run's.
        begins = self.leader is None or self.runner.state == STATE_INIT
        wanted = self.climb.start if begins or self.leader is None else self.leader.wanted
        if wanted is None or self.time_is_up():
            return None
        return wanted, float(self.profile.spawn_rate)


def staged(profile: Profile) -> type[StagedShape]:
    """A shape class of this profile's stages."""
    return type("StagedProfile", (StagedShape,), {"profile": profile, "abstract": False})


def climbing(profile: Profile) -> type[ClimbShape]:
    """A shape class of this profile's climb."""
    return type(
        "ClimbProfile", (ClimbShape,), {"profile": profile, "climb": profile.climb, "abstract": False}
    )
