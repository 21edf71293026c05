"""GetMetricStatistics and ListMetrics on the metric store. No I/O."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from reference.aws.errors import (
    AwsError,
    invalid_combination,
    invalid_value,
    missing,
    not_supported,
)
from reference.aws.metric_limits import dimensions_of
from reference.aws.metric_queries import SIMPLE, check_period, span_of, statistic_of
from reference.aws.metric_store import MetricKey, MetricStore

MOST_STATISTICS_POINTS = 1440
MOST_LISTED = 500
RECENT_SECONDS = 3 * 3600
FORGOTTEN_SECONDS = 14 * 24 * 3600
"""After which a metric without datapoints is not listed any more."""


def metric_statistics(store: MetricStore, parameters: Mapping[str, Any], now: float) -> dict[str, Any]:
    """GetMetricStatistics; raises AwsError."""
    statistics = parameters.get("Statistics", [])
    extended = parameters.get("ExtendedStatistics", [])
    if not statistics and not extended:
        raise missing("One of the parameters Statistics and ExtendedStatistics is required.")
    names = [statistic_of(name, "ExtendedStatistics") for name in extended]
    if any(name in SIMPLE for name in names):
        raise invalid_value("The parameter ExtendedStatistics takes percentiles only.")
    start, end, period = parameters["StartTime"], parameters["EndTime"], parameters["Period"]
    check_period(period, parameters["Namespace"], "Period")
    if start >= end:
        raise invalid_combination("The parameter StartTime must be less than the parameter EndTime.")
    if (end - start) / period > MOST_STATISTICS_POINTS:
        raise invalid_combination(
            f"You have requested up to {int((end - start) / period):,} datapoints, which exceeds the limit of "
            f"{MOST_STATISTICS_POINTS:,}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range."
        )
    key = MetricKey.of(parameters["Namespace"], parameters["MetricName"], dimensions_of(parameters, ""))
    first, last = span_of(start, end, period, now)
    datapoints: list[dict[str, Any]] = []
    for unit in [parameters["Unit"]] if "Unit" in parameters else store.units(key):
        for moment, stored in store.bins(key, unit, first, last, period).items():
            point: dict[str, Any] = {name: stored.statistic(name) for name in statistics}
            percentiles = {name: stored.statistic(name) for name in names}
            found = {name: value for name, value in percentiles.items() if value is not None}
            if not point and not found:
                continue
            if found:
                point["ExtendedStatistics"] = found
            datapoints.append({"Timestamp": moment, "Unit": unit, **point})
    return {"Label": parameters["MetricName"], "Datapoints": datapoints}


def list_metrics(store: MetricStore, parameters: Mapping[str, Any], now: float, page: int) -> dict[str, Any]:
    """A page of ListMetrics; raises AwsError."""
    for name in ("IncludeLinkedAccounts", "OwningAccount"):
        if parameters.get(name):
            raise not_supported(f"{name} in ListMetrics")
    recent = parameters.get("RecentlyActive", "")
    wanted = parameters.get("Dimensions", [])
    newest_before = now - (RECENT_SECONDS if recent else FORGOTTEN_SECONDS)
    found = [
        key
        for key, newest in store.listed()
        if newest >= newest_before
        and parameters.get("Namespace", key.namespace) == key.namespace
        and parameters.get("MetricName", key.name) == key.name
        and all(_has(key, dimension) for dimension in wanted)
    ]
    offset = _offset(parameters.get("NextToken", ""), len(found))
    listed = [
        {
            "Namespace": key.namespace,
            "MetricName": key.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(key.dimensions)],
        }
        for key in found[offset : offset + page]
    ]
    following = offset + page
    return {"Metrics": listed} | (
        {"NextToken": base64.b64encode(f"at {following}".encode()).decode()} if following < len(found) else {}
    )


def _has(key: MetricKey, dimension: Mapping[str, str]) -> bool:
    if "Value" in dimension:
        return (dimension["Name"], dimension["Value"]) in key.dimensions
    return any(name == dimension["Name"] for name, _ in key.dimensions)


def _offset(token: str, most: int) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.b64decode(token, validate=True).decode().partition(" ")
        offset = int(number)
    except ValueError:
        word, offset = "", -1
    if word != "at" or not 0 <= offset <= most:
        raise AwsError("InvalidParameterValue", "The value for parameter NextToken is invalid.")
    return offset
