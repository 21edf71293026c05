"""The `aws` section of an environment as frozen values: what is read from AWS, how often, and for how much. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from swarmscope.aws.families import ListedMetric


class LogReader(StrEnum):
    """How cold starts are read from logs."""

    FILTER = "filter"
    """FilterLogEvents, which costs nothing per GB and sees every line; at most 5 calls a second per account."""
    INSIGHTS = "insights"
    """Logs Insights: few calls, billed by the GB that it scans."""


@dataclass(frozen=True, slots=True)
class Api:
    """A stage of an API Gateway REST API, by the API's name."""

    name: str
    stage: str


@dataclass(frozen=True, slots=True)
class ColdStarts:
    """Where cold starts are read from."""

    reader: LogReader = LogReader.FILTER
    log_groups: dict[str, str] = field(default_factory=dict)
    """Function → its log group where it is not `/aws/lambda/<function>`."""
    poll_seconds: float = 5.0
    delay_seconds: float = 15.0
    """How late a log line may arrive; later ones are still counted while the exporter looks back that far."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars; as of us-east-1."""

    get_metric_data_per_thousand: float = 0.01
    """Per 1,000 metrics requested."""
    calls_per_thousand: float = 0.01
    """Per 1,000 other CloudWatch calls."""
    insights_per_gb: float = 0.005


@dataclass(frozen=True, slots=True)
class AwsSettings:
    """Everything that an environment says about AWS. Credentials are boto3's own business and are not in here."""

    region: str = ""
    endpoint_url: str = ""
    """Another address than AWS' own for every API: the stand-in, or a VPC endpoint."""
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    functions: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    apis: tuple[Api, ...] = ()
    metrics: tuple[ListedMetric, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    """Resources that carry all of these tags are found by themselves and added."""
    cold_starts: ColdStarts | None = None
    poll_seconds: float = 60.0
    idle_poll_seconds: float = 0.0
    """Between runs, seconds; 0 does not poll at all."""
    delay_seconds: float = 120.0
    """How late datapoints arrive: a minute is settled when it ended so long ago."""
    namespace_delays: dict[str, float] = field(default_factory=dict)
    """Namespace → its delay, seconds, where it is another than `delay_seconds`."""
    max_age_seconds: float = 600.0
    """Values older than this leave the page."""
    settle_within_seconds: float = 300.0
    """The longest that a run's verdict waits for AWS; past it what is missing is NO DATA."""
    timestamps: bool = True
    """Whether gauges carry CloudWatch's own timestamps, so that they stand below the clients' on one axis."""
    cost_limit_dollars_per_hour: float = 1.0
    """Polling slows so that the estimated price stays below; 0 sets no limit."""
    prices: Prices = field(default_factory=Prices)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.functions or self.tables or self.apis or self.metrics or self.tags)

    def delay_of(self, namespace: str) -> float:
        """How late this namespace's datapoints arrive, seconds."""
        return self.namespace_delays.get(namespace, self.delay_seconds)
