"""The report's section on the service's side: where the time went, what left its range and when, what to do. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from swarmscope.bottleneck import Bottleneck, Conclusion, Course, find_bottleneck
from swarmscope.quantities import UNKNOWN, count, duration, plain, ratio, span
from swarmscope.report.blocks import Block, Bullets, Column, Look, Paragraph, Table, table
from swarmscope.report.recommendations import (
    client_seconds,
    in_words,
    range_in_words,
    recommendations,
    value_in_words,
)
from swarmscope.run_result import RunResult
from swarmscope.signals import Area

TITLE = "Where the time went: the service's side"
MOST_SIGNALS = 30
_COLUMNS = (
    Column("Signal"),
    Column("Range", Look.NUMBER),
    Column("Median", Look.NUMBER),
    Column("Worst", Look.NUMBER),
    Column("Left its range", Look.NUMBER),
    Column("Users then", Look.NUMBER),
    Column("Rate then", Look.NUMBER),
    Column("Moves with the response time", Look.NUMBER),
)


def server_side_blocks(result: RunResult) -> list[Block]:
    """The blocks of the section; one line when nothing was measured."""
    found = find_bottleneck(result)
    blocks: list[Block] = [Paragraph(in_words(result, found))]
    advice = recommendations(result, found)
    if advice:
        blocks.append(Bullets(advice))
    if found.conclusion is Conclusion.NOT_MEASURED:
        return blocks
    split = _time_split(result)
    if split:
        blocks.append(Paragraph(split))
    rows = [_row(course) for course in sorted(found.courses, key=_order(found))]
    blocks.append(table(_COLUMNS, rows, MOST_SIGNALS))
    statements = _statements(result)
    if statements is not None:
        blocks.append(statements)
    absent = [
        signal.title
        for signal in result.signals.measured
        if not signal.points and signal.area not in (Area.CLIENT, Area.LOAD)
    ]
    if absent:
        blocks.append(Paragraph(f"Not measured: {'; '.join(absent)}."))
    return blocks


def _time_split(result: RunResult) -> str:
    """The average request's time in parts that add up; averages may be subtracted, percentiles may not."""
    client, service, database = (
        client_seconds(result),
        result.signals.service_seconds,
        result.signals.database_seconds,
    )
    if client is None or service is None or not client:
        return ""
    # The service's average is of the requests that it finished in the window: nearly the users', not exactly.
    service = min(service, client)
    outside = client - service
    parts = [f"{duration(outside)} ({ratio(outside / client)}) outside the service"]
    inside = service
    if database is not None:
        # Operations that run side by side add up to more than the time that they took.
        within = min(database, service)
        inside = service - within
        parts.insert(0, f"{duration(within)} ({ratio(within / client)}) in database operations")
    parts.insert(-1, f"{duration(inside)} ({ratio(inside / client)}) elsewhere in the service")
    return f"Of the {duration(client)} of an average request: {', '.join(parts)}."


def _order(found: Bottleneck) -> Callable[[Course], tuple[bool, bool, float, str]]:
    """The cause first, then what left its range, in that order."""

    def key(course: Course) -> tuple[bool, bool, float, str]:
        left = course.left_after
        is_cause = found.cause is not None and course.signal.id == found.cause.signal.id
        return (not is_cause, left is None, left or 0.0, course.signal.title)

    return key


def _row(course: Course) -> list[str]:
    signal = course.signal
    return [
        signal.title,
        range_in_words(signal) or UNKNOWN,
        value_in_words(signal, course.median),
        value_in_words(signal, course.worst),
        _left(course),
        UNKNOWN if course.users is None else count(round(course.users)),
        UNKNOWN if course.rate is None else f"{plain(course.rate)}/s",
        UNKNOWN if course.correlation is None else plain(course.correlation, 2),
    ]


def _left(course: Course) -> str:
    if course.left_after is None:
        return "never" if course.signal.limit is not None else UNKNOWN
    phase = f" ({course.phase.replace('_', ' ')})" if course.phase else ""
    return f"after {span(course.left_after)}{phase}"


def _statements(result: RunResult) -> Table | None:
    rows = [
        [
            each.text,
            plain(each.calls),
            duration(each.seconds),
            duration(each.seconds / each.calls) if each.calls else UNKNOWN,
        ]
        for each in result.signals.statements
    ]
    columns = (
        Column("Statement, by time in PostgreSQL", Look.CODE),
        Column("Calls", Look.NUMBER),
        Column("Time", Look.NUMBER),
        Column("Each", Look.NUMBER),
    )
    return Table(columns, rows) if rows else None
