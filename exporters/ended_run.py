"""What is known when a run's load has ended and its counters have settled: input of the verdict and the reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swarmscope.climb import ClimbResult
from swarmscope.course import PhaseSummary
from swarmscope.drift import Drift
from swarmscope.measurements import RequestKey, Snapshot, Window
from swarmscope.recovery import Recovery
from swarmscope.run_result import PendingRequest, RunInfo
from swarmscope.targets import Profile, System


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run whose load has ended. Nothing here changes any more."""

    info: RunInfo
    system: System
    profile: Profile
    window: Window
    totals: Snapshot
    pending: Sequence[PendingRequest]
    invalid: Sequence[str]
    """Reasons to distrust the load."""
    locust_counts: Mapping[RequestKey, tuple[int, int]] | None
    """Locust's own (requests, failures); None when its statistics were reset and cannot be compared."""
    interrupted: bool = False
    """Ended by hand before its planned time."""
    aborted_by: str = ""
    """Why a target with `abort: true` stopped it; "" when none did."""
    climb: ClimbResult | None = None
    """What a climb found; None under any other profile."""
    phases: Sequence[PhaseSummary] = ()
    recoveries: Sequence[Recovery] = ()
    drift: Drift | None = None
