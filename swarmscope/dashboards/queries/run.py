"""A run as a whole: verdict, phase, targets, load. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.dashboards.queries.moments import FIRING
from swarmscope.dashboards.queries.selectors import FAILURE, RANGE, RUN, SYSTEM, last, rate, ratio, series
from swarmscope.names import Recorded
from swarmscope.targets import Kind

VERDICT = f"max by (verdict) ({last(names.RUN_VERDICT)}) == 1"
PHASE = f"max by (phase) ({last(names.RUN_PHASE)}) == 1"
INFO = f"max by (run, profile, environment, version, host, description) ({last(names.RUN_INFO)})"
NEWEST_RUN = f"topk(1, max by (run) ({last(names.RUN_START, SYSTEM)}))"
STEADY_SECONDS = f"max({last(names.STEADY_SECONDS)})"
RATE_NOW = f"max({Recorded.RUN_REQUESTS_RATE}{{{RUN}}})"
P95_SO_FAR = f"histogram_quantile(0.95, sum by (le) ({last(names.REQUEST_DURATION, RUN, '_bucket')}))"
ERROR_RATIO_SO_FAR = ratio(f"sum({last(names.REQUESTS, f'{RUN},{FAILURE}')})", f"sum({last(names.REQUESTS)})")
OLDEST_AGE = f"max({series(names.OLDEST_AGE)})"
IN_FLIGHT = f"sum({series(names.IN_FLIGHT)})"
RATE = f"sum({rate(names.REQUESTS)})"
USERS = f"sum({series(names.USERS)})"
USERS_WANTED = f"max({series(names.USERS_WANTED)})"
P95 = f"histogram_quantile(0.95, sum by (le) ({rate(names.REQUEST_DURATION, RUN, '_bucket')}))"
ERROR_RATIO = ratio(f"sum({rate(names.REQUESTS, f'{RUN},{FAILURE}')})", f"sum({rate(names.REQUESTS)})")
FIRING_NOW = f"max by (alertname, severity, target) ({FIRING})"

# --- targets ---

_TARGET = "by (target, request, kind, priority)"
LATENCY = "|".join((Kind.P50, Kind.P90, Kind.P95, Kind.P99, Kind.P999, Kind.AVERAGE)).replace(".", "[.]")
"""Kinds of targets whose values are seconds, as a regular expression."""
_MEASUREMENTS = f"{Kind.MAX}|{Kind.MIN}"
TARGET_MET = f"max {_TARGET} ({last(names.TARGET_MET)})"
TARGET_SECONDS_MISSED = f"max {_TARGET} (sum_over_time((1 - {series(names.TARGET_MET)})[{RANGE}:1s]))"
"""Seconds in which it was missed; 0 for a target that always held."""
TARGETS_OVER_TIME = f"max by (target) ({series(names.TARGET_MET)})"


def _in_words(metric: names.Metric, label: str) -> str:
    """The values of targets as a label, each in the unit of its kind: a table has one unit for a whole column.

    `count_values` writes a number as Prometheus does; it is rounded, because 100 * 0.001 is not always 0.1.
    """

    def text(kinds: str, expr: str, unit: str) -> str:
        matchers = f'{RUN},kind=~"{kinds}"'
        value = f"max {_TARGET} ({last(metric, matchers)})"
        counted = f'count_values {_TARGET} ("{label}", {expr.format(value)})'
        return f'label_replace({counted}, "{label}", "$1{unit}", "{label}", "(.+)")'

    return " or ".join(
        [
            text(LATENCY, "round(1000 * ({} < 1), 0.01)", " ms"),
            text(LATENCY, "round({} >= 1, 0.001)", " s"),
            text(Kind.ERROR_RATE, "round(100 * {}, 0.001)", " %"),
            text(Kind.RPS, "round({}, 0.01)", "/s"),
            text(_MEASUREMENTS, "round({}, 0.001)", ""),
        ]
    )


TARGET_LIMIT = _in_words(names.TARGET_LIMIT, "limit")
TARGET_VALUE = _in_words(names.TARGET_VALUE, "actual")


def limits(kinds: str, request: str = "") -> str:
    """The limits of the targets of these kinds, drawn as lines.

    With `request`, a regular expression of names, only those of that request and of all requests together.
    """
    matchers = f'{RUN},kind=~"{kinds}"'
    if request:
        # Between backquotes nothing is an escape to Prometheus, so that Grafana's escapes reach the expression.
        matchers += f",request=~`([^ ]+ )?({request})|[*]`"
    return f"max by (target, kind, request) ({series(names.TARGET_LIMIT, matchers)})"
