"""Every PromQL query of the dashboards, with Grafana's variables in it; panels only choose among these. No I/O.

`$system`, `$run` and `$request` are the dashboards' variables, `$__rate_interval` and `$__range` are Grafana's. What is
asked of a whole run reads the last sample within the shown time (`last_over_time(…[$__range])`): when a run is over its
exporter is gone, and a plain selector would find nothing five minutes later.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.names import Job, Metric, Outcome, Recorded

RUN = 'run="$run"'
REQUESTS = f'{RUN},name=~"$request"'
ONE_REQUEST = f'{RUN},name="$request"'
_RATE = "$__rate_interval"
_RANGE = "$__range"
_BY_REQUEST = "by (method, name)"
_SERVICE = f'job="{Job.SERVICE}"'
_NODE = f'job="{Job.NODE}"'
_POSTGRESQL = f'job="{Job.POSTGRESQL}"'


def _series(metric: Metric, matchers: str = RUN, suffix: str = "") -> str:
    return f"{metric.name}{suffix}{{{matchers}}}"


def _last(metric: Metric, matchers: str = RUN) -> str:
    return f"last_over_time({_series(metric, matchers)}[{_RANGE}])"


# --- variables: what can be chosen ---

SYSTEMS = f"label_values({names.RUN_INFO.name}, system)"
NEWEST_RUNS = (
    "query_result(sort_desc(max by (run) "
    f'(last_over_time({names.RUN_START.name}{{system="$system"}}[{_RANGE}]))))'
)
"""Newest first; `RUN_NAME` finds the name in each line of the answer."""
RUN_NAME = '/run="([^"]+)"/'
REQUEST_NAMES = f"label_values({_series(names.REQUESTS)}, name)"

# --- annotations: what happened when ---

PHASES = f"{_series(names.RUN_PHASE)} == 1"
FIRING = f'ALERTS{{alertstate="firing",alertname!="Watchdog",{RUN}}}'
STARTS = f"{_series(names.RUN_START)} * 1000"
ENDS = f"{_series(names.RUN_END)} * 1000"
"""Unix milliseconds, as Grafana's `useValueForTime` reads them."""

# --- a run as a whole ---

VERDICT = f"max by (verdict) ({_last(names.RUN_VERDICT)}) == 1"
PHASE = f"max by (phase) ({_last(names.RUN_PHASE)}) == 1"
STATE = f"max by (state) ({_last(names.RUN_STATE)}) == 1"
INFO = f"max by (profile, environment, version, host, description) ({_last(names.RUN_INFO)})"
STEADY_SECONDS = f"max({_last(names.STEADY_SECONDS)})"
_TARGET = "by (target, request, kind, priority)"
TARGET_LIMIT = f"max {_TARGET} ({_last(names.TARGET_LIMIT)})"
TARGET_VALUE = f"max {_TARGET} ({_last(names.TARGET_VALUE)})"
TARGET_MET = f"max {_TARGET} ({_last(names.TARGET_MET)})"
TARGET_SECONDS_MISSED = f"max {_TARGET} (count_over_time(({_series(names.TARGET_MET)} == 0)[{_RANGE}:1s]))"
TARGETS_OVER_TIME = f"max by (target) ({_series(names.TARGET_MET)})"
FIRING_NOW = f"sum by (alertname, severity, target) ({FIRING})"

# --- requests ---


def quantile(q: str, matchers: str = REQUESTS, by: str = "le, method, name") -> str:
    """A percentile of response times in seconds, from summed buckets: percentiles are never averaged."""
    buckets = _series(names.REQUEST_DURATION, matchers, "_bucket")
    return f"histogram_quantile({q}, sum by ({by}) (rate({buckets}[{_RATE}])))"


P95_OF_ALL = quantile("0.95", RUN, "le")
HEATMAP = f"sum by (le) (increase({_series(names.REQUEST_DURATION, REQUESTS, '_bucket')}[{_RATE}]))"
RATE = f"sum {_BY_REQUEST} (rate({_series(names.REQUESTS, REQUESTS)}[{_RATE}]))"
RATE_OF_ALL = f"sum(rate({_series(names.REQUESTS)}[{_RATE}]))"
RATE_NOW = f"{Recorded.RUN_REQUESTS_RATE}{{{RUN}}}"
USERS = f"sum by (user_class) ({_series(names.USERS)})"
USERS_OF_ALL = f"sum({_series(names.USERS)})"
USERS_WANTED = f"max({_series(names.USERS_WANTED)})"


def limits(kinds: str, request: str = "") -> str:
    """The limits of the targets of these kinds, drawn as lines; of one request's when it is named exactly."""
    matchers = f'{RUN},kind=~"{kinds}"'
    if request:
        matchers += f',request=~"([^ ]+ )?({request})"'
    return f"max by (target, kind, request) ({_series(names.TARGET_LIMIT, matchers)})"


LATENCY_KINDS = "p50|p90|p95|p99|p99.9|average"
_FAILURE = f'outcome="{Outcome.FAILURE}"'
_FAILED = f"{REQUESTS},{_FAILURE}"
ERROR_RATIO = (
    f"sum {_BY_REQUEST} (rate({_series(names.REQUESTS, _FAILED)}[{_RATE}]))"
    f" / (sum {_BY_REQUEST} (rate({_series(names.REQUESTS, REQUESTS)}[{_RATE}])) > 0)"
)
ERROR_RATIO_OF_ALL = (
    f"sum(rate({_series(names.REQUESTS, f'{RUN},{_FAILURE}')}[{_RATE}]))"
    f" / (sum(rate({_series(names.REQUESTS)}[{_RATE}])) > 0)"
)
IN_FLIGHT = f"sum {_BY_REQUEST} ({_series(names.IN_FLIGHT, REQUESTS)})"
IN_FLIGHT_OF_ALL = f"sum({_series(names.IN_FLIGHT)})"
OLDEST_AGE = f"max {_BY_REQUEST} ({_series(names.OLDEST_AGE, REQUESTS)})"
OLDEST_AGE_OF_ALL = f"max({_series(names.OLDEST_AGE)})"
FAILURES = f"sum by (method, name, error) ({_last(names.FAILURES, REQUESTS)}) > 0"
FAILURES_OVER_TIME = f"sum by (error) (rate({_series(names.FAILURES, REQUESTS)}[{_RATE}]))"
STATUSES = f"sum by (status) (rate({_series(names.REQUESTS, REQUESTS)}[{_RATE}]))"
BYTES = f"sum {_BY_REQUEST} (rate({_series(names.RESPONSE_BYTES, REQUESTS)}[{_RATE}]))"
AVERAGE = (
    f"sum {_BY_REQUEST} (rate({_series(names.REQUEST_DURATION, REQUESTS, '_sum')}[{_RATE}]))"
    f" / (sum {_BY_REQUEST} (rate({_series(names.REQUEST_DURATION, REQUESTS, '_count')}[{_RATE}])) > 0)"
)
TOTAL_FINISHED = f"sum {_BY_REQUEST} ({_last(names.REQUESTS, REQUESTS)})"
TOTAL_FAILED = f"sum {_BY_REQUEST} ({_last(names.REQUESTS, _FAILED)})"
TOTAL_UNFINISHED = f"sum {_BY_REQUEST} ({_last(names.UNFINISHED, REQUESTS)})"


def total_quantile(q: str) -> str:
    """A percentile per request over the whole run so far, from its buckets."""
    buckets = f"last_over_time({_series(names.REQUEST_DURATION, REQUESTS, '_bucket')}[{_RANGE}])"
    return f"histogram_quantile({q}, sum by (le, method, name) ({buckets}))"


# --- the load generator ---

WORKERS = f"sum by (state) ({_series(names.WORKERS)})"
WORKER_USERS = f"sum by (worker) ({_series(names.WORKER_USERS)})"
WORKER_CPU = f"max by (worker) ({_series(names.WORKER_CPU)})"
WORKER_MEMORY = f"max by (worker) ({_series(names.WORKER_MEMORY)})"
WORKER_REPORT_AGE = f"max by (worker) ({_series(names.WORKER_REPORT_AGE)})"
GENERATOR_LAG = f"max by (worker) ({_series(names.GENERATOR_LAG)})"
_LOCUST = f'job="{Job.LOCUST}"'
SCRAPE_DURATION = f"max by (instance) ({_series(names.SCRAPE_DURATION, _LOCUST)})"
SCRAPES = f"sum(rate({_series(names.SCRAPES, _LOCUST)}[{_RATE}]))"
LISTENER_ERRORS = f"sum({_series(names.LISTENER_ERRORS, _LOCUST)})"
LABEL_OVERFLOW = f"sum by (label) ({_series(names.LABEL_OVERFLOW, _LOCUST)})"
REPORTS = f"sum by (result) (rate({_series(names.REPORTS, _LOCUST)}[{_RATE}]))"

# --- the service's own side ---


def service_quantile(q: str) -> str:
    """The service's own percentile of its request durations, seconds."""
    buckets = f"http_server_request_duration_seconds_bucket{{{_SERVICE}}}"
    return f"histogram_quantile({q}, sum by (le, method, route) (rate({buckets}[{_RATE}])))"


def database_quantile(q: str) -> str:
    """Percentile of the service's database operations, seconds."""
    buckets = f"db_client_operation_duration_seconds_bucket{{{_SERVICE}}}"
    return f"histogram_quantile({q}, sum by (le, operation) (rate({buckets}[{_RATE}])))"


SERVICE_RATE = (
    f"sum by (method, route) (rate(http_server_request_duration_seconds_count{{{_SERVICE}}}[{_RATE}]))"
)
SERVICE_ACTIVE = f"sum by (method, route) (http_server_active_requests{{{_SERVICE}}})"
SERVICE_CPU = f"sum by (instance) (rate(process_cpu_seconds_total{{{_SERVICE}}}[{_RATE}]))"
SERVICE_MEMORY = f"sum by (instance) (process_resident_memory_bytes{{{_SERVICE}}})"
POOL = f"sum by (state) (db_client_connection_count{{{_SERVICE}}})"
DATABASE_ERRORS = f"sum by (operation) (rate(db_client_errors_total{{{_SERVICE}}}[{_RATE}]))"
MACHINE_CPU = f'1 - avg by (instance) (rate(node_cpu_seconds_total{{{_NODE},mode="idle"}}[{_RATE}]))'
MACHINE_MEMORY = f"1 - node_memory_MemAvailable_bytes{{{_NODE}}} / node_memory_MemTotal_bytes{{{_NODE}}}"
CACHE_HITS = (
    f"sum(rate(pg_stat_database_blks_hit{{{_POSTGRESQL}}}[{_RATE}]))"
    f" / (sum(rate(pg_stat_database_blks_hit{{{_POSTGRESQL}}}[{_RATE}]))"
    f" + sum(rate(pg_stat_database_blks_read{{{_POSTGRESQL}}}[{_RATE}])) > 0)"
)
BACKENDS = f"sum by (state) (pg_stat_activity_count{{{_POSTGRESQL}}})"
MOST_BACKENDS = f"max(pg_settings_max_connections{{{_POSTGRESQL}}})"
LONGEST_TRANSACTION = f"max(pg_stat_activity_max_tx_duration{{{_POSTGRESQL}}})"
TRANSACTIONS = f"sum(rate(pg_stat_database_xact_commit{{{_POSTGRESQL}}}[{_RATE}]))"
DEADLOCKS = f"sum(increase(pg_stat_database_deadlocks{{{_POSTGRESQL}}}[{_RATE}]))"

# --- all runs ---

_ALL = 'system="$system"'
RUNS_STARTED = f"max by (run) ({_last(names.RUN_START, _ALL)}) * 1000"
RUNS_INFO = f"max by (run, profile, environment, version) ({_last(names.RUN_INFO, _ALL)})"
RUNS_VERDICT = f"max by (run, verdict) ({_last(names.RUN_VERDICT, _ALL)}) == 1"
RUNS_FINISHED = f"sum by (run) ({_last(names.REQUESTS, _ALL)})"
RUNS_ERROR_RATIO = (
    f"sum by (run) ({_last(names.REQUESTS, f'{_ALL},{_FAILURE}')})"
    f" / (sum by (run) ({_last(names.REQUESTS, _ALL)}) > 0)"
)
RUNS_P95 = (
    "histogram_quantile(0.95, sum by (le, run) "
    f"(last_over_time({names.REQUEST_DURATION.name}_bucket{{{_ALL}}}[{_RANGE}])))"
)
RUNS_RATE = f"max by (run) (max_over_time({Recorded.RUN_REQUESTS_RATE}{{{_ALL}}}[{_RANGE}]))"
RUNS_TARGETS_MISSED = f"sum by (run) (1 - {_last(names.TARGET_MET, _ALL)})"
# --- two runs laid over each other: the other one is shifted so that both start at the same moment ---

_OTHER = 'run="$compared"'
_START = names.RUN_START.name
SHIFT = (
    f"query_result(round(max(last_over_time({_START}{{{RUN}}}[{_RANGE}]))"
    f" - max(last_over_time({_START}{{{_OTHER}}}[{_RANGE}]))))"
)
SHIFT_SECONDS = r"/(-?\d+(?:\.\d+)?) \d+$/"
"""Of the answer `{} 340 1763…`: the seconds between the two starts."""
_SHIFTED = "offset ${shift}s"
OTHER_P95 = (
    "histogram_quantile(0.95, sum by (le) "
    f"(rate({_series(names.REQUEST_DURATION, _OTHER, '_bucket')}[{_RATE}] {_SHIFTED})))"
)
OTHER_RATE = f"sum(rate({_series(names.REQUESTS, _OTHER)}[{_RATE}] {_SHIFTED}))"
OTHER_USERS = f"sum({_series(names.USERS, _OTHER)} {_SHIFTED})"
OTHER_FAILED = (
    f"sum(rate({_series(names.REQUESTS, f'{_OTHER},{_FAILURE}')}[{_RATE}] {_SHIFTED}))"
    f" / (sum(rate({_series(names.REQUESTS, _OTHER)}[{_RATE}] {_SHIFTED})) > 0)"
)

# --- alerts ---

ALERTS_OVER_TIME = 'sum by (alertname, target, run) (ALERTS{alertstate="firing",alertname!="Watchdog"})'
ALERTS_PENDING = 'sum by (alertname, target, run) (ALERTS{alertstate="pending"})'
NOTIFICATIONS = (
    f'sum by (integration) (rate(alertmanager_notifications_total{{job="{Job.ALERTMANAGER}"}}[{_RATE}]))'
)
NOTIFICATIONS_FAILED = (
    "sum by (integration) "
    f'(rate(alertmanager_notifications_failed_total{{job="{Job.ALERTMANAGER}"}}[{_RATE}]))'
)
TIME_TO_NOTIFY = (
    "histogram_quantile(0.95, sum by (le, integration) (rate("
    f'alertmanager_notification_latency_seconds_bucket{{job="{Job.ALERTMANAGER}"}}[{_RATE}])))'
)
SCRAPED = "max by (job, instance) (up)"
