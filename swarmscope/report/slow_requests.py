"""Why a latency target was missed, as the histogram shows it: all slow, a tail, or two kinds of answers. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from swarmscope.histogram import at_or_under, quantile
from swarmscope.measurements import RequestCounts, Window
from swarmscope.quantities import count, duration, ratio
from swarmscope.report.request_tables import with_unfinished
from swarmscope.targets import Target
from swarmscope.targets.match import is_literal, matches

ENOUGH = 100
"""Requests that it takes before their distribution's form is worth a sentence."""


def why_slow(target: Target, counts: RequestCounts, window: Window) -> Iterator[str]:
    """Sentences about a missed percentile; `counts` are those of the requests that the target names."""
    yield from _form(target, counts, window)
    yield from _slowest_part(target, window)


def _form(target: Target, counts: RequestCounts, window: Window) -> Iterator[str]:
    """Whether everything is slow, or only a tail, or there are two kinds of answers."""
    buckets = with_unfinished(counts)
    samples = sum(buckets)
    if samples < ENOUGH:
        return
    median = quantile(window.bounds, buckets, Decimal("0.5"))
    over = samples - at_or_under(window.bounds, counts.buckets, target.limit)
    assert median is not None  # noqa: S101  # there are samples
    share = f"{ratio(over / samples)} of {target.subject} took longer than {target.written}"
    if median > target.limit:
        yield (
            f"{share}, and even the median is {duration(median)}: the whole request is slow, "
            "not single ones; compare its work with the machine's limits (CPU, database, pool sizes)."
        )
        return
    gap = _gap(window.bounds, counts.buckets)
    # A gap that divides the requests elsewhere than at the limit does not explain why it was missed.
    if gap is not None and gap[2] <= 2 * over:
        low, high, slow = gap
        yield (
            f"{share}. There are two kinds of answers: {ratio(1 - slow / counts.timed)} within {duration(low)} and "
            f"{ratio(slow / counts.timed)} above {duration(high)}, none between; look for what sets the slow ones "
            "apart (a cache miss, a cold start, a retry, a lock)."
        )
    else:
        yield f"{share}, while the median is {duration(median)}: a tail of slow requests, not a slow service."


def _gap(bounds: Sequence[Decimal], buckets: Sequence[int]) -> tuple[Decimal, Decimal, int] | None:
    """The widest stretch of empty buckets, at least a factor of 2, with at least 1 % of the requests on both sides."""
    samples = sum(buckets)
    filled = [index for index, number in enumerate(buckets) if number]
    best: tuple[Decimal, Decimal, int] | None = None
    for before, after in pairwise(filled):
        above = sum(buckets[after:])
        low, high = bounds[before], bounds[after - 1]
        wide = high >= 2 * low and 100 * above >= samples and 100 * (samples - above) >= samples
        if wide and (best is None or high / low > best[1] / best[0]):
            best = (low, high, above)
    return best


def _slowest_part(target: Target, window: Window) -> Iterator[str]:
    """Of a target over several requests: which one most of the slow answers belong to."""
    if is_literal(target.request):
        return
    over = {
        key: each.timed + each.unfinished - at_or_under(window.bounds, each.buckets, target.limit)
        for key, each in window.counts.items()
        if matches(target.request, *key)
    }
    slow = sum(over.values())
    worst = max(over, key=lambda key: (over[key], key))
    if len(over) > 1 and 2 * over[worst] > slow:
        yield (
            f"{ratio(over[worst] / slow)} of the {count(slow)} answers over {target.written} "
            f"({target.in_words}) are {worst}."
        )
