"""Bucket bounds that include every latency limit exactly, and exact counting on them. No I/O.

Two grids: a fine one that is recorded (each bucket at most 5 % wide, so that a percentile read from it is at
most 5 % too high), and a coarse one that is exported (a subset of it, to keep scrapes small). Both contain
every latency limit of the system's targets, so "the share of requests at or under the limit" is a count and
never an interpolation: as in Prometheus' histograms, a bucket counts values less than or equal to its bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate

MINIMUM = Decimal("0.001")
MAXIMUM = Decimal(60)
_COARSE_STEPS = tuple(Decimal(step) for step in ("1", "1.5", "2", "3", "5", "7.5"))
_FINE_STEPS = (
    *(Decimal(100 + 5 * step) / 100 for step in range(20)),  # 1.00 to 1.95
    *(Decimal(20 + step) / 10 for step in range(30)),  # 2.0 to 4.9
    *(Decimal(500 + 25 * step) / 100 for step in range(20)),  # 5.00 to 9.75
)


def coarse_bounds(limits: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """The exported bucket bounds in seconds, ascending, without +Inf: 30 of a 1-1.5-2-3-5-7.5 grid plus the limits."""
    return _grid(_COARSE_STEPS, limits)


def fine_bounds(limits: Iterable[Decimal]) -> tuple[Decimal, ...]:
    """The recorded bucket bounds in seconds, ascending, without +Inf; a superset of the coarse ones."""
    wanted = tuple(limits)
    return tuple(sorted({*_grid(_FINE_STEPS, wanted), *coarse_bounds(wanted)}))


def _grid(steps: Sequence[Decimal], limits: Iterable[Decimal]) -> tuple[Decimal, ...]:
    grid = {
        (step * Decimal(10) ** exponent).normalize()
        for exponent in range(-3, 2)
        for step in steps
        if MINIMUM <= step * Decimal(10) ** exponent <= MAXIMUM
    }
    return tuple(sorted({*grid, MAXIMUM, *(limit.normalize() for limit in limits)}))


def fold(counts: Sequence[int], indexes: Sequence[int]) -> list[int]:
    """Cumulative counts at the bounds whose positions in the recorded grid are `indexes`.

    `counts` holds one number per bucket (not cumulative) and one more for everything above the last bound.
    """
    running = list(accumulate(counts))
    return [running[index] for index in indexes]


def at_or_under(bounds: Sequence[Decimal], counts: Sequence[int], limit: Decimal) -> int:
    """How many values are at or under `limit` seconds, exactly.

    Raises ValueError when `limit` is not a bound: an answer would have to be interpolated.
    """
    for index, bound in enumerate(bounds):
        if bound == limit:
            return sum(counts[: index + 1])
    raise ValueError(f"{limit} s is not a bucket bound, so the share at or under it is not known exactly")


def quantile(bounds: Sequence[Decimal], counts: Sequence[int], q: Decimal) -> Decimal | None:
    """The bound that the q-quantile is at or under, in seconds; Infinity above the last bound; None without values.

    Rank as in the nearest-rank definition: the smallest value with at least q of all values at or under it,
    rounded up to its bucket's bound (at most 5 % too high on the fine grid, never too low).
    """
    total = sum(counts)
    if total == 0:
        return None
    running = 0
    for bound, count in zip(bounds, counts, strict=False):
        running += count
        if running >= q * total:
            return bound
    return Decimal("Infinity")
