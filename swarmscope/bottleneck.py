"""Decides what held a run back: which signal left its range, when, at which load, and before which target. No I/O.

A cause comes before its effect and with it. So a signal is only named when it left its range no later than the
client's target was missed, was out of it while the target was missed, and out of it more often then than before.
Where no signal fits, that is said. docs/signals.md explains every rule.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from swarmscope.run_result import MeasuredSignal, RunResult
from swarmscope.signals import (
    CLIENT_P95,
    DB_AVERAGE,
    DB_ERRORS,
    DB_P99,
    IN_PROGRESS,
    NODE_CPU,
    PG_AVERAGE,
    RATE,
    SERVICE_CPU,
    USERS,
    Area,
)

LASTING = 3
"""Points in a row out of range that count: one is an accident of the moment."""
TOLERANCE_SECONDS = 6.0
"""Rates are taken over 5 s, and a point is measured a second after what it shows: a cause may seem this much later."""
SATURATED = 0.9
"""Share of a core, or of all cores, above which work waits for the CPU for certain."""
ONE_CORE = 1.2
"""A process that uses more than this is not held by the end of its one core."""
CONTRAST = 0.2
"""The least share of the run that must be good, and bad, for the two to be compared."""
MORE_OFTEN = 0.3
"""By how much more of the bad time than of the good time a cause is out of its range."""
LEAST_PAIRS = 10
"""Points that a rank correlation is worth something from."""
MOSTLY = 0.5

Points = Sequence[tuple[float, float]]
Span = tuple[float, float]


class Conclusion(StrEnum):
    """What can be said about a run."""

    NOT_MEASURED = "not measured"
    GENERATOR = "load generator"
    NAMED = "named"
    UNEXPLAINED = "unexplained"
    NEXT = "next"
    HEALTHY = "healthy"


@dataclass(frozen=True, slots=True)
class Course:
    """How one signal went over the run."""

    signal: MeasuredSignal
    median: float
    worst: float
    out: Sequence[Span] = ()
    """When it was out of its range for longer than a moment (Unix seconds)."""
    left_after: float | None = None
    """Seconds into the run."""
    phase: str = ""
    """The run's, at that moment."""
    users: float | None = None
    rate: float | None = None
    lead_seconds: float | None = None
    """How long before the client's target it left its range; negative: after."""
    correlation: float | None = None
    """Spearman's, with the client's response time over the run."""

    @property
    def area(self) -> Area:
        """What the signal is about."""
        return Area(self.signal.area)


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What held the run back, or would next, with its evidence."""

    conclusion: Conclusion
    area: Area | None = None
    cause: Course | None = None
    """The signal that is named."""
    client: Course | None = None
    """What the users saw first of it."""
    evidence: Sequence[Course] = ()
    """Every other signal that left its range by then, in the order in which they did."""
    courses: Sequence[Course] = ()
    """Every signal of the service's side and of the generators that has a range and was measured."""

    def course(self, signal: str) -> Course | None:
        """How a signal went; None when it was not measured."""
        return next((course for course in self.courses if course.signal.id == signal), None)


def find_bottleneck(result: RunResult) -> Bottleneck:
    """What the signals of a run say together."""
    measured = {signal.id: signal for signal in result.signals.measured if signal.points}
    missed = _first_missed(measured, result)
    against = missed.signal if missed is not None else measured.get(CLIENT_P95)
    courses = [
        _course(signal, result, measured, missed, against)
        for signal in measured.values()
        if signal.area not in (Area.LOAD, Area.CLIENT)
    ]
    if all(course.area is Area.GENERATOR for course in courses):
        found = [course for course in courses if missed is not None and _explains(course, missed)]
        conclusion = Conclusion.GENERATOR if found else Conclusion.NOT_MEASURED
        return Bottleneck(
            conclusion,
            Area.GENERATOR if found else None,
            found[0] if found else None,
            missed,
            courses=courses,
        )
    if missed is None:
        return _without_a_miss(courses)
    explaining = sorted((course for course in courses if _explains(course, missed)), key=_when)
    cause = next(_causes(explaining, courses, missed), None)
    evidence = [course for course in explaining if course is not cause]
    if cause is None:
        return Bottleneck(Conclusion.UNEXPLAINED, None, None, missed, evidence, courses)
    conclusion = Conclusion.GENERATOR if cause.area is Area.GENERATOR else Conclusion.NAMED
    return Bottleneck(conclusion, cause.area, cause, missed, evidence, courses)


def out_of_range(signal: MeasuredSignal, value: float) -> bool:
    """Whether a value lies beyond the signal's limit."""
    if signal.limit is None:
        return False
    return value < signal.limit if signal.is_floor else value > signal.limit


def spans_out(signal: MeasuredSignal) -> list[Span]:
    """The stretches of at least LASTING points in a row that are out of range; a gap ends one."""
    pauses = sorted(later[0] - earlier[0] for earlier, later in pairwise(signal.points))
    usual = pauses[len(pauses) // 2] if pauses else 1.0
    spans: list[Span] = []
    run: list[float] = []
    for time, value in (*signal.points, (float("inf"), 0.0)):
        is_out = time != float("inf") and out_of_range(signal, value)
        if run and (not is_out or time - run[-1] > 2.5 * usual):
            if len(run) >= LASTING:
                spans.append((run[0], run[-1]))
            run = []
        if is_out:
            run.append(time)
    return spans


def rank_correlation(left: Points, right: Points) -> float | None:
    """Spearman's rank correlation of two signals at the moments that both have; None when that says nothing."""
    others = dict(right)
    pairs = [(value, others[time]) for time, value in left if time in others]
    if len(pairs) < LEAST_PAIRS:
        return None
    first, second = (_ranks([pair[side] for pair in pairs]) for side in (0, 1))
    middle = (len(pairs) + 1) / 2
    top = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    widths = [sum((rank - middle) ** 2 for rank in ranks) for ranks in (first, second)]
    return top / (widths[0] * widths[1]) ** 0.5 if widths[0] and widths[1] else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the middle of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end + 1 < len(order) and values[order[end + 1]] == values[order[begin]]:
            end += 1
        for position in range(begin, end + 1):
            ranks[order[position]] = (begin + end) / 2 + 1
        begin = end + 1
    return ranks


def _first_missed(measured: Mapping[str, MeasuredSignal], result: RunResult) -> Course | None:
    """The client's target that was missed first, for longer than a moment."""
    missed = [
        (spans[0][0], order, signal)
        for order, signal in enumerate(measured.values())
        if signal.area == Area.CLIENT and (spans := spans_out(signal))
    ]
    return _course(min(missed)[2], result, measured, None, None) if missed else None


def _course(
    signal: MeasuredSignal,
    result: RunResult,
    measured: Mapping[str, MeasuredSignal],
    missed: Course | None,
    against: MeasuredSignal | None,
) -> Course:
    values = [value for _, value in signal.points]
    spans = spans_out(signal)
    correlation = rank_correlation(signal.points, against.points) if against is not None else None
    worst = min(values) if signal.is_floor else max(values)
    if not spans:
        return Course(signal, median(values), worst, correlation=correlation)
    began = spans[0][0]
    return Course(
        signal,
        median(values),
        worst,
        spans,
        began - result.info.started,
        _phase(result, began),
        _at(measured.get(USERS), began),
        _at(measured.get(RATE), began),
        missed.out[0][0] - began if missed is not None else None,
        correlation,
    )


def _phase(result: RunResult, time: float) -> str:
    index = bisect_right([begin for begin, _ in result.signals.phases], time) - 1
    return result.signals.phases[index][1] if index >= 0 else ""


def _at(signal: MeasuredSignal | None, time: float) -> float | None:
    """The last value at or before a moment."""
    if signal is None:
        return None
    index = bisect_right([each for each, _ in signal.points], time) - 1
    return signal.points[index][1] if index >= 0 else None


def _within(spans: Sequence[Span]) -> Callable[[float], bool]:
    return lambda time: any(begin <= time <= end for begin, end in spans)


def _bad_time(missed: Course) -> Callable[[float], bool]:
    """Whether a moment belongs to the time that the target was missed in.

    A slow answer is counted when it arrives: what held it up did so from the time that it was asked for.
    """
    spans = []
    for begin, end in missed.out:
        longest = max(value for time, value in missed.signal.points if begin <= time <= end)
        spans.append((begin - longest if missed.signal.unit == "s" else begin, end))
    return _within(spans)


def _explains(course: Course, missed: Course) -> bool:
    """Whether the signal was out of its range before the target was missed, then too, and more often then."""
    if course.lead_seconds is None or course.lead_seconds < -TOLERANCE_SECONDS:
        return False
    if course.signal.id == SERVICE_CPU and course.worst > ONE_CORE:
        return False
    is_missed = _bad_time(missed)
    bad = [out_of_range(course.signal, value) for time, value in course.signal.points if is_missed(time)]
    good = [out_of_range(course.signal, value) for time, value in course.signal.points if not is_missed(time)]
    # A cause that is seen a little later than its effect may fill less than all of the bad time.
    if not bad or sum(bad) < min(LASTING, len(bad)):
        return False
    total = len(bad) + len(good)
    if min(len(bad), len(good)) < CONTRAST * total:
        return sum(bad) >= MORE_OFTEN * len(bad)
    return sum(bad) / len(bad) - sum(good) / len(good) >= MORE_OFTEN


def _when(course: Course) -> float:
    return course.left_after if course.left_after is not None else float("inf")


def _causes(explaining: Sequence[Course], courses: Sequence[Course], missed: Course) -> Iterator[Course]:
    """The signals that explain the miss, the deepest cause first: what the others wait for."""
    found = {course.signal.id: course for course in explaining}
    of = {area: [course for course in explaining if course.area is area] for area in Area}
    yield from of[Area.GENERATOR]
    yield from of[Area.LOCKS]
    # Errors first, then what the database says of itself: the service's view of it includes the service's own waits.
    yield from (course for course in of[Area.DATABASE] if course.signal.id == DB_ERRORS)
    yield from (course for course in of[Area.DATABASE] if course.signal.id != DB_P99)
    for signal in (SERVICE_CPU, NODE_CPU):
        if signal in found and _typical(found[signal], missed) >= SATURATED:
            yield found[signal]
    if DB_P99 in found and not (of[Area.POOL] and _waits_outside(courses, missed)):
        yield found[DB_P99]
    # That requests pile up in the service is the miss itself, seen from the other side: it is no cause.
    for area in (Area.POOL, Area.SERVICE_CPU, Area.MACHINE_CPU, Area.DISK, Area.MEMORY, Area.TARGET):
        yield from of[area]


def _waits_outside(courses: Sequence[Course], missed: Course) -> bool:
    """Whether PostgreSQL spent less than half of its operations' time: the rest was the wait for a connection."""
    known = {course.signal.id: course for course in courses}
    if PG_AVERAGE not in known or DB_AVERAGE not in known:
        return False
    return _typical(known[PG_AVERAGE], missed) < MOSTLY * _typical(known[DB_AVERAGE], missed)


def _typical(course: Course, missed: Course) -> float:
    """The signal's median while the target was missed."""
    is_missed = _bad_time(missed)
    return median([value for time, value in course.signal.points if is_missed(time)] or [course.median])


def _without_a_miss(courses: Sequence[Course]) -> Bottleneck:
    """No target was missed: what left its range first would be the next to give way."""
    left = sorted(
        (course for course in courses if course.out and course.signal.id != IN_PROGRESS),
        key=_when,
    )
    if not left:
        return Bottleneck(Conclusion.HEALTHY, courses=courses)
    return Bottleneck(Conclusion.NEXT, left[0].area, left[0], evidence=left[1:], courses=courses)
