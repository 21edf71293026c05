"""What asking AWS costs, and how much slower to ask so that it stays below a limit. No I/O.

    dollars per hour = Σ over groups of queries: queries * 3600 / seconds between polls * price per 1,000 / 1,000
                     + bytes that a Logs Insights query scans / 10⁹ * price per GB * 3600 / seconds between queries

The number of queries is an upper bound of what is billed: each statistic counts as a metric requested.
FilterLogEvents, GetResources and STS cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from swarmscope.aws.settings import Prices
from swarmscope.aws.windows import Group

HOUR = 3600.0
_GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each source is asked, seconds between two polls."""

    metrics: float
    logs: float
    is_limited: bool = False
    """Whether that is slower than it was told, because of the cost limit."""


def metrics_cost(requested: int, prices: Prices) -> float:
    """Dollars for this many metrics requested by GetMetricData."""
    return requested * prices.get_metric_data_per_thousand / 1000


def scan_cost(scanned_bytes: float, prices: Prices) -> float:
    """Dollars for a Logs Insights query."""
    return scanned_bytes / _GIGABYTE * prices.insights_per_gb


def poll_interval(group: Group, poll_seconds: float) -> float:
    """Seconds between two calls for a group: nothing is asked again before its next period has settled."""
    return max(poll_seconds, group.period)


def hourly_cost(groups: Iterable[Group], poll_seconds: float, prices: Prices) -> float:
    """Dollars per hour of reading metrics."""
    return sum(
        metrics_cost(len(group.queries), prices) * HOUR / poll_interval(group, poll_seconds)
        for group in groups
    )


def pace(
    groups: Iterable[Group],
    *,
    poll_seconds: float,
    logs_poll_seconds: float,
    scanned_bytes: float,
    limit_per_hour: float,
    prices: Prices,
) -> Pace:
    """How often to ask so that an hour costs no more than the limit; 0 is no limit.

    Both sources slow by the same factor, so neither starves the other; reading logs by FilterLogEvents scans nothing
    that is billed, so it is left as it is.
    """
    chosen = tuple(groups)
    logs = scan_cost(scanned_bytes, prices) * HOUR / logs_poll_seconds if logs_poll_seconds else 0.0
    factor = (
        (hourly_cost(chosen, poll_seconds, prices) + logs) / limit_per_hour if limit_per_hour > 0 else 0.0
    )
    if factor <= 1:
        return Pace(poll_seconds, logs_poll_seconds)
    # Below its period a group is not asked more often anyway, so that is where slowing begins.
    slowest = max((poll_interval(group, poll_seconds) for group in chosen), default=poll_seconds)
    return Pace(slowest * factor, logs_poll_seconds * (factor if logs else 1.0), is_limited=True)
