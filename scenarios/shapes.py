"""The load shape of staged profiles (ramp, spike, soak, stress), as Locust's own LoadTestShape."""

from __future__ import annotations

from itertools import accumulate
from typing import ClassVar

from locust import LoadTestShape

from swarmscope.targets import Profile, Stage


class StagedShape(LoadTestShape):  # type: ignore[misc]
    """Follows a profile's stages by the clock; `staged(profile)` binds one to a profile."""

    abstract = True
    use_common_options = (
        True  # --run-time may end the stages early; users and spawn rate come from the stages
    )
    profile: ClassVar[Profile]

    def tick(self) -> tuple[int, float] | None:
        """(users, spawn rate per second) of the stage that the run is in; None after the last."""
        stage = self.stage()
        return None if stage is None else (stage.users, float(stage.spawn_rate))

    def stage(self) -> Stage | None:
        """The stage that the run is in."""
        elapsed = self.get_run_time()
        limit = self._run_time()
        if limit is not None and elapsed >= limit:
            return None
        ends = accumulate(float(stage.duration) for stage in self.profile.stages)
        return next((s for s, end in zip(self.profile.stages, ends, strict=True) if elapsed < end), None)

    def stage_phase(self) -> str:
        """The name that the current stage shows as its phase; "" when it has none."""
        stage = self.stage()
        return stage.phase if stage is not None else ""

    def _run_time(self) -> float | None:
        options = getattr(getattr(self.runner, "environment", None), "parsed_options", None)
        return getattr(options, "run_time", None)


def staged(profile: Profile) -> type[StagedShape]:
    """A shape class of this profile, for Locust to find in the locustfile."""
    return type("ProfileShape", (StagedShape,), {"profile": profile, "abstract": False})
