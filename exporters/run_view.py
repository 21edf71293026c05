"""What the Prometheus page and the live view show of one run: plain values, made by the run's life. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from exporters.cloudwatch_push.counters import PushCounters
from swarmscope.measurements import RequestKey, Snapshot
from swarmscope.names import Metric, Phase, RunState
from swarmscope.recovery import Recovery
from swarmscope.targets import Target
from swarmscope.verdict import Judgement, Verdict

SeriesKey = tuple[str, ...]
"""A scenario metric's full name, then its label values."""


class Waiting(NamedTuple):
    """Requests of one kind that were sent and not yet answered."""

    requests: int
    oldest_age: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class GeneratorView:
    """One load generator process (the only one, or a worker)."""

    name: str
    state: str
    """Locust's state of it (ready, spawning, running, missing), or `lost`."""
    users: int = 0
    cpu_ratio: float = 0.0
    memory_bytes: int = 0
    report_age: float = 0.0
    """Seconds since its last report was merged; 0 for the process itself."""
    lag: float = 0.0
    """Seconds that its event loop was late, worst of the last report interval."""


class ClimbProgress(NamedTuple):
    """How far a climb has come; None where nothing is known yet."""

    held_users: int | None
    held_rate: float | None
    broken_users: int | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run at one moment. `counts` may be the live counters: read them, never keep or change them."""

    run: str
    system: str
    profile: str
    environment: str
    version: str
    host: str
    description: str
    state: RunState
    phase: str
    phases: Sequence[str]
    """Every phase that the run can be in; the page shows each as 0 or 1."""
    bounds: Sequence[Decimal]
    """Recorded (fine) bounds of `counts`, seconds."""
    exported_bounds: Sequence[Decimal]
    """The subset shown on the page."""
    counts: Snapshot
    targets: Sequence[Target]
    judgements: Sequence[Judgement] = ()
    verdict: Verdict | None = None
    steady_seconds: float = 0.0
    started: float | None = None
    """Unix seconds."""
    stopped: float | None = None
    planned_seconds: float | None = None
    """Length of the run by its profile; None when it runs until stopped."""
    users: Mapping[str, int] = field(default_factory=dict)
    """User class → running users."""
    users_wanted: int = 0
    waiting: Mapping[RequestKey, Waiting] = field(default_factory=dict)
    scenario_metrics: Sequence[Metric] = ()
    """What the scenario counts beside its requests."""
    scenario_values: Mapping[SeriesKey, float] = field(default_factory=dict)
    generators: Sequence[GeneratorView] = ()
    problems: Sequence[str] = ()
    """Reasons, so far, to distrust the load."""
    recoveries: Sequence[Recovery] = ()
    """What followed the run's peaks; empty until it is over."""
    climb: ClimbProgress | None = None
    settling_until: float | None = None
    """Until when at most (Unix seconds) the verdict waits for AWS; None when it does not wait."""


@dataclass(slots=True)
class ExporterCounters:
    """The exporter's own counters, over the life of the process."""

    listener_errors: int = 0
    label_overflow: dict[str, int] = field(default_factory=lambda: {"name": 0, "error": 0, "status": 0})
    reports: dict[str, int] = field(default_factory=lambda: {"merged": 0, "repeated": 0, "foreign": 0})
    cloudwatch: PushCounters = field(default_factory=PushCounters)


ALL_PHASES = tuple(Phase)
