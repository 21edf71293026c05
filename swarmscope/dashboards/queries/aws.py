"""AWS' side, as the CloudWatch pull exporter publishes it. No I/O.

Its gauges are about resources, not about a run, and carry CloudWatch's own time: they stand below the clients' figures
on one axis. Sums are those of a period of CloudWatch, a minute. Cold starts belong to the run they happened in.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.aws import families
from swarmscope.aws.families import Family
from swarmscope.dashboards.queries.selectors import RANGE, RUN, last, series
from swarmscope.names import Job

_JOB = f'job="{Job.CLOUDWATCH}"'


def _gauge(family: Family, statistic: str = "", how: str = "max") -> str:
    matchers = f'{_JOB},stat="{statistic}"' if statistic else _JOB
    by = ", ".join(family.dimensions.values())
    return f"{how} by ({by}) ({family.name}{{{matchers}}})"


def _own(name: str) -> str:
    return f"{name}{{{_JOB}}}"


API_P95 = _gauge(families.API_LATENCY, "p95")
INTEGRATION_P95 = _gauge(families.API_INTEGRATION_LATENCY, "p95")
LAMBDA_P95 = _gauge(families.LAMBDA_DURATION, "p95")
LAMBDA_P99 = _gauge(families.LAMBDA_DURATION, "p99")
DYNAMODB_P95 = _gauge(families.DYNAMODB_LATENCY, "p95")

API_REQUESTS = _gauge(families.API_REQUESTS, how="sum")
INVOCATIONS = _gauge(families.LAMBDA_INVOCATIONS, how="sum")
LAMBDA_ERRORS = _gauge(families.LAMBDA_ERRORS, how="sum")
API_CLIENT_ERRORS = _gauge(families.API_CLIENT_ERRORS, how="sum")
API_SERVER_ERRORS = _gauge(families.API_SERVER_ERRORS, how="sum")
DYNAMODB_ERRORS = _gauge(families.DYNAMODB_SYSTEM_ERRORS, how="sum")
LAMBDA_THROTTLES = _gauge(families.LAMBDA_THROTTLES, how="sum")
DYNAMODB_THROTTLES = _gauge(families.DYNAMODB_THROTTLED, how="sum")
READ_THROTTLES = _gauge(families.DYNAMODB_READ_THROTTLES, how="sum")
WRITE_THROTTLES = _gauge(families.DYNAMODB_WRITE_THROTTLES, how="sum")
CONCURRENCY = _gauge(families.LAMBDA_CONCURRENCY)
READ_CAPACITY = _gauge(families.DYNAMODB_READ_CAPACITY, how="sum")
WRITE_CAPACITY = _gauge(families.DYNAMODB_WRITE_CAPACITY, how="sum")

# --- cold starts ---

COLD_P95 = f"histogram_quantile(0.95, sum by (le) ({last(families.INIT_DURATION, RUN, '_bucket')}))"
COLD_P95_BY_FUNCTION = (
    f"histogram_quantile(0.95, sum by (le, function) ({families.INIT_DURATION.name}_bucket{{{RUN}}}))"
)
COLD_STARTS = f"sum({last(families.INIT_DURATION, RUN, '_count')})"
COLD_RATIO = f"max by (function) ({last(families.COLD_START_RATIO)})"
COLD_HEATMAP = f"sum by (le) (increase({families.INIT_DURATION.name}_bucket{{{RUN}}}[$__rate_interval]))"
_ON_COLD_STARTS = f'{RUN},target=~".*cold.*"'
COLD_LIMITS = f"max by (target) ({series(names.TARGET_LIMIT, _ON_COLD_STARTS)})"
"""Targets on cold starts are queries: they are known by their name."""

# --- the exporter itself ---

DATA_AGE = f"max by (namespace) ({_own(families.DATA_AGE.name)})"
SETTLED_AGO = f"time() - max by (source) ({_own(families.SETTLED.name)})"
POLL_SUCCESS = f"min by (source) ({_own(families.POLL_SUCCESS.name)})"
POLL_DURATION = f"max by (source) ({_own(families.POLL_DURATION.name)})"
CALLS = f"sum by (operation, result) (increase({_own(families.API_CALLS.name)}[{RANGE}])) > 0"
_REFUSED = f'{_JOB},result!="success"'
FAILED_CALLS = f"sum by (operation, result) (increase({families.API_CALLS.name}{{{_REFUSED}}}[1m])) > 0"
COST = f"sum(increase({_own(families.COST.name)}[{RANGE}]))"
BILLED = f"sum(increase({_own(families.BILLED_METRICS.name)}[{RANGE}]))"
COST_LIMITED = f"max({_own(families.COST_LIMITED.name)})"
