"""The form of result.json, version 1: stable, documented in its JSON Schema, independent of our own classes. No I/O.

Keys are only ever added; a change of meaning or a removal is a new version. Times are Unix seconds, durations
seconds, ratios 0 to 1; infinity is the string "+Inf", because JSON has none.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from swarmscope.report.aws_schema import AwsPart
from swarmscope.report.schema_part import Bucket, Exact, Number, Part, Text

SCHEMA_VERSION = 1


class TargetPart(Part):
    """One target as it was when the run was judged."""

    id: Text
    kind: Text
    limit: Exact = Field(description="seconds, ratio, per second, or the query's own unit")
    written: Text = Field(description="the limit as it was written")
    request: Text = ""
    query: Text = ""
    at: Text = "window"
    unit: Text = ""
    priority: Text
    profiles: tuple[Text, ...] = ()
    min_samples: int = 1
    abort: bool = False
    description: Text = ""


class StagePart(Part):
    """One leg of a staged load profile."""

    users: int
    duration: Exact
    spawn_rate: Exact
    phase: Text = ""


class ClimbPlanPart(Part):
    """A load that grows level by level until a target breaks."""

    start: int
    step: int
    limit: int
    settle: Exact
    hold: Exact
    precision: Exact | None = None
    at_least: Exact | None = None
    at_least_per_second: bool = False
    at_least_written: Text = ""


class ProfilePart(Part):
    """The load profile of the run."""

    name: Text
    users: int
    spawn_rate: Exact
    run_time: Exact | None = None
    stages: tuple[StagePart, ...] = ()
    climb: ClimbPlanPart | None = None
    user_classes: dict[Text, int] = Field(default_factory=dict)
    warm_up: Exact = Decimal(0)
    graceful_stop: Exact = Decimal(0)
    description: Text = ""


class SystemPart(Part):
    """The system under test, with every target of its file."""

    name: Text
    title: Text
    targets: tuple[TargetPart, ...]
    default_profile: Text
    health: Text = "/"
    gate: Text
    needs: tuple[Text, ...] = ()
    description: Text = ""


class RunPart(Part):
    """Who ran what, where, when."""

    run: Text
    profile: Text
    environment: Text
    version: Text
    description: Text
    host: Text
    started: float
    stopped: float
    steady: tuple[tuple[float, float], ...] = Field((), description="the judged windows as [from, until]")
    users_wanted: int = 0
    users_peak: int = 0
    generators: int = 1


class JudgementPart(Part):
    """One target's status, with what it rests on."""

    target: Text = Field(description="id of a target of the system")
    status: Literal["PASS", "FAIL", "NO DATA"]
    value: Number | None = Field(description="in the target's base unit; null: not known")
    samples: int
    reason: Text


class LevelPart(Part):
    """One judged window of a climb: a point of throughput and latency over load."""

    part: Literal["climb", "confirm", "relief", "narrow"]
    users: int
    began: float
    ended: float
    status: Literal["held", "broke", "invalid", "no data"]
    rate: Number = Field(description="requests finished per second")
    error_ratio: Number | None = None
    p50: Number | None = None
    p95: Number | None = None
    p99: Number | None = None
    judgements: tuple[JudgementPart, ...] = ()
    reasons: tuple[Text, ...] = Field((), description="why the load at this level is not trusted")


class ClimbPart(Part):
    """What a climb found; the highest level that held is the run's judged window."""

    end: Literal["broke", "limit", "generator", "not_recovered", "stopped"]
    levels: tuple[LevelPart, ...] = ()
    reason: Text = ""
    recovered_seconds: tuple[Number | None, ...] = ()


class PhasePart(Part):
    """One phase of the run, or a part of one, all requests together."""

    name: Text
    began: float
    ended: float
    users: int = Field(description="the most that ran at once")
    finished: int
    p50: Number | None = None
    p95: Number | None = None
    p99: Number | None = None
    error_ratio: Number | None = None


class RecoveryPart(Part):
    """What followed a peak of the load."""

    phase: Text
    ended: float = Field(description="when the load went down")
    until: float
    seconds: Number | None = Field(description='"+Inf": not by `until`; null: nothing was measured')
    missed_in_peak: bool = False
    last_missed: tuple[Text, ...] = Field((), description="ids of targets")


class DriftPart(Part):
    """The first and the last quarter of a long steady phase."""

    first: PhasePart
    last: PhasePart
    memory_first: int | None = Field(None, description="bytes of all load generators")
    memory_last: int | None = None


class OutcomePart(Part):
    """Finished requests of one outcome and status."""

    outcome: Literal["success", "failure"]
    status: Text = Field(description='HTTP status, or "none"')
    count: int


class CountsPart(Part):
    """Everything counted about one request."""

    method: Text
    name: Text
    buckets: tuple[Bucket, ...] = Field(
        description="[upper bound in seconds, count] of every bucket that is not empty, ascending, not cumulative"
    )
    duration_sum: float = Field(description="seconds, over the requests in the buckets")
    duration_max: float
    outcomes: tuple[OutcomePart, ...]
    errors: dict[Text, int] = Field({}, description="fingerprint of the error: failed requests")
    response_bytes: int = 0
    unfinished: int = 0
    finished_by_stop: int | None = Field(
        None, description="only in the judged window: what a rate is made of"
    )


class WindowPart(Part):
    """The judged part of the run."""

    seconds: float
    requests: tuple[CountsPart, ...]


class PendingPart(Part):
    """A request that was cut off at the end, unanswered."""

    method: Text
    name: Text
    age_seconds: float


class ReconciliationPart(Part):
    """One request's total as counted by three parties."""

    method: Text
    name: Text
    outcome: Text
    recorder: int
    locust: int
    prometheus: int | None = None


class AlertPart(Part):
    """An alert that fired during the run."""

    name: Text
    labels: dict[Text, Text]
    started: float
    ended: float | None = None


class SeriesPart(Part):
    """One line of a plot."""

    label: Text
    points: tuple[tuple[float, Number], ...]
    unit: Text | None = None


class PlotPart(Part):
    """One plot of the HTML report."""

    id: Text
    title: Text
    unit: Text
    series: tuple[SeriesPart, ...]
    limits: tuple[tuple[Text, Number], ...] = ()


class SignalPart(Part):
    """One measurement of the service's side over the run, with the range in which it is healthy."""

    id: Text
    title: Text
    unit: Text
    area: Text
    limit: Number | None = None
    is_floor: bool = False
    points_to: Text = ""
    points: tuple[tuple[float, Number], ...] = Field((), description="empty when it was never measured")


class StatementPart(Part):
    """What the database spent on one statement."""

    text: Text
    seconds: float
    calls: float


class TableScanPart(Part):
    """A table that was read as a whole."""

    table: Text
    rows: float


class SignalsPart(Part):
    """What Prometheus knows about the service's side."""

    measured: tuple[SignalPart, ...] = ()
    phases: tuple[tuple[float, Text], ...] = ()
    statements: tuple[StatementPart, ...] = ()
    scans: tuple[TableScanPart, ...] = ()
    service_seconds: float | None = Field(None, description="of an average request, inside the service")
    database_seconds: float | None = Field(None, description="of an average request, in database operations")


class LeftRangePart(Part):
    """A signal that left its range."""

    signal: Text
    after_seconds: float | None = None
    phase: Text = ""
    users: float | None = None
    rate: float | None = None
    median: Number
    worst: Number
    lead_seconds: float | None = Field(None, description="before the client's target was missed")
    correlation: float | None = Field(None, description="Spearman's, with the client's response time")


class BottleneckPart(Part):
    """What held the run back; derived from the signals, so it is not read back."""

    conclusion: Literal["not measured", "load generator", "named", "unexplained", "next", "healthy"]
    area: Text | None = None
    words: Text
    cause: LeftRangePart | None = None
    client: LeftRangePart | None = None
    evidence: tuple[LeftRangePart, ...] = ()
    recommendations: tuple[Text, ...] = ()


class ResultFile(Part):
    """A finished load test with its verdict, its counters and what Prometheus saw of it."""

    schema_version: Literal[1]
    verdict: Literal["PASS", "FAIL", "INVALID", "NO DATA"]
    exit_code: int
    run: RunPart
    system: SystemPart
    profile: ProfilePart
    judgements: tuple[JudgementPart, ...]
    not_judged: tuple[Text, ...] = ()
    invalid: tuple[Text, ...] = Field((), description="reasons to distrust the load")
    notes: tuple[Text, ...] = ()
    bounds: tuple[Exact, ...] = Field(description="all bucket bounds in seconds, ascending, without +Inf")
    window: WindowPart
    totals: tuple[CountsPart, ...] = Field(description="the whole run, ramp included")
    pending: tuple[PendingPart, ...] = ()
    reconciliation: tuple[ReconciliationPart, ...] = ()
    alerts: tuple[AlertPart, ...] = ()
    plots: tuple[PlotPart, ...] = ()
    climb: ClimbPart | None = None
    phases: tuple[PhasePart, ...] = ()
    recoveries: tuple[RecoveryPart, ...] = ()
    drift: DriftPart | None = None
    signals: SignalsPart = Field(default_factory=SignalsPart.model_construct)
    aws: AwsPart | None = Field(None, description="only where the environment reads from AWS")
    bottleneck: BottleneckPart | None = None
    locust_statistics: dict[Text, Any] = Field(default_factory=dict)
