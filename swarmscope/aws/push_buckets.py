"""Response times in logarithmic buckets, from which CloudWatch's Values and Counts are made. No I/O.

A bucket holds what lies between WIDTH ** n and WIDTH ** (n + 1); its count and its sum are kept. What is sent is
each bucket's mean, as often as the bucket counted: a percentile that is read back is the mean of the bucket that the
exact one lies in, so they differ by less than the bucket is wide (0.5 %); the sum is exact, the count is, and the
smallest and the largest are taken out of their buckets and sent as they are. Buckets of several windows or processes
do not overlap, so nothing of this changes when CloudWatch merges them.

The idea (a bounded relative error from logarithmic buckets) is DDSketch's: Masson, Rim and Lee, VLDB 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

WIDTH = 1.005
_PER_E = 1.0 / math.log(WIDTH)
_LEAST_MS, _MOST_MS = 1e-3, 1e9
"""A microsecond and eleven days: what is beyond shares the last bucket, so that their number is bounded."""
_LOWEST = math.floor(math.log(_LEAST_MS) * _PER_E)
_HIGHEST = math.floor(math.log(_MOST_MS) * _PER_E)


class Durations:
    """Response times of one request in one window."""

    __slots__ = ("_cells", "greatest_ms", "least_ms")

    def __init__(self) -> None:
        self._cells: dict[int, list[float]] = {}
        """Bucket → [count, sum of milliseconds]."""
        self.least_ms = math.inf
        self.greatest_ms = -math.inf

    def add(self, times_ms: Iterable[float]) -> None:
        """Count response times (milliseconds, finite, from 0)."""
        cells, log, floor = self._cells, math.log, math.floor
        for time in times_ms:
            index = floor(log(time) * _PER_E) if _LEAST_MS <= time <= _MOST_MS else _at_the_end(time)
            cell = cells.get(index)
            if cell is None:
                cells[index] = [1, time]
            else:
                cell[0] += 1
                cell[1] += time
            self.least_ms = min(self.least_ms, time)
            self.greatest_ms = max(self.greatest_ms, time)

    def merge(self, other: Durations) -> None:
        """Add what another one counted."""
        cells = self._cells
        for index, (count, total) in other._cells.items():
            cell = cells.get(index)
            if cell is None:
                cells[index] = [count, total]
            else:
                cell[0] += count
                cell[1] += total
        self.least_ms = min(self.least_ms, other.least_ms)
        self.greatest_ms = max(self.greatest_ms, other.greatest_ms)

    @property
    def count(self) -> int:
        """How many there are."""
        return int(sum(cell[0] for cell in self._cells.values()))

    def seconds(self) -> list[tuple[float, int]]:
        """(value, how often), ascending: the smallest, each bucket's mean, the largest."""
        if not self._cells:
            return []
        cells = {index: list(cell) for index, cell in self._cells.items()}
        ends = [self.least_ms, self.greatest_ms] if self.count > 1 else [self.least_ms]
        for index, end in zip((min(cells), max(cells)), ends, strict=False):
            cells[index][0] -= 1
            cells[index][1] -= end
        values = [(self.least_ms / 1000, 1)]
        for index in sorted(cells):
            count, total = cells[index]
            if count:
                # Rounding must not carry a mean past the extremes.
                mean = min(max(total / count, self.least_ms), self.greatest_ms)
                _put(values, mean / 1000, int(count))
        if len(ends) > 1:
            _put(values, self.greatest_ms / 1000, 1)
        return values


def _put(values: list[tuple[float, int]], value: float, count: int) -> None:
    if values[-1][0] == value:
        values[-1] = (value, values[-1][1] + count)
    else:
        values.append((value, count))


def _at_the_end(time: float) -> int:
    return _LOWEST if time < _LEAST_MS else _HIGHEST
