"""The report's section on AWS: what was judged there, its minutes, cold starts, and what reading it cost. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime

from swarmscope.aws.run_figures import AwsFigures, AwsSeries, ColdStartCounts
from swarmscope.quantities import UNKNOWN, count, duration, measured, plain
from swarmscope.report.blocks import Block, Column, Look, Paragraph, Table, table
from swarmscope.run_result import RunResult
from swarmscope.targets import Moment

TITLE = "AWS"
MOST_ROWS = 60
MOST_MINUTES = 5
"""Minutes that are listed one by one; of more, the worst is named."""
SHOWN = ("", "Sum", "Maximum", "p95")
"""Statistics that the tables show; result.json has all."""
_TARGETS = (
    Column("Target on AWS"),
    Column("Limit", Look.NUMBER),
    Column("Actual", Look.NUMBER),
    Column("Status", Look.STATUS),
    Column("Why"),
)
_COLD_STARTS = (
    Column("Function", Look.CODE),
    Column("Cold starts", Look.NUMBER),
    Column("p95 at most", Look.NUMBER),
)
_MINUTES = (
    Column("Metric", Look.CODE),
    Column("Of"),
    Column("Statistic"),
    Column("In the minutes of the run"),
)


def aws_blocks(result: RunResult) -> list[Block]:
    """The blocks of the section; none where the environment reads nothing from AWS."""
    figures = result.aws
    if figures is None:
        return []
    blocks: list[Block] = [Paragraph(_reading(figures))]
    rows = [
        [
            each.target.subject,
            f"{'≥' if each.target.kind.is_floor else '≤'} {each.target.written}",
            measured(each.target, each.value),
            each.status,
            each.reason,
        ]
        for each in result.judgements
        if each.target.at is Moment.SETTLED
    ]
    if rows:
        blocks.append(Table(_TARGETS, rows))
    if figures.cold_starts:
        blocks.append(Table(_COLD_STARTS, [_cold_row(each) for each in figures.cold_starts]))
    known = [series for series in figures.series if series.stat in SHOWN and series.points]
    shown = [series for series in known if not _is_nothing(series)]
    if shown:
        blocks.append(table(_MINUTES, [_row(series) for series in shown], MOST_ROWS))
    # A metric of which one function, table or operation has something stands in the table.
    busy = {series.name for series in shown}
    nothing = dict.fromkeys(series.name for series in known if series.name not in busy)
    if nothing:
        blocks.append(Paragraph(f"0 in every minute: {', '.join(nothing)}."))
    if not known:
        blocks.append(Paragraph("CloudWatch had told no minute of the run when the report was written."))
    return blocks


def _is_nothing(series: AwsSeries) -> bool:
    return series.adds_up and not any(value for _, value in series.points)


def _reading(figures: AwsFigures) -> str:
    waited = f"The verdict waited {plain(figures.waited_seconds, 2)} s for AWS."
    if not figures.calls:
        return f"{waited} No call of the CloudWatch exporter was seen."
    calls = ", ".join(
        f"{name} {count(number)}" + (f" ({count(failed)} failed)" if failed else "")
        for name, number in sorted(figures.calls.items())
        for failed in (figures.failed_calls.get(name, 0),)
    )
    cost = "" if figures.cost_dollars is None else f", some ${figures.cost_dollars:.4f} by AWS' list prices"
    return f"{waited} Calls since the run began: {calls}{cost}."


def _cold_row(cold: ColdStartCounts) -> list[str]:
    at_most = cold.p95_at_most
    return [cold.function, count(cold.count), UNKNOWN if at_most is None else duration(at_most)]


def _row(series: AwsSeries) -> list[str]:
    return [series.name, ", ".join(series.labels.values()), series.stat or UNKNOWN, _minutes(series)]


def _minutes(series: AwsSeries) -> str:
    """Sums are added; of everything else each minute stands for itself, or the worst of many."""
    values = [value for _, value in series.points]
    of = f"{len(values)} minute{'' if len(values) == 1 else 's'}"
    if series.adds_up:
        return f"{plain(sum(values))} in {of}"
    if len(values) <= MOST_MINUTES:
        return ", ".join(f"{_value(series, value)} ({_clock(at)})" for at, value in series.points)
    at, worst = max(series.points, key=lambda point: point[1])
    return f"worst {_value(series, worst)} ({_clock(at)}) of {of}"


def _value(series: AwsSeries, value: float) -> str:
    return duration(value) if series.is_duration else plain(value)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M}"
