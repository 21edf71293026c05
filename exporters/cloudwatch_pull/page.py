"""The page's text: gauges with CloudWatch's timestamps, cold starts, and the exporter's own series. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from exporters.cloudwatch_pull.own_metrics import OwnMetrics
from exporters.page_templates import go_number, header, labels_text, line
from swarmscope.aws.cold_starts import InitCounts
from swarmscope.aws.families import COLD_LABELS, COLD_START_RATIO, DATA_AGE, INIT_DURATION
from swarmscope.aws.queries import Query, Series, page_metrics
from swarmscope.aws.runs import RunSpan
from swarmscope.aws.timeline import Point
from swarmscope.names import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def gauge_text(queries: Sequence[Query], shown: Mapping[Series, Point], *, timestamps: bool) -> str:
    """Every family with its help and type, and the series that have a value."""
    lines: dict[str, list[str]] = {}
    for query in queries:
        point = shown.get(query.series)
        if point is None:
            continue
        labels = labels_text(*_split(query.series.labels))
        # Milliseconds; the start of the period, as CloudWatch has it.
        behind = f" {point.start * 1000}" if timestamps else ""
        name = query.series.name
        sample = f"{name}{{{labels}}}" if labels else name
        lines.setdefault(name, []).append(f"{sample} {go_number(point.value)}{behind}\n")
    return "".join(
        header(metric) + "".join(lines.get(metric.name, ())) for metric in page_metrics(tuple(queries))
    )


def cold_start_text(
    bounds: Sequence[Decimal],
    counts: Mapping[RunSpan, Mapping[str, InitCounts]],
    ratios: Mapping[tuple[RunSpan, str], float],
) -> str:
    """The histogram of each run and function, and its share of the invocations."""
    parts = [header(INIT_DURATION)]
    les = [*(go_number(bound) for bound in bounds), "+Inf"]
    for run, functions in counts.items():
        for function, cold in functions.items():
            labels = labels_text(COLD_LABELS, (run.run, run.system, function))
            name = INIT_DURATION.name
            parts += [
                f'{name}_bucket{{{labels},le="{le}"}} {count}\n'
                for le, count in zip(les, accumulate(cold.buckets), strict=True)
            ]
            parts.append(f"{name}_sum{{{labels}}} {go_number(cold.seconds)}\n")
            parts.append(f"{name}_count{{{labels}}} {cold.count}\n")
    parts.append(header(COLD_START_RATIO))
    for (run, function), ratio in ratios.items():
        parts.append(line(COLD_START_RATIO, labels_text(COLD_LABELS, (run.run, run.system, function)), ratio))
    return "".join(parts)


def own_text(own: OwnMetrics, data_ages: Mapping[str, float]) -> str:
    """What the exporter tells of itself, at this moment."""
    return "".join(_own_parts(own, data_ages))


def _own_parts(own: OwnMetrics, data_ages: Mapping[str, float]) -> Iterator[str]:
    for metric, values in own.samples():
        ages: dict[tuple[str, ...], float] = {(name,): age for name, age in data_ages.items()}
        yield _family(metric, ages if metric is DATA_AGE else values)


def _family(metric: Metric, samples: Mapping[tuple[str, ...], float]) -> str:
    return header(metric) + "".join(
        line(metric, labels_text(metric.labels, values), value) for values, value in sorted(samples.items())
    )


def _split(labels: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(name for name, _ in labels), tuple(value for _, value in labels)
