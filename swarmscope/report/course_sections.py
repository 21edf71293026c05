"""What the reports say of a run's course: breaking point, phases, recovery after peaks, drift. No I/O."""

from __future__ import annotations

import math
from statistics import fmean

from swarmscope.climb import ClimbResult, End, Level, LevelStatus
from swarmscope.course import PhaseSummary
from swarmscope.quantities import UNKNOWN, count, duration, measured, rate, ratio, span
from swarmscope.recovery import Recovery
from swarmscope.report.blocks import Block, Bullets, Column, Look, Paragraph, table
from swarmscope.run_result import RunResult
from swarmscope.signals import SERVICE_MEMORY
from swarmscope.verdict import Status

MOST_ROWS = 200
_MEASURED = (
    Column("Rate", Look.NUMBER),
    Column("p50", Look.NUMBER),
    Column("p95", Look.NUMBER),
    Column("p99", Look.NUMBER),
    Column("Failed", Look.NUMBER),
)
_STATUS = {
    LevelStatus.HELD: Status.PASS,
    LevelStatus.BROKE: Status.FAIL,
    LevelStatus.INVALID: "INVALID",
    LevelStatus.NO_DATA: Status.NO_DATA,
}


def breaking_point(result: RunResult) -> list[str]:
    """What a climb has found, most important first."""
    climb = result.climb
    if climb is None:
        return []
    return [
        _held(climb),
        _broke(climb, result.info.started),
        *_what_broke(climb),
        *_saturated(climb),
        *(
            f"At {count(level.users)} users {_missed(level)} was missed once, after "
            f"{span(level.ended - result.info.started)}, and held again when the same load went on."
            for level in climb.passing
        ),
        *(
            f"After the breach it took {duration(seconds)} under half of the load that held until every target held "
            "again."
            for seconds in climb.recovered_seconds
            if seconds is not None
        ),
    ]


def climb_blocks(result: RunResult) -> list[Block]:
    """The breaking point and the table of levels."""
    if result.climb is None:
        return []
    columns = (
        Column("Users", Look.NUMBER),
        Column("Result", Look.STATUS),
        Column("Part"),
        Column("After", Look.NUMBER),
        *_MEASURED,
        Column("Missed, or why it is not trusted"),
    )
    levels = sorted(result.climb.levels, key=lambda level: (level.users, level.began))
    rows = [
        [
            count(level.users),
            _STATUS[level.status],
            level.part,
            span(level.began - result.info.started),
            rate(level.rate),
            *_latencies(level),
            "; ".join([*(each.target.in_words for each in level.broken), *level.reasons]),
        ]
        for level in levels
    ]
    return [Bullets(breaking_point(result)), *([table(columns, rows, MOST_ROWS)] if rows else [])]


def phase_blocks(result: RunResult) -> list[Block]:
    """Each phase with what was measured in it."""
    columns = (
        Column("Phase", Look.CODE),
        Column("After", Look.NUMBER),
        Column("Lasted", Look.NUMBER),
        Column("Users", Look.NUMBER),
        Column("Requests", Look.NUMBER),
        *_MEASURED,
    )
    rows = [
        [
            phase.name,
            span(max(0.0, phase.began - result.info.started)),
            span(phase.seconds),
            count(phase.users),
            count(phase.finished),
            UNKNOWN if phase.rate is None else rate(phase.rate),
            *_latencies(phase),
        ]
        for phase in result.phases
    ]
    return [table(columns, rows, MOST_ROWS)] if rows else []


def recovery_words(recovery: Recovery) -> str:
    """`recovered 7 s after spike`."""
    looked = span(recovery.until - recovery.ended)
    if recovery.seconds is None:
        return f"NO DATA: nothing was measured in the {looked} after {recovery.phase}"
    last = f" (last missed: {', '.join(recovery.last_missed)})" if recovery.last_missed else ""
    if math.isinf(recovery.seconds):
        return f"had not recovered {looked} after {recovery.phase}, when it was no longer looked at{last}"
    if recovery.seconds > 0:
        return f"recovered {duration(recovery.seconds, 2)} after {recovery.phase}{last}"
    if recovery.missed_in_peak:
        return f"0 s: the targets that {recovery.phase} missed held again as soon as it was over"
    return f"0 s: never left its targets, neither in {recovery.phase} nor after it"


def recovery_blocks(result: RunResult) -> list[Block]:
    """How long the service needed after each peak."""
    return (
        [Bullets([recovery_words(recovery) for recovery in result.recoveries])] if result.recoveries else []
    )


def drift_blocks(result: RunResult) -> list[Block]:
    """First against last quarter of a long steady phase."""
    drift = result.drift
    if drift is None:
        return []
    first, last = drift.first, drift.last
    said = [
        _change("p50", first.p50, last.p50),
        _change("p95", first.p95, last.p95),
        _change("p99", first.p99, last.p99),
    ]
    if first.error_ratio is not None and last.error_ratio is not None:
        said.append(f"failed {ratio(first.error_ratio)} → {ratio(last.error_ratio)}")
    if drift.memory_first and drift.memory_last:
        said.append(_memory("the load generators", drift.memory_first, drift.memory_last))
    said.append(_service_memory(result, first, last))
    text = "; ".join(part for part in said if part)
    return [
        Paragraph(
            f"All requests together, first {span(first.seconds)} of the steady phase against its last "
            f"{span(last.seconds)}: {text}."
        )
    ]


def _held(climb: ClimbResult) -> str:
    held = climb.held
    if held is None:
        return "Highest load that held: NO DATA, not one level held."
    latency = "" if held.p95 is None else f", p95 {duration(held.p95)}"
    return f"Highest load that held: {count(held.users)} users, {rate(held.rate)}{latency}."


def _broke(climb: ClimbResult, started: float) -> str:
    lowest = climb.lowest_broken
    if lowest is not None:
        where = f"{count(lowest.users)} users, {rate(lowest.rate)}"
        held = climb.held
        between = (
            f"between {count(held.users)} and {count(lowest.users)} users"
            if held is not None and held.users < lowest.users
            else f"below {count(lowest.users)} users"
        )
        more = f"; {climb.reason}" if climb.reason else ""
        return f"Lowest load that broke it: {where}. The breaking point lies {between}{more}."
    held_up_to = "nothing held" if climb.held is None else f"held up to {count(climb.held.users)} users"
    why = {
        End.LIMIT: "the climb went no further: the breaking point lies above",
        End.GENERATOR: f"then the load generators were at their own limit ({climb.reason}), not the service",
    }.get(climb.end, climb.reason or "no breach was confirmed")
    return f"Breaking point: NO DATA; {held_up_to}, and {why}."


def _what_broke(climb: ClimbResult) -> list[str]:
    level = climb.first_broken
    if level is None:
        return []
    return [
        f"{'Broke first' if number == 0 else 'Broke with it'}: {each.target.in_words}, measured "
        f"{measured(each.target, each.value)} at {count(level.users)} users and {rate(level.rate)}."
        for number, each in enumerate(level.broken)
    ]


def _saturated(climb: ClimbResult) -> list[str]:
    level = climb.saturated
    if level is None:
        return []
    return [
        f"From {count(level.users)} users on, more users no longer brought as many more requests "
        f"({rate(level.rate)}): each waits for its answers instead of sending."
    ]


def _missed(level: Level) -> str:
    return " and ".join(each.target.in_words for each in level.broken)


def _latencies(part: Level | PhaseSummary) -> list[str]:
    shown = [UNKNOWN if value is None else duration(value) for value in (part.p50, part.p95, part.p99)]
    return [*shown, UNKNOWN if part.error_ratio is None else ratio(part.error_ratio)]


def _change(name: str, first: float | None, last: float | None) -> str:
    if first is None or last is None or math.isinf(first) or math.isinf(last) or not first:
        return ""
    return f"{name} {duration(first)} → {duration(last)} ({(last - first) / first:+.0%})"


def _service_memory(result: RunResult, first: PhaseSummary, last: PhaseSummary) -> str:
    points = [
        point for signal in result.signals.measured if signal.id == SERVICE_MEMORY for point in signal.points
    ]
    early = [value for at, value in points if first.began <= at <= first.ended]
    late = [value for at, value in points if last.began <= at <= last.ended]
    return _memory("the service", fmean(early), fmean(late)) if early and late and fmean(early) else ""


def _memory(whose: str, first: float, last: float) -> str:
    return f"memory of {whose} {first / 1e6:.0f} MB → {last / 1e6:.0f} MB ({(last - first) / first:+.0%})"
