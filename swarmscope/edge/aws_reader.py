"""Asks Prometheus what AWS told about an ended run, for its report. I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping

from swarmscope.aws.families import API_CALLS, COLD_START_RATIO, COST, INIT_DURATION
from swarmscope.aws.run_figures import AwsFigures, AwsSeries, ColdStartCounts
from swarmscope.aws.settled import MARGIN, MINUTE
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.names import Job
from swarmscope.run_result import RunInfo
from swarmscope.targets.match import quote

_JOB = f'job="{Job.CLOUDWATCH}"'
_NOT_MINUTES = f"aws_exporter_.*|{INIT_DURATION.name}.*|{COLD_START_RATIO.name}|up|scrape_.*"
_OF_SCRAPES = ("__name__", "stat", "job", "instance")


def read_aws(api: PrometheusApi, info: RunInfo, waited_seconds: float) -> AwsFigures:
    """What is known now; raises PrometheusUnavailable."""
    calls = _since(api, f"sum by (operation) ({API_CALLS.name}{{{_JOB}}})", info.started)
    failed = _since(api, f'sum by (operation) ({API_CALLS.name}{{{_JOB},result!="success"}})', info.started)
    cost = _since(api, f"sum({COST.name}{{{_JOB}}})", info.started)
    return AwsFigures(
        waited_seconds=waited_seconds,
        series=_series(api, info),
        cold_starts=_cold_starts(api, info.run),
        calls={name: round(value) for name, value in calls.items() if round(value)},
        failed_calls={name: round(value) for name, value in failed.items() if round(value)},
        cost_dollars=cost.get("", None),
    )


def _series(api: PrometheusApi, info: RunInfo) -> tuple[AwsSeries, ...]:
    """The points of every minute that the run touched, each with the timestamp that CloudWatch gave it."""
    begin = math.floor(info.started / MINUTE) * MINUTE - MARGIN
    end = math.ceil(info.stopped / MINUTE) * MINUTE - MARGIN
    answer = api.query(f'{{{_JOB},__name__!~"{_NOT_MINUTES}"}}[{end - begin}s]', end)
    found = [
        AwsSeries(
            each["metric"]["__name__"],
            {name: value for name, value in each["metric"].items() if name not in _OF_SCRAPES},
            each["metric"].get("stat", ""),
            tuple((float(at), float(value)) for at, value in each["values"] if math.isfinite(float(value))),
        )
        for each in answer
    ]
    return tuple(sorted(found, key=lambda each: (each.name, sorted(each.labels.items()), each.stat)))


def _cold_starts(api: PrometheusApi, run: str) -> tuple[ColdStartCounts, ...]:
    series = f"{INIT_DURATION.name}_bucket{{run={quote(run)}}}"
    by_function: dict[str, list[tuple[float, int]]] = {}
    for each in api.query(f"sum by (function, le) ({series})"):
        bucket = (float(each["metric"]["le"]), round(float(each["value"][1])))
        by_function.setdefault(each["metric"].get("function", ""), []).append(bucket)
    return tuple(ColdStartCounts(name, tuple(sorted(found))) for name, found in sorted(by_function.items()))


def _since(api: PrometheusApi, query: str, started: float) -> Mapping[str, float]:
    """How much counters rose since the run began; an exporter that was started since then counts from zero."""

    def values(at: float | None) -> dict[str, float]:
        return {each["metric"].get("operation", ""): float(each["value"][1]) for each in api.query(query, at)}

    before = values(started)
    return {name: max(0.0, value - before.get(name, 0.0)) for name, value in values(None).items()}
