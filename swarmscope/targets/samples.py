"""How many requests it takes before a target can pass, where the targets file does not say. No I/O."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from swarmscope.targets.model import Kind

FEWEST = 10
"""Below ten requests every figure is an anecdote."""
FEWEST_FOR_ERRORS = 20
MOST_FOR_ERRORS = 1000
"""A limit of 0.01 % would ask for 10,000 requests, which a short run never makes: there a failure is told by FAIL."""


def default_min_samples(kind: Kind, limit: Decimal) -> int:
    """The least number of requests on which a target of this kind says something.

    A percentile needs at least one request beyond it, or it is the slowest request by another name: 1 / (1 - q),
    20 for p95 and 1,000 for p99.9, but never fewer than ten. An error rate needs 1 / limit, so that a single failed
    request does not decide; between 20 and 1,000. A floor of the rate is measured by time and needs one.
    """
    if kind.is_query or kind is Kind.RPS:
        return 1
    if kind is Kind.ERROR_RATE:
        wanted = _ceiling(1 / limit) if limit else FEWEST_FOR_ERRORS
        return min(max(wanted, FEWEST_FOR_ERRORS), MOST_FOR_ERRORS)
    quantile = kind.quantile
    return FEWEST if quantile is None else max(FEWEST, _ceiling(1 / (1 - quantile)))


def _ceiling(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_CEILING))
