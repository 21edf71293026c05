"""The form of result.json, version 1: stable, documented in its JSON Schema, independent of our own classes. No I/O.

Keys are only ever added; a change of meaning or a removal is a new version. Times are Unix seconds, durations
seconds, ratios 0 to 1; infinity is the string "+Inf", because JSON has none.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

SCHEMA_VERSION = 1


def _read_number(value: Any) -> Any:
    return {"+Inf": math.inf, "-Inf": -math.inf}.get(value, value) if isinstance(value, str) else value


def _write_number(value: float) -> float | str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value


def _write_text(value: Any) -> Any:
    # A lone surrogate (half of a character, from a name cut in two) cannot be written as UTF-8.
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


Number = Annotated[
    float,
    BeforeValidator(_read_number),
    PlainSerializer(_write_number, return_type=float | str),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"enum": ["+Inf", "-Inf"]}]}),
]
"""A measured number, which may be infinite."""
Exact = Annotated[
    Decimal,
    PlainSerializer(float, return_type=float),
    WithJsonSchema({"type": "number"}),
]
"""A limit or a bucket bound: its shortest decimal text is the exact value."""
Text = Annotated[str, BeforeValidator(_write_text)]
Bucket = tuple[Number, Annotated[int, Field(ge=0)]]
"""[upper bound in seconds, requests in this bucket alone]."""


class _Part(BaseModel):
    # A reader of version 1 skips keys that a later minor version has added.
    model_config = ConfigDict(extra="ignore", frozen=True)


class TargetPart(_Part):
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


class StagePart(_Part):
    """One leg of a staged load profile."""

    users: int
    duration: Exact
    spawn_rate: Exact
    phase: Text = ""


class ClimbPlanPart(_Part):
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


class ProfilePart(_Part):
    """The load profile of the run."""

    name: Text
    users: int
    spawn_rate: Exact
    run_time: Exact | None = None
    stages: tuple[StagePart, ...] = ()
    climb: ClimbPlanPart | None = None
    user_classes: dict[Text, int] = {}
    warm_up: Exact = Decimal(0)
    graceful_stop: Exact = Decimal(0)
    description: Text = ""


class SystemPart(_Part):
    """The system under test, with every target of its file."""

    name: Text
    title: Text
    targets: tuple[TargetPart, ...]
    default_profile: Text
    health: Text = "/"
    gate: Text
    needs: tuple[Text, ...] = ()
    description: Text = ""


class RunPart(_Part):
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


class JudgementPart(_Part):
    """One target's status, with what it rests on."""

    target: Text = Field(description="id of a target of the system")
    status: Literal["PASS", "FAIL", "NO DATA"]
    value: Number | None = Field(description="in the target's base unit; null: not known")
    samples: int
    reason: Text


class LevelPart(_Part):
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


class ClimbPart(_Part):
    """What a climb found; the highest level that held is the run's judged window."""

    end: Literal["broke", "limit", "generator", "not_recovered", "stopped"]
    levels: tuple[LevelPart, ...] = ()
    reason: Text = ""
    recovered_seconds: tuple[Number | None, ...] = ()


class PhasePart(_Part):
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


class RecoveryPart(_Part):
    """What followed a peak of the load."""

    phase: Text
    ended: float = Field(description="when the load went down")
    until: float
    seconds: Number | None = Field(description='"+Inf": not by `until`; null: nothing was measured')
    missed_in_peak: bool = False
    last_missed: tuple[Text, ...] = Field((), description="ids of targets")


class DriftPart(_Part):
    """The first and the last quarter of a long steady phase."""

    first: PhasePart
    last: PhasePart
    memory_first: int | None = Field(None, description="bytes of all load generators")
    memory_last: int | None = None


class OutcomePart(_Part):
    """Finished requests of one outcome and status."""

    outcome: Literal["success", "failure"]
    status: Text = Field(description='HTTP status, or "none"')
    count: int


class CountsPart(_Part):
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


class WindowPart(_Part):
    """The judged part of the run."""

    seconds: float
    requests: tuple[CountsPart, ...]


class PendingPart(_Part):
    """A request that was cut off at the end, unanswered."""

    method: Text
    name: Text
    age_seconds: float


class ReconciliationPart(_Part):
    """One request's total as counted by three parties."""

    method: Text
    name: Text
    outcome: Text
    recorder: int
    locust: int
    prometheus: int | None = None


class AlertPart(_Part):
    """An alert that fired during the run."""

    name: Text
    labels: dict[Text, Text]
    started: float
    ended: float | None = None


class SeriesPart(_Part):
    """One line of a plot."""

    label: Text
    points: tuple[tuple[float, Number], ...]
    unit: Text | None = None


class PlotPart(_Part):
    """One plot of the HTML report."""

    id: Text
    title: Text
    unit: Text
    series: tuple[SeriesPart, ...]
    limits: tuple[tuple[Text, Number], ...] = ()


class SignalPart(_Part):
    """One measurement of the service's side over the run, with the range in which it is healthy."""

    id: Text
    title: Text
    unit: Text
    area: Text
    limit: Number | None = None
    is_floor: bool = False
    points_to: Text = ""
    points: tuple[tuple[float, Number], ...] = Field((), description="empty when it was never measured")


class StatementPart(_Part):
    """What the database spent on one statement."""

    text: Text
    seconds: float
    calls: float


class TableScanPart(_Part):
    """A table that was read as a whole."""

    table: Text
    rows: float


class SignalsPart(_Part):
    """What Prometheus knows about the service's side."""

    measured: tuple[SignalPart, ...] = ()
    phases: tuple[tuple[float, Text], ...] = ()
    statements: tuple[StatementPart, ...] = ()
    scans: tuple[TableScanPart, ...] = ()
    service_seconds: float | None = Field(None, description="of an average request, inside the service")
    database_seconds: float | None = Field(None, description="of an average request, in database operations")


class LeftRangePart(_Part):
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


class BottleneckPart(_Part):
    """What held the run back; derived from the signals, so it is not read back."""

    conclusion: Literal["not measured", "load generator", "named", "unexplained", "next", "healthy"]
    area: Text | None = None
    words: Text
    cause: LeftRangePart | None = None
    client: LeftRangePart | None = None
    evidence: tuple[LeftRangePart, ...] = ()
    recommendations: tuple[Text, ...] = ()


class ResultFile(_Part):
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
    bottleneck: BottleneckPart | None = None
    locust_statistics: dict[Text, Any] = {}
