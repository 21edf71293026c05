"""Pearson's chi-squared test of counts against weights, exact for whole degrees of freedom. No dependencies.

from tests.scenarios.chi_squared import LEVEL, probability

assert probability(picked, {"send_event": 10, "poll_inbox": 3}) > LEVEL
"""

import math
from collections.abc import Mapping

LEVEL = 0.001
"""A mix is refused when counts as far off as these come up in fewer than 1 of 1,000 runs of the stated weights."""
LEAST_EXPECTED = 5
"""Below this expectation in any cell the approximation is not to be trusted."""


def statistic(counts: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """The sum of (observed - expected)² / expected. Raises ValueError where the test would say nothing."""
    unknown = sorted(set(counts) - set(weights))
    if unknown:
        raise ValueError(f"counted but not weighted: {', '.join(unknown)}")
    total, whole = sum(counts.values()), sum(weights.values())
    expected = {name: total * weight / whole for name, weight in weights.items()}
    few = [name for name, number in expected.items() if number < LEAST_EXPECTED]
    if few:
        raise ValueError(
            f"too few for a chi-squared test: {total:g} in all, {min(expected.values()):g} of {few[0]}"
        )
    return sum((counts.get(name, 0) - number) ** 2 / number for name, number in expected.items())


def survival(x: float, degrees: int) -> float:
    """The probability of a statistic of at least x: closed forms (Abramowitz and Stegun, 26.4.4 and 26.4.5)."""
    half = x / 2
    if degrees % 2 == 0:
        return math.exp(-half) * sum(half**i / math.factorial(i) for i in range(degrees // 2))
    terms = (half ** (i - 0.5) / math.gamma(i + 0.5) for i in range(1, (degrees - 1) // 2 + 1))
    return math.erfc(math.sqrt(half)) + math.exp(-half) * sum(terms)


def probability(counts: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """How likely counts at least as far off are, when the weights are true."""
    return survival(statistic(counts, weights), len(weights) - 1)
