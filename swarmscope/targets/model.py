"""The product's own words for targets, load profiles and environments. Values only, no I/O.

`scenarios/<system>/targets.yaml` (the user's words) is turned into these frozen values once, at the door, by
`swarmscope.targets.parse`; everything behind the door takes only these. Durations are seconds, ratios are
0 to 1, rates are per second; all are Decimal, so that a limit prints exactly as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from swarmscope.aws.settings import AwsSettings

ALL_REQUESTS = "*"


class Kind(StrEnum):
    """What a target limits; the value is the key in targets.yaml and the `kind` label of its series."""

    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    P999 = "p99.9"
    AVERAGE = "average"
    RPS = "rps"
    ERROR_RATE = "error_rate"
    MAX = "max"
    MIN = "min"

    @property
    def quantile(self) -> Decimal | None:
        """The quantile as an exact fraction (p99.9 → 0.999), or None for a kind that is no percentile."""
        return Decimal(self.value[1:]) / 100 if self.value[0] == "p" else None

    @property
    def is_latency(self) -> bool:
        """Whether the limit is a duration in seconds of a request."""
        return self.quantile is not None or self is Kind.AVERAGE

    @property
    def is_floor(self) -> bool:
        """Whether the measured value must be at least the limit (else: at most)."""
        return self in (Kind.RPS, Kind.MIN)

    @property
    def is_query(self) -> bool:
        """Whether the value comes from a PromQL query (server side), not from the requests."""
        return self in (Kind.MAX, Kind.MIN)


class Need(StrEnum):
    """What a system needs beside its service; `make run` brings it where the environment is local."""

    POSTGRESQL = "postgresql"
    """A PostgreSQL server; its address is in DATABASE_URL."""


class Moment(StrEnum):
    """When a query target is asked: the value is what stands behind `at` in targets.yaml."""

    WINDOW = "window"
    """At the end of the judged window; and all the time while it lasts, for its alert."""
    END = "end"
    """Once, after the load has stopped and every check of the scenario is done; it has no alert."""
    SETTLED = "settled"
    """Once, when AWS has told everything about the run, over whole minutes; its alert follows behind the load."""


class Priority(StrEnum):
    """How much a missed target matters."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"

    @property
    def rank(self) -> int:
        """0 is the most important."""
        return list(Priority).index(self)

    def covers(self, other: Priority) -> bool:
        """Whether a gate of this priority fails the run for a missed target of `other`."""
        return other.rank <= self.rank


@dataclass(frozen=True, slots=True)
class Target:
    """One limit on one request pattern or server-side query."""

    id: str
    """Unique in its system, stable, safe as a label and file name: `post-events-p95`."""
    kind: Kind
    limit: Decimal
    """Seconds for latencies, 0 to 1 for error_rate, per second for rps, the query's own unit for max and min."""
    written: str
    """The limit as the user wrote it, with its unit: `100ms`, `0.1%`, `1000`."""
    request: str = ""
    """`POST /events`, with `*` as wildcard (`GET /events/*`), or `*` alone for all together; "" for queries."""
    query: str = ""
    """PromQL; `$run` and `$window` stand for the run's label and the judged window (`57s`); "" for requests."""
    at: Moment = Moment.WINDOW
    """When the query is asked."""
    unit: str = ""
    """Unit of a query's value for people: `s`, `%`, ``."""
    priority: Priority = Priority.HIGH
    profiles: tuple[str, ...] = ()
    """Load profiles under which it is judged; empty means all."""
    min_samples: int = 1
    """Fewer judged requests than this are NO DATA."""
    abort: bool = False
    """Whether a sustained breach stops the run."""
    description: str = ""

    def judged_under(self, profile: str) -> bool:
        """Whether the target is judged under this load profile."""
        return not self.profiles or profile in self.profiles

    @property
    def subject(self) -> str:
        """What is measured, for people: the request pattern, or the target's id for a query."""
        return ("all requests" if self.request == ALL_REQUESTS else self.request) or self.id

    @property
    def in_words(self) -> str:
        """`POST /events p95 ≤ 100ms`."""
        sign = "≥" if self.kind.is_floor else "≤"
        name = "" if self.kind.is_query else f" {self.kind.value.replace('_', ' ')}"
        return f"{self.subject}{name} {sign} {self.written}"


@dataclass(frozen=True, slots=True)
class Alerting:
    """How fast a breach becomes a notification; see docs/alerting.md for the arithmetic."""

    window: Decimal = Decimal(5)
    """Seconds of requests that a live breach is measured over."""
    hold: Decimal = Decimal(7)
    """Seconds a breach must last before its alert fires (`for:`)."""
    hung_after: Decimal = Decimal(5)
    """Age in seconds at which the oldest unanswered request counts as hung."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One leg of a staged profile: go to `users` at `spawn_rate`, and stay until `duration` seconds have passed."""

    users: int
    duration: Decimal
    spawn_rate: Decimal
    phase: str = ""
    """Name for dashboards (`spike`, `recovery`); "" lets the ramp and steady parts name themselves."""


@dataclass(frozen=True, slots=True)
class Climb:
    """Goes up level by level until a target breaks, to find the highest load under which all hold."""

    start: int
    """Users of the first level."""
    step: int
    """Users that each level adds."""
    limit: int
    """Users of the highest level: it goes no further, broken or not."""
    settle: Decimal = Decimal(5)
    """Seconds of each level, after all its users run, that are not judged."""
    hold: Decimal = Decimal(20)
    """Seconds of each level that are judged; as long again to confirm a breach."""
    precision: Decimal | None = None
    """How near to each other, as a share, the highest level that held and the lowest that broke are to be brought."""
    at_least: Decimal | None = None
    """Load that must hold, else the run fails: users, or requests per second."""
    at_least_per_second: bool = False
    """Whether `at_least` is a rate."""
    at_least_written: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """How much load, for how long, by whom. Either constant (`users`), staged (`stages`) or a climb (`climb`)."""

    name: str
    users: int = 0
    spawn_rate: Decimal = Decimal(1)
    """Users started per second."""
    run_time: Decimal | None = None
    """Seconds from the first user to stop; for a staged profile the stages' sum; None runs until stopped."""
    stages: tuple[Stage, ...] = ()
    climb: Climb | None = None
    user_classes: Mapping[str, int] = field(default_factory=dict)
    """User class → weight; empty means all classes of the system with their own weights."""
    warm_up: Decimal = Decimal(0)
    """Seconds after all users run that are not judged yet."""
    graceful_stop: Decimal = Decimal(5)
    """Seconds that unanswered requests get at the end before they count as unfinished."""
    description: str = ""

    @property
    def is_staged(self) -> bool:
        """Whether the load follows stages rather than one constant number of users."""
        return bool(self.stages)

    @property
    def is_shaped(self) -> bool:
        """Whether a load shape leads the number of users: it cannot be edited while the run goes on."""
        return self.is_staged or self.climb is not None


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the service runs: `local`, `dev`, `sit`. Credentials are names of environment variables, never values."""

    name: str
    host: str
    credentials: Mapping[str, str] = field(default_factory=dict)
    """Credential name, as the scenario asks for it → environment variable that holds it."""
    description: str = ""
    aws: AwsSettings | None = None
    """What is read from AWS beside the load; None asks AWS for nothing."""


@dataclass(frozen=True, slots=True)
class System:
    """One system under test: everything that its targets.yaml says."""

    name: str
    title: str
    targets: tuple[Target, ...]
    profiles: Mapping[str, Profile]
    default_profile: str
    health: str = "/"
    """Path that answers below 500 when the service is up; asked once before the load."""
    gate: Priority = Priority.MEDIUM
    """The least priority whose missed targets fail the run."""
    alerting: Alerting = field(default_factory=Alerting)
    needs: tuple[Need, ...] = ()
    description: str = ""
    source: str = ""
    """The file that it was read from, for messages."""

    def targets_under(self, profile: str) -> tuple[Target, ...]:
        """The targets that are judged under this load profile, in the file's order."""
        return tuple(target for target in self.targets if target.judged_under(profile))

    @property
    def alerted_targets(self) -> tuple[Target, ...]:
        """The targets that can be watched while a run goes on: all but those that are asked at its end."""
        return tuple(target for target in self.targets if target.at is Moment.WINDOW)

    @property
    def latency_limits(self) -> tuple[Decimal, ...]:
        """Every latency limit in seconds, ascending: each becomes a bucket bound of the histograms."""
        return tuple(sorted({target.limit for target in self.targets if target.kind.is_latency}))
