"""Every metric, label and rule name that Swarmscope publishes or queries: the one place. No I/O.

`docs/metrics.md` is generated from this table; rules, dashboards and the exporter import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "locust"


class RunState(StrEnum):
    """Values of the `state` label of `locust_run_state`."""

    READY = "ready"
    SPAWNING = "spawning"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Phase(StrEnum):
    """Values of the `phase` label of `locust_run_phase`; a staged profile may add names of its own."""

    READY = "ready"
    RAMP = "ramp"
    WARM_UP = "warm_up"
    STEADY = "steady"
    STOPPING = "stopping"
    DONE = "done"


class Outcome(StrEnum):
    """Values of the `outcome` label."""

    SUCCESS = "success"
    FAILURE = "failure"


NO_STATUS = "none"
"""`status` of a request that got no HTTP status: a connection error, or a client that is not HTTP."""

OTHER = "other"
"""The visible overflow value of a bounded label."""

RUN_LABELS = ("run", "system")
REQUEST_LABELS = (*RUN_LABELS, "method", "name")
TARGET_LABELS = (*RUN_LABELS, "target", "request", "kind", "priority")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family: its full name as it appears on the page, type, labels and help text."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...] = RUN_LABELS


def _histogram(name: str, help_text: str, labels: tuple[str, ...]) -> Metric:
    return Metric(f"{NAMESPACE}_{name}", "histogram", help_text, labels)


def _counter(name: str, help_text: str, labels: tuple[str, ...] = RUN_LABELS) -> Metric:
    return Metric(f"{NAMESPACE}_{name}", "counter", help_text, labels)


def _gauge(name: str, help_text: str, labels: tuple[str, ...] = RUN_LABELS) -> Metric:
    return Metric(f"{NAMESPACE}_{name}", "gauge", help_text, labels)


REQUEST_DURATION = _histogram(
    "request_duration_seconds",
    "Time from sending a request to its last byte, successes and failures together. "
    "Bounds: a log grid from 1 ms to 60 s plus every latency limit of the system, exactly.",
    REQUEST_LABELS,
)
REQUESTS = _counter(
    "requests_total",
    "Finished requests by outcome and HTTP status ('none': no status).",
    (*REQUEST_LABELS, "outcome", "status"),
)
FAILURES = _counter(
    "request_failures_total",
    "Failed requests by fingerprint of their error (bounded; overflow is 'other').",
    (*REQUEST_LABELS, "error"),
)
RESPONSE_BYTES = _counter("response_bytes_total", "Bytes of response bodies received.", REQUEST_LABELS)
UNFINISHED = _counter(
    "requests_unfinished_total",
    "Requests that were cut off before an answer came: they count as failed and as slow.",
    REQUEST_LABELS,
)
IN_FLIGHT = _gauge("requests_in_flight", "Requests sent and not yet answered.", REQUEST_LABELS)
OLDEST_AGE = _gauge(
    "oldest_request_age_seconds",
    "Age of the request that has waited longest for its answer; 0 when none is waiting.",
    REQUEST_LABELS,
)
USERS = _gauge("users", "Users running.", (*RUN_LABELS, "user_class"))
USERS_WANTED = _gauge("users_wanted", "Users that the load profile wants at this moment.")
RUN_STATE = _gauge(
    "run_state", "1 for the state that the run is in, 0 for the others.", (*RUN_LABELS, "state")
)
RUN_PHASE = _gauge(
    "run_phase",
    "1 for the phase that the run is in, 0 for the others; targets are judged in 'steady'.",
    (*RUN_LABELS, "phase"),
)
RUN_INFO = _gauge(
    "run_info",
    "Always 1; its labels describe the run.",
    (*RUN_LABELS, "profile", "environment", "version", "host", "description"),
)
RUN_START = _gauge("run_start_timestamp_seconds", "Unix time at which the run started.")
RUN_END = _gauge("run_end_timestamp_seconds", "Unix time at which the load stopped; absent while it runs.")
RUN_VERDICT = _gauge(
    "run_verdict",
    "1 for the run's verdict (pass, fail, invalid, no_data), 0 for the others; so far while it runs.",
    (*RUN_LABELS, "verdict"),
)
STEADY_SECONDS = _gauge("steady_seconds", "Seconds of the judged (steady) window so far.")
TARGET_LIMIT = _gauge(
    "target_limit", "Limit of a target in base units (seconds, ratio, per second).", TARGET_LABELS
)
TARGET_VALUE = _gauge(
    "target_value",
    "Measured value of a target over the judged window so far, in base units; absent when there is none.",
    TARGET_LABELS,
)
TARGET_MET = _gauge(
    "target_met",
    "1 when the target holds over the judged window so far, 0 when it is missed; absent when not known.",
    TARGET_LABELS,
)
RECOVERY = _gauge(
    "recovery_seconds",
    "Time from the end of a peak of the load until all targets held again and stayed so; 0 when they held at once, "
    "+Inf when they did not by the end. Absent until the run is over, and when nothing was measured.",
    (*RUN_LABELS, "phase"),
)
WORKERS = _gauge(
    "workers", "Locust workers by state (ready, spawning, running, missing, lost).", (*RUN_LABELS, "state")
)
WORKER_USERS = _gauge("worker_users", "Users running on a worker.", (*RUN_LABELS, "worker"))
WORKER_CPU = _gauge(
    "worker_cpu_ratio", "CPU used by a load generator process, 1 is one core.", (*RUN_LABELS, "worker")
)
WORKER_MEMORY = _gauge(
    "worker_memory_bytes", "Resident memory of a load generator process.", (*RUN_LABELS, "worker")
)
WORKER_REPORT_AGE = _gauge(
    "worker_report_age_seconds", "Time since a worker's last report was merged.", (*RUN_LABELS, "worker")
)
GENERATOR_LAG = _gauge(
    "generator_lag_seconds",
    "How late a load generator's event loop ran its timers, worst of the last second: the error of its latencies.",
    (*RUN_LABELS, "worker"),
)
SCRAPE_DURATION = _gauge(
    "exporter_scrape_duration_seconds", "Time that the previous scrape of this page took.", ()
)
SCRAPES = _counter("exporter_scrapes_total", "Scrapes of this page that were answered.", ())
LISTENER_ERRORS = _counter(
    "exporter_listener_errors_total", "Errors inside Swarmscope's own event listeners.", ()
)
LABEL_OVERFLOW = _counter(
    "exporter_label_overflow_total", "Requests whose label value was folded into 'other'.", ("label",)
)
REPORTS = _counter(
    "exporter_reports_total",
    "Worker reports by what became of them (merged, repeated, foreign).",
    ("result",),
)
CLOUDWATCH_DATA = _counter(
    "cloudwatch_data_total",
    "Data for CloudWatch by what became of them: stored, ambiguous (the answer got lost), refused, or dropped "
    "unsent. Of this process and its workers, as are all locust_cloudwatch_*; 0 when nothing is pushed.",
    ("result",),
)
CLOUDWATCH_CALLS = _counter(
    "cloudwatch_calls_total",
    "Calls of PutMetricData by their outcome (stored, throttled, unreachable, credentials, refused, ambiguous).",
    ("result",),
)
CLOUDWATCH_BACKLOG = _gauge("cloudwatch_backlog_data", "Data that wait to be sent to CloudWatch.", ())
CLOUDWATCH_LAST_SUCCESS = _gauge(
    "cloudwatch_last_success_timestamp_seconds",
    "Unix time of the newest call of PutMetricData that was answered well; 0 when there was none.",
    (),
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""Every metric, in the order of the page and of docs/metrics.md."""


class Recorded(StrEnum):
    """Series that Prometheus records by the generated rules, named level:metric:operation."""

    RUN_ACTIVE = "run:locust_active:bool"
    """1 while load is being made: in every phase but ready, stopping and done."""
    RUN_REQUESTS_RATE = "run:locust_requests:rate5s"
    """Finished requests per second over the last 5 s, all requests of a run together."""
    RUN_FAILURES_RATIO = "run:locust_request_failures:ratio5s"
    """Share of the requests of the last 5 s that failed; absent without requests."""
    RUN_IN_FLIGHT = "run:locust_requests_in_flight:sum"
    RUN_USERS = "run:locust_users:sum"
    STEADY_WINDOW = "run:locust_steady_window:seconds"
    """Length of the alerting window by the exporter's own clock; exists only while all of it was steady."""
    WINDOW_REQUESTS = "target:locust_window_requests:count"
    """Requests of a target in its alerting window."""
    WINDOW_BREACHING = "target:locust_window_breaching_requests:count"
    """Those of WINDOW_REQUESTS that were slower than the limit, or failed."""
    WINDOW_DURATION = "target:locust_window_duration_seconds:sum"
    """Response times of the requests in the alerting window, added up (targets on averages)."""
    SERVER_VALUE = "target:locust_server_query:value"
    """What a server-side target's query answers now, for each steady run."""


class Job(StrEnum):
    """Prometheus' `job` label of each kind of page that the stack scrapes."""

    LOCUST = "locust"
    SERVICE = "service"
    """The service under test's own metrics."""
    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    RECEIVER = "receiver"
    NODE = "node"
    """The machine: prometheus-node-exporter."""
    POSTGRESQL = "postgresql"
    """The database: prometheus-postgres-exporter."""
    CLOUDWATCH = "cloudwatch"
    """AWS' side: the CloudWatch pull exporter."""
