"""Every metric that the CloudWatch pull exporter publishes: where it comes from and what it is called. No I/O.

`docs/cloudwatch-metrics.md` is generated from these tables; rules, dashboards and the exporter import them.
Units are Prometheus' base units: CloudWatch's milliseconds become seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from swarmscope.names import Metric

MILLISECOND = 0.001


class Service(StrEnum):
    """Which list of an environment's `aws` section names the resources of a family."""

    LAMBDA = "lambda"
    DYNAMODB = "dynamodb"
    API_GATEWAY = "api_gateway"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric of CloudWatch and the gauge that it becomes."""

    name: str
    service: Service
    namespace: str
    metric: str
    """CloudWatch's name."""
    dimensions: Mapping[str, str]
    """CloudWatch's dimension → our label, exactly those that the metric is asked with."""
    statistics: tuple[str, ...]
    """As CloudWatch spells them: `Sum`, `Average`, `Maximum`, `SampleCount`, `p50`, `p95`, `p99`."""
    help: str
    scale: float = 1.0
    """What a value of CloudWatch is multiplied by; counts (SampleCount) are not."""
    nil_is_zero: bool = False
    """Whether a settled minute without a datapoint means 0 (nothing throttled) and not that it is not known."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its series; `stat` is there when several statistics are published."""
        return (*self.dimensions.values(), *(("stat",) if len(self.statistics) > 1 else ()))


LATENCY = ("Average", "Maximum", "p50", "p95", "p99")
_FUNCTION = {"FunctionName": "function"}
_TABLE = {"TableName": "table"}
_OPERATION = {"TableName": "table", "Operation": "operation"}
_STAGE = {"ApiName": "api", "Stage": "stage"}


def _lambda(name: str, metric: str, statistics: tuple[str, ...], help_text: str, **more: Any) -> Family:
    return Family(
        f"aws_lambda_{name}", Service.LAMBDA, "AWS/Lambda", metric, _FUNCTION, statistics, help_text, **more
    )


def _dynamodb(name: str, metric: str, statistics: tuple[str, ...], help_text: str, **more: Any) -> Family:
    dimensions = more.pop("dimensions", _TABLE)
    return Family(
        f"aws_dynamodb_{name}",
        Service.DYNAMODB,
        "AWS/DynamoDB",
        metric,
        dimensions,
        statistics,
        help_text,
        **more,
    )


def _api(name: str, metric: str, statistics: tuple[str, ...], help_text: str, **more: Any) -> Family:
    return Family(
        f"aws_apigateway_{name}",
        Service.API_GATEWAY,
        "AWS/ApiGateway",
        metric,
        _STAGE,
        statistics,
        help_text,
        **more,
    )


_SUM = ("Sum",)
_MAXIMUM = ("Maximum",)

LAMBDA_INVOCATIONS = _lambda(
    "invocations", "Invocations", _SUM, "Invocations in the period.", nil_is_zero=True
)
LAMBDA_ERRORS = _lambda(
    "errors", "Errors", _SUM, "Invocations in the period that ended in an error.", nil_is_zero=True
)
LAMBDA_THROTTLES = _lambda(
    "throttles", "Throttles", _SUM, "Invocations in the period that were refused.", nil_is_zero=True
)
LAMBDA_DURATION = _lambda(
    "duration_seconds",
    "Duration",
    LATENCY,
    "Time that the handler ran, starting left out.",
    scale=MILLISECOND,
)
LAMBDA_CONCURRENCY = _lambda(
    "concurrent_executions", "ConcurrentExecutions", _MAXIMUM, "Most instances that worked at the same time."
)
DYNAMODB_LATENCY = _dynamodb(
    "request_latency_seconds", "SuccessfulRequestLatency", (*LATENCY, "SampleCount"),
    "Time of successful requests inside DynamoDB; SampleCount is their number.",
    dimensions=_OPERATION, scale=MILLISECOND,
)  # fmt: skip
DYNAMODB_THROTTLED = _dynamodb(
    "throttled_requests", "ThrottledRequests", _SUM, "Requests in the period that were throttled.",
    dimensions=_OPERATION, nil_is_zero=True,
)  # fmt: skip
DYNAMODB_SYSTEM_ERRORS = _dynamodb(
    "system_errors", "SystemErrors", _SUM, "Requests in the period that DynamoDB failed.",
    dimensions=_OPERATION, nil_is_zero=True,
)  # fmt: skip
DYNAMODB_READ_CAPACITY = _dynamodb(
    "consumed_read_capacity_units", "ConsumedReadCapacityUnits", _SUM, "Read capacity used in the period."
)
DYNAMODB_WRITE_CAPACITY = _dynamodb(
    "consumed_write_capacity_units", "ConsumedWriteCapacityUnits", _SUM, "Write capacity used in the period."
)
DYNAMODB_READ_THROTTLES = _dynamodb(
    "read_throttle_events",
    "ReadThrottleEvents",
    _SUM,
    "Reads in the period beyond the capacity.",
    nil_is_zero=True,
)
DYNAMODB_WRITE_THROTTLES = _dynamodb(
    "write_throttle_events",
    "WriteThrottleEvents",
    _SUM,
    "Writes in the period beyond the capacity.",
    nil_is_zero=True,
)
API_REQUESTS = _api("requests", "Count", _SUM, "Requests in the period.", nil_is_zero=True)
API_CLIENT_ERRORS = _api(
    "client_errors", "4XXError", _SUM, "Answers of the 4xx kind in the period.", nil_is_zero=True
)
API_SERVER_ERRORS = _api(
    "server_errors", "5XXError", _SUM, "Answers of the 5xx kind in the period.", nil_is_zero=True
)
API_LATENCY = _api(
    "latency_seconds",
    "Latency",
    LATENCY,
    "From the request's arrival at the gateway to its answer.",
    scale=MILLISECOND,
)
API_INTEGRATION_LATENCY = _api(
    "integration_latency_seconds", "IntegrationLatency", LATENCY,
    "From handing a request to the function to getting its answer, starts of instances included.", scale=MILLISECOND,
)  # fmt: skip

FAMILIES: tuple[Family, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""Every built-in family, in the order of the page and of the documentation."""

# --- cold starts: counted from log lines, of the run whose time their timestamps lie in ---

COLD_LABELS = ("run", "system", "function")
INIT_DURATION = Metric(
    "aws_lambda_init_duration_seconds",
    "histogram",
    "Time that new instances took to start (Init or Restore Duration of their log lines), of the run they started in. "
    "Bounds: a grid from 50 ms to 60 s plus every limit of the system's targets, exactly.",
    COLD_LABELS,
)
COLD_START_RATIO = Metric(
    "aws_lambda_cold_start_ratio",
    "gauge",
    "Cold starts of the run over the invocations of its settled minutes (CloudWatch's Sum); absent without any.",
    COLD_LABELS,
)

# --- the exporter about itself ---


class Source(StrEnum):
    """What can be asked of AWS; label `source`."""

    METRICS = "metrics"
    LOGS = "logs"


def _own(name: str, kind: str, help_text: str, labels: tuple[str, ...] = ()) -> Metric:
    return Metric(f"aws_exporter_{name}", kind, help_text, labels)


SETTLED = _own(
    "settled_timestamp_seconds",
    "gauge",
    "Unix time up to which everything that was asked for has arrived and will not change any more, by source.",
    ("source",),
)
STALE_AFTER = _own(
    "stale_after_seconds",
    "gauge",
    "Age of what is settled beyond which something is wrong: a period, its delay, and two polls, by source.",
    ("source",),
)
API_CALLS = _own(
    "api_calls_total",
    "counter",
    "Calls of AWS APIs by operation and result (success, throttled, error, refused).",
    ("operation", "result"),
)
BILLED_METRICS = _own(
    "billed_metrics_total", "counter", "Metrics requested by GetMetricData, as they are billed."
)
COST = _own(
    "estimated_cost_dollars_total",
    "counter",
    "Estimated price of the calls so far, US dollars; prices are settings.",
)
COST_LIMITED = _own(
    "cost_limited", "gauge", "1 while the cost limit makes the exporter poll more slowly than it was told."
)
POLL_INTERVAL = _own(
    "poll_interval_seconds", "gauge", "Seconds between two polls as they are now, by source.", ("source",)
)
POLL_SUCCESS = _own(
    "poll_success",
    "gauge",
    "1 when the last poll got everything, 0 when a part failed, by source.",
    ("source",),
)
POLL_DURATION = _own(
    "poll_duration_seconds", "gauge", "Time that the last poll took, by source.", ("source",)
)
DATA_AGE = _own(
    "data_age_seconds",
    "gauge",
    "Age of the end of the newest settled period that was read, by namespace.",
    ("namespace",),
)
CORRECTED = _own(
    "points_corrected_total",
    "counter",
    "Datapoints that changed after they had been read, by namespace.",
    ("namespace",),
)
DROPPED_SERIES = _own(
    "stale_series_dropped_total", "counter", "Series taken off the page because they were older than max_age."
)
LOG_LINES = _own(
    "log_lines_total",
    "counter",
    "Log lines by what became of them (cold_start, rejected, repeated, outside_run).",
    ("result",),
)

COLD_STARTS: tuple[Metric, ...] = (INIT_DURATION, COLD_START_RATIO)
OWN: tuple[Metric, ...] = tuple(
    value
    for value in list(globals().values())
    if isinstance(value, Metric) and value.name.startswith("aws_exporter_")
)


@dataclass(frozen=True, slots=True)
class ListedMetric:
    """A metric that the user lists in an environment's `aws.metrics`; becomes a gauge of the given name."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """CloudWatch's dimension → its value; each becomes a label in snake_case."""
    statistics: tuple[str, ...] = ("Average",)
    period: int = 60
    """Seconds; below 60 only for custom namespaces."""
    scale: float = 1.0
    nil_is_zero: bool = False
    help: str = ""
