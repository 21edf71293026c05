"""The form of the part of result.json about AWS. No I/O."""

from __future__ import annotations

from pydantic import Field

from swarmscope.report.schema_part import Number, Part, Text


class AwsSeriesPart(Part):
    """One series of CloudWatch, by minutes."""

    name: Text
    labels: dict[Text, Text]
    stat: Text = ""
    points: tuple[tuple[float, Number], ...] = Field(description="(start of the minute, value)")


class ColdStartPart(Part):
    """The cold starts of one function."""

    function: Text
    buckets: tuple[tuple[Number, int], ...] = Field(description="(bound, cold starts at or under it)")


class AwsPart(Part):
    """What AWS told of the run."""

    waited_seconds: float = Field(0.0, description="that the verdict waited for it")
    series: tuple[AwsSeriesPart, ...] = ()
    cold_starts: tuple[ColdStartPart, ...] = ()
    calls: dict[Text, int] = Field(default_factory=dict)
    failed_calls: dict[Text, int] = Field(default_factory=dict)
    cost_dollars: float | None = Field(None, description="of the calls, estimated")
