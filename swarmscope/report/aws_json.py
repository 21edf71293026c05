"""What AWS told of a run, to and from its part of result.json. No I/O."""

from __future__ import annotations

from swarmscope.aws.run_figures import AwsFigures, AwsSeries, ColdStartCounts
from swarmscope.report import aws_schema as form


def aws_part(figures: AwsFigures | None) -> form.AwsPart | None:
    """The part of the file."""
    if figures is None:
        return None
    return form.AwsPart(
        waited_seconds=figures.waited_seconds,
        series=tuple(
            form.AwsSeriesPart(
                name=each.name, labels=dict(each.labels), stat=each.stat, points=tuple(each.points)
            )
            for each in figures.series
        ),
        cold_starts=tuple(
            form.ColdStartPart(function=each.function, buckets=tuple(each.buckets))
            for each in figures.cold_starts
        ),
        calls=dict(figures.calls),
        failed_calls=dict(figures.failed_calls),
        cost_dollars=figures.cost_dollars,
    )


def read_aws_part(part: form.AwsPart | None) -> AwsFigures | None:
    """The figures of a file."""
    if part is None:
        return None
    return AwsFigures(
        part.waited_seconds,
        tuple(AwsSeries(each.name, each.labels, each.stat, each.points) for each in part.series),
        tuple(ColdStartCounts(each.function, each.buckets) for each in part.cold_starts),
        part.calls,
        part.failed_calls,
        part.cost_dollars,
    )
