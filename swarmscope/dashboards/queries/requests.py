"""Requests, one by one: response times, rates, failures, what waits. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.dashboards.queries.selectors import (
    BY_REQUEST,
    FAILURE,
    ONE_REQUEST,
    REQUESTS,
    appeared,
    last,
    rate,
    ratio,
    series,
)


def quantile(q: str, matchers: str = REQUESTS) -> str:
    """A percentile of response times in seconds, from summed buckets: percentiles are never averaged."""
    buckets = rate(names.REQUEST_DURATION, matchers, "_bucket")
    return f"histogram_quantile({q}, sum by (le, method, name) ({buckets}))"


def average(matchers: str = REQUESTS) -> str:
    """The mean response time in seconds."""
    total, number = (
        f"sum {BY_REQUEST} ({rate(names.REQUEST_DURATION, matchers, suffix)})"
        for suffix in ("_sum", "_count")
    )
    return ratio(total, number)


def heatmap(matchers: str = REQUESTS) -> str:
    """Answers by bucket."""
    return f"sum by (le) (increase({series(names.REQUEST_DURATION, matchers, '_bucket')}[$__rate_interval]))"


def answers(matchers: str = REQUESTS) -> str:
    """Finished requests per second, failed ones included."""
    return f"sum {BY_REQUEST} ({rate(names.REQUESTS, matchers)})"


def error_ratio(matchers: str = REQUESTS) -> str:
    """Share of the answers that failed."""
    return ratio(f"sum {BY_REQUEST} ({rate(names.REQUESTS, f'{matchers},{FAILURE}')})", answers(matchers))


def in_flight(matchers: str = REQUESTS) -> str:
    """Requests sent and not yet answered."""
    return f"sum {BY_REQUEST} ({series(names.IN_FLIGHT, matchers)})"


OLDEST_AGE = f"max {BY_REQUEST} ({series(names.OLDEST_AGE, ONE_REQUEST)})"
FAILURES = f"sum by (method, name, error) ({last(names.FAILURES, REQUESTS)}) > 0"
FAILURES_OVER_TIME = appeared(series(names.FAILURES, ONE_REQUEST), "error")
STATUSES = f"sum by (status) ({rate(names.REQUESTS, ONE_REQUEST)})"
BYTES = f"sum {BY_REQUEST} ({rate(names.RESPONSE_BYTES, ONE_REQUEST)})"
TOTAL_FINISHED = f"sum {BY_REQUEST} ({last(names.REQUESTS, ONE_REQUEST)})"
TOTAL_FAILED = f"sum {BY_REQUEST} ({last(names.REQUESTS, f'{ONE_REQUEST},{FAILURE}')})"
TOTAL_UNFINISHED = f"sum {BY_REQUEST} ({last(names.UNFINISHED, ONE_REQUEST)})"


def total_quantile(q: str) -> str:
    """A percentile over the whole run so far, from its buckets."""
    buckets = last(names.REQUEST_DURATION, ONE_REQUEST, "_bucket")
    return f"histogram_quantile({q}, sum by (le, method, name) ({buckets}))"
