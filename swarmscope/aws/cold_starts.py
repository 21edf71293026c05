"""Counts the cold starts of runs: each event once, in the run that it happened in, exactly at the limits. No I/O."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from math import ceil
from typing import NamedTuple

from swarmscope.aws.log_lines import read_cold_start
from swarmscope.aws.runs import Place, RunSpan, run_of
from swarmscope.histogram import coarse_bounds
from swarmscope.targets.model import Kind, Target

LOWEST = Decimal("0.05")
MOST_REMEMBERED = 200_000
"""Events; some 40 MB. The memory only has to reach as far back as lines are read again."""
MOST_RUNS = 5
"""Runs on the page, the newest."""


class LineResult(StrEnum):
    """What became of a log line; values of the label `result`."""

    COLD_START = "cold_start"
    REJECTED = "rejected"
    REPEATED = "repeated"
    OUTSIDE_RUN = "outside_run"


class LogEvent(NamedTuple):
    """A log line of a function."""

    function: str
    timestamp: float
    """Unix seconds."""
    message: str
    event_id: str = ""
    """CloudWatch's; "" where there is none."""


def init_bounds(targets: Iterable[Target]) -> tuple[Decimal, ...]:
    """The histogram's bounds in seconds: a grid from 50 ms to 60 s, and every `max:` limit in seconds exactly."""
    limits = {
        target.limit
        for target in targets
        if target.kind is Kind.MAX and target.unit == "s" and target.limit > 0
    }
    return tuple(bound for bound in coarse_bounds(limits) if bound >= LOWEST or bound in limits)


@dataclass(slots=True)
class InitCounts:
    """One function's cold starts in one run."""

    buckets: list[int]
    """Not cumulative; one more than there are bounds."""
    seconds: Decimal = Decimal(0)
    minutes: Counter[int] = field(default_factory=Counter)
    """Cold starts by the minute (its start) that they were reported in."""

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.buckets)


class ColdStartCounter:
    """The cold starts of the newest runs."""

    def __init__(self, bounds: Sequence[Decimal], most_remembered: int = MOST_REMEMBERED) -> None:
        self.bounds = tuple(bounds)
        self.results: Counter[LineResult] = Counter()
        self._most_remembered = most_remembered
        self._seen: OrderedDict[str, tuple[float, LineResult]] = OrderedDict()
        self._runs: OrderedDict[str, RunSpan] = OrderedDict()
        self._counts: dict[str, dict[str, InitCounts]] = {}

    def follow(self, run: RunSpan, functions: Iterable[str]) -> None:
        """Know of a run, or of how far it has come; its functions have series from now on, at zero."""
        self._runs[run.run] = run
        counts = self._counts.setdefault(run.run, {})
        for function in functions:
            counts.setdefault(function, self._nothing())
        while len(self._runs) > MOST_RUNS:
            oldest, _ = self._runs.popitem(last=False)
            del self._counts[oldest]

    def take(self, event: LogEvent) -> LineResult | None:
        """Count a line; None when it will only be known later whether its run was still going on."""
        cold = read_cold_start(event.message)
        identity = (
            event.event_id
            or f"{event.function} {event.timestamp:.3f} {cold.request_id if cold else hash(event.message)}"
        )
        earlier = self._seen.get(identity)
        # What lay outside may belong to a run that has begun since.
        if earlier is not None and earlier[1] is not LineResult.OUTSIDE_RUN:
            return self._said(LineResult.REPEATED)
        if cold is None:
            return self._remember(identity, event.timestamp, LineResult.REJECTED)
        run = run_of(event.timestamp, self._runs.values())
        if run is Place.NOT_YET_KNOWN:
            return None
        if not isinstance(run, RunSpan):
            if earlier is not None:
                return self._said(LineResult.REPEATED)
            return self._remember(identity, event.timestamp, LineResult.OUTSIDE_RUN)
        counts = self._counts[run.run].setdefault(event.function, self._nothing())
        counts.buckets[bisect_left(self.bounds, cold.seconds)] += 1
        counts.seconds += cold.seconds
        counts.minutes[int(event.timestamp // 60) * 60] += 1
        return self._remember(identity, event.timestamp, LineResult.COLD_START)

    def forget(self, before: float) -> None:
        """Forget lines of before that moment, which will not be read again."""
        while self._seen:
            identity, (timestamp, _) = next(iter(self._seen.items()))
            if timestamp >= before and len(self._seen) <= self._most_remembered:
                return
            del self._seen[identity]

    def counts(self) -> Mapping[RunSpan, Mapping[str, InitCounts]]:
        """The counts by run and function, oldest run first."""
        return {run: self._counts[name] for name, run in self._runs.items()}

    @property
    def remembered(self) -> int:
        """How many lines are remembered now."""
        return len(self._seen)

    def _nothing(self) -> InitCounts:
        return InitCounts([0] * (len(self.bounds) + 1))

    def _remember(self, identity: str, timestamp: float, result: LineResult) -> LineResult:
        self._seen[identity] = (timestamp, result)
        if len(self._seen) > self._most_remembered:
            self._seen.popitem(last=False)
        return self._said(result)

    def _said(self, result: LineResult) -> LineResult:
        self.results[result] += 1
        return result


def cold_start_ratio(
    counts: InitCounts, invocations: Mapping[int, float], run: RunSpan, settled: float
) -> float | None:
    """Cold starts over invocations, both of the settled minutes that the run touches; None without an invocation."""
    first = int(run.started // 60) * 60
    # Not the minutes of the run after it.
    end = settled if run.stopped is None else min(settled, ceil(run.stopped / 60) * 60)

    def during(by_minute: Mapping[int, float]) -> float:
        return sum(value for minute, value in by_minute.items() if minute >= first and minute + 60 <= end)

    called = during(invocations)
    return during(counts.minutes) / called if called > 0 else None
