"""Chi-squared test of a run's request counts against weights; small and local, to be joined with the others' own."""

from collections.abc import Mapping

LIMITS = {9: 27.88}
"""Degrees of freedom → what chi-squared exceeds with probability 0.001 when the weights are right."""


def chi_squared(counts: Mapping[str, int], weights: Mapping[str, int]) -> float:
    """How far counts are from their weights."""
    assert counts.keys() == weights.keys()
    total, parts = sum(counts.values()), sum(weights.values())
    expected = {name: total * weight / parts for name, weight in weights.items()}
    return sum((counts[name] - expected[name]) ** 2 / expected[name] for name in weights)


def limit(weights: Mapping[str, int]) -> float:
    """What it may be at most."""
    return LIMITS[len(weights) - 1]
