"""Everything that is known about a finished run: what the reports show and what a later comparison reads.

Values only, no I/O. `result.json` is this, written by `swarmscope.report.as_json` with a stable schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swarmscope.aws.run_figures import AwsFigures
from swarmscope.climb import ClimbResult
from swarmscope.course import PhaseSummary
from swarmscope.drift import Drift
from swarmscope.errors import ExitCode
from swarmscope.measurements import RequestKey, Snapshot, Window
from swarmscope.recovery import Recovery
from swarmscope.targets import Profile, System
from swarmscope.verdict import Judgement, Verdict


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Who ran what, where, when. Times are Unix seconds."""

    run: str
    system: str
    profile: str
    environment: str
    version: str
    description: str
    host: str
    started: float
    stopped: float
    steady: Sequence[tuple[float, float]] = ()
    """The judged windows as (from, until)."""
    users_wanted: int = 0
    """The most that the profile asked for."""
    users_peak: int = 0
    """The most that ran at once."""
    generators: int = 1
    """Load generator processes that took part."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One request's totals counted three ways, which must agree."""

    key: RequestKey
    outcome: str
    recorder: int
    locust: int
    prometheus: int | None
    """None: Prometheus was not asked or has no sample."""

    @property
    def agrees(self) -> bool:
        """Whether all the counts that exist are equal."""
        return self.recorder == self.locust and self.prometheus in (None, self.recorder)


@dataclass(frozen=True, slots=True)
class FiredAlert:
    """One alert that fired during the run, with its labels, from Prometheus. Times are Unix seconds."""

    name: str
    labels: Mapping[str, str]
    started: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request that was cut off at the end, unanswered."""

    key: RequestKey
    age_seconds: float


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot: (Unix seconds, value) points; a gap is a missing point, never a zero."""

    label: str
    points: Sequence[tuple[float, float]]
    unit: str | None = None
    """Unit of a line that has an axis of its own, to the right; None: the plot's."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of the HTML report."""

    id: str
    title: str
    unit: str
    """`s`, `ratio`, `per second` or `` (a count)."""
    series: Sequence[Series]
    limits: Sequence[tuple[str, float]] = ()
    """Horizontal lines: (label, value)."""


@dataclass(frozen=True, slots=True)
class MeasuredSignal:
    """One measurement over the time of the run; the fields before `points` are those of `signals.Signal`."""

    id: str
    title: str
    unit: str
    area: str
    limit: float | None
    is_floor: bool
    points_to: str
    points: Sequence[tuple[float, float]] = ()
    """(Unix seconds, value); empty when it was never measured."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What the database spent on one statement during the run."""

    text: str
    seconds: float
    calls: float


@dataclass(frozen=True, slots=True)
class TableScan:
    """A table that was read as a whole during the run."""

    table: str
    rows: float
    """Rows read that way."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What Prometheus knows about the service's side of a run."""

    measured: Sequence[MeasuredSignal] = ()
    phases: Sequence[tuple[float, str]] = ()
    """(Unix seconds, phase that begins then), ascending."""
    statements: Sequence[Statement] = ()
    """The most expensive first."""
    scans: Sequence[TableScan] = ()
    service_seconds: float | None = None
    """Average time that the service itself took for a request of the judged part."""
    database_seconds: float | None = None
    """Average time of a request's database operations together."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A finished run with its verdict."""

    info: RunInfo
    system: System
    profile: Profile
    verdict: Verdict
    exit_code: ExitCode
    judgements: Sequence[Judgement]
    not_judged: Sequence[str]
    """Ids of targets that this load profile does not judge."""
    window: Window
    totals: Snapshot
    """Counters of the whole run, ramp included."""
    invalid: Sequence[str] = ()
    """Reasons to distrust the load."""
    notes: Sequence[str] = ()
    """Things a reader should know: ended by hand, aborted by a target, Prometheus not reachable."""
    pending: Sequence[PendingRequest] = ()
    reconciliation: Sequence[Reconciliation] = ()
    alerts: Sequence[FiredAlert] = ()
    plots: Sequence[Plot] = ()
    climb: ClimbResult | None = None
    """What a climb found; None under any other profile."""
    phases: Sequence[PhaseSummary] = ()
    """Every phase with load; empty for a climb, whose levels say more."""
    recoveries: Sequence[Recovery] = ()
    """What followed each peak of the load."""
    drift: Drift | None = None
    """First against last part of a long steady phase."""
    signals: Signals = field(default_factory=Signals)
    aws: AwsFigures | None = None
    """What AWS told of the run; None where the environment reads nothing from there."""
    locust_statistics: Mapping[str, object] = field(default_factory=dict)
