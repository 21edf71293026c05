"""Turns settings and resources into what is asked of CloudWatch, each query with the series that it becomes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from swarmscope.aws.families import FAMILIES, Family, ListedMetric, Service
from swarmscope.aws.resources import Resources
from swarmscope.aws.settings import AwsSettings
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.names import Metric

PERIOD = 60
"""Seconds of the built-in families' periods: AWS' own metrics have no shorter ones."""
TABLE_OPERATIONS = (
    "GetItem",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "BatchWriteItem",
)
"""Asked for every table. ListMetrics would know which of them happen, but only a quarter of an hour later."""
_COUNT = "SampleCount"
"""A number of datapoints, whatever their unit: the one statistic that is not scaled."""


class Series(NamedTuple):
    """One time series of the page."""

    name: str
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """One statistic of one metric with exactly these dimensions, and the series that it becomes."""

    series: Series
    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    """By name, so that the order in which they were written makes no other query."""
    statistic: str
    period: int = PERIOD
    scale: float = 1.0
    nil_is_zero: bool = False
    help: str = field(default="", compare=False)


def wanted_queries(settings: AwsSettings, resources: Resources) -> tuple[Query, ...]:
    """Every query, in the order of the page; raises ConfigurationError where two become the same series."""
    queries = (
        *(query for family in FAMILIES for query in _family_queries(family, resources)),
        *(query for listed in settings.metrics for query in _listed_queries(listed)),
    )
    problems = [*_clashing_names(settings.metrics), *_same_series(queries)]
    if problems:
        raise ConfigurationError(problems)
    return queries


def page_metrics(queries: tuple[Query, ...]) -> tuple[Metric, ...]:
    """The metric families that these queries become, in their order."""
    built_in = {family.name: family.help for family in FAMILIES}
    helps: dict[str, str] = {}
    for query in queries:
        helps.setdefault(query.series.name, built_in.get(query.series.name, query.help))
    return tuple(Metric(name, "gauge", text, ()) for name, text in helps.items())


@dataclass(frozen=True, slots=True)
class _Measure:
    """A metric with dimensions, of which several statistics may be wanted."""

    name: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    labels: tuple[tuple[str, str], ...]
    statistics: tuple[str, ...]
    period: int
    scale: float
    nil_is_zero: bool
    help: str

    def queries(self) -> Iterator[Query]:
        for statistic in self.statistics:
            stat = (("stat", statistic),) if len(self.statistics) > 1 else ()
            yield Query(
                Series(self.name, (*self.labels, *stat)),
                self.namespace,
                self.metric,
                tuple(sorted(self.dimensions.items())),
                statistic,
                self.period,
                1.0 if statistic == _COUNT else self.scale,
                self.nil_is_zero,
                self.help,
            )


def _family_queries(family: Family, resources: Resources) -> Iterator[Query]:
    for values in _values(family, resources):
        yield from _Measure(
            family.name,
            family.namespace,
            family.metric,
            dict(zip(family.dimensions, values, strict=True)),
            tuple(zip(family.dimensions.values(), values, strict=True)),
            family.statistics,
            PERIOD,
            family.scale,
            family.nil_is_zero,
            family.help,
        ).queries()


def _values(family: Family, resources: Resources) -> Iterator[tuple[str, ...]]:
    """The values of a family's dimensions, in their order, for every resource."""
    match family.service:
        case Service.LAMBDA:
            yield from ((name,) for name in resources.functions)
        case Service.API_GATEWAY:
            yield from ((api.name, api.stage) for api in resources.apis)
        case Service.DYNAMODB:
            operations = (TABLE_OPERATIONS,) if len(family.dimensions) > 1 else ()
            yield from product(resources.tables, *operations)


def _listed_queries(listed: ListedMetric) -> Iterator[Query]:
    return _Measure(
        listed.name,
        listed.namespace,
        listed.metric,
        listed.dimensions,
        tuple((dimension_label(name), value) for name, value in sorted(listed.dimensions.items())),
        listed.statistics,
        listed.period,
        listed.scale,
        listed.nil_is_zero,
        listed.help or f"{listed.metric} of {listed.namespace}, as listed in the environment.",
    ).queries()


def dimension_label(name: str) -> str:
    """A dimension's name as a label: `QueueName` becomes `queue_name`, `stat` and `run` stay ours."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    label = re.sub(r"[^a-z0-9_]+", "_", spaced.lower()).strip("_") or "dimension"
    return (
        f"dimension_{label}" if label in ("stat", "run", "job", "instance") or label[0].isdigit() else label
    )


def _clashing_names(listed: tuple[ListedMetric, ...]) -> Iterator[Problem]:
    built_in = {family.name for family in FAMILIES}
    for index, metric in enumerate(listed):
        if metric.name in built_in or metric.name.startswith(("aws_exporter_", "aws_lambda_init_")):
            yield Problem(
                "aws", f"metrics[{index}].name", f'"{metric.name}" is a name of the exporter\'s own'
            )


def _same_series(queries: tuple[Query, ...]) -> Iterator[Problem]:
    first: dict[Series, Query] = {}
    for query in queries:
        other = first.setdefault(query.series, query)
        if other is not query:
            labels = ", ".join(f"{name}={value}" for name, value in query.series.labels)
            yield Problem(
                "aws",
                "metrics",
                f"{query.series.name} {{{labels}}} would be two series in one: {other.namespace} {other.metric}"
                f" and {query.namespace} {query.metric}",
                "give one of them another name",
            )
