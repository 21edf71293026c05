"""What PutMetricData accepts: turns its parameters into data to store, or raises AWS' error. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reference.aws.errors import AwsError, invalid_combination, invalid_value, missing, not_supported
from reference.aws.metric_store import MINUTE, Datum, MetricKey

MOST_METRICS = 1000
MOST_VALUES = 150
MOST_BYTES = 1_000_000
"""Of a call. AWS says 1 MB and not whether before or after gzip: here before, so that no reading of it is broken."""
OLDEST_SECONDS = 14 * 24 * 3600
NEWEST_SECONDS = 2 * 3600
LARGEST = 2.0**360


def data_of(parameters: Mapping[str, Any], now: float, body_bytes: int) -> list[Datum]:
    """The data of a call; raises AwsError for the first thing that AWS would not accept."""
    if body_bytes > MOST_BYTES:
        raise AwsError("RequestEntityTooLarge", f"The request is larger than {MOST_BYTES} bytes.", 413)
    if "EntityMetricData" in parameters:
        raise not_supported("EntityMetricData")
    namespace = parameters["Namespace"]
    if namespace.startswith("AWS/"):
        raise invalid_value("The value AWS/ for parameter Namespace is invalid.")
    data = parameters.get("MetricData")
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > MOST_METRICS:
        raise invalid_value(f"The collection MetricData must not have a size greater than {MOST_METRICS}.")
    return [
        _datum(namespace, datum, f"MetricData.member.{index}", now) for index, datum in enumerate(data, 1)
    ]


def _datum(namespace: str, datum: Mapping[str, Any], where: str, now: float) -> Datum:
    dimensions = dimensions_of(datum, where)
    resolution = datum.get("StorageResolution", MINUTE)
    if resolution not in (1, MINUTE):
        raise invalid_value(f"The parameter {where}.StorageResolution must be 1 or 60.")
    timestamp = datum.get("Timestamp", now)
    if timestamp > now + NEWEST_SECONDS:
        raise invalid_value(
            f"The parameter {where}.Timestamp must specify a time no more than two hours in the future."
        )
    if timestamp < now - OLDEST_SECONDS:
        raise invalid_value(f"The parameter {where}.Timestamp must specify a time within the past two weeks.")
    key = MetricKey.of(namespace, datum["MetricName"], dimensions)
    moment = int(timestamp // resolution * resolution)
    unit, is_fine = datum.get("Unit", "None"), resolution == 1
    given = [name for name in ("Value", "Values", "StatisticValues") if name in datum]
    if len(given) > 1:
        raise invalid_combination(
            f"The parameters {where}.{given[0]} and {where}.{given[1]} are mutually exclusive "
            "and you have specified both."
        )
    if not given:
        raise missing(
            f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues is required."
        )
    if given == ["StatisticValues"]:
        return _of_set(
            datum["StatisticValues"], f"{where}.StatisticValues", Datum(key, moment, unit, is_fine=is_fine)
        )
    values = datum["Values"] if "Values" in datum else [datum["Value"]]
    counts = _counts(datum, len(values), where)
    found: dict[float, float] = {}
    for index, (value, count) in enumerate(zip(values, counts, strict=True), 1):
        name = f"{where}.Values.member.{index}" if "Values" in datum else f"{where}.Value"
        _check(value, name)
        if not (math.isfinite(count) and count >= 0):
            raise invalid_value(f"The value {count} for parameter {where}.Counts.member.{index} is invalid.")
        if count:
            found[value] = found.get(value, 0.0) + count
    if not found:
        raise invalid_value(f"The parameter {where}.Counts must have a count above 0.")
    total = math.fsum(value * count for value, count in found.items())
    count = math.fsum(found.values())
    return Datum(key, moment, unit, found, count, total, min(found), max(found), is_fine)


def dimensions_of(holder: Mapping[str, Any], where: str) -> dict[str, str]:
    """Dimensions by name; raises AwsError for a name that is there twice, and for text that AWS does not take."""
    found: dict[str, str] = {}
    for index, each in enumerate(holder.get("Dimensions", ()), 1):
        path, name, value = f"{where}.Dimensions.member.{index}", each["Name"], each["Value"]
        if name in found:
            raise invalid_value(f"The parameter {where}.Dimensions has the name {name} twice.")
        if name.startswith(":") or not _is_clean(name):
            raise invalid_value(f"The value {name} for parameter {path}.Name is invalid.")
        if not _is_clean(value):
            raise invalid_value(f"The value {value} for parameter {path}.Value is invalid.")
        found[name] = value
    return found


def _is_clean(text: str) -> bool:
    """ASCII without control characters, and not only blanks."""
    return text.isascii() and text.isprintable() and bool(text.strip())


def _counts(datum: Mapping[str, Any], values: int, where: str) -> list[float]:
    if values > MOST_VALUES:
        raise invalid_value(f"The collection {where}.Values must not have a size greater than {MOST_VALUES}.")
    if not values:
        raise invalid_value(f"The collection {where}.Values must not be empty.")
    counts = datum.get("Counts")
    if counts is None:
        return [1.0] * values
    if "Values" not in datum:
        raise invalid_combination(f"The parameter {where}.Counts needs the parameter {where}.Values.")
    if len(counts) != values:
        raise invalid_value(
            f"The parameters {where}.Values and {where}.Counts must have the same size, got {values} and {len(counts)}."
        )
    return list(counts)


def _of_set(given: Mapping[str, float], where: str, empty: Datum) -> Datum:
    for name, value in given.items():
        _check(value, f"{where}.{name}")
    count, total = given["SampleCount"], given["Sum"]
    least, most = given["Minimum"], given["Maximum"]
    if count <= 0:
        raise invalid_value(f"The value {count} for parameter {where}.SampleCount is invalid.")
    if least > most:
        raise invalid_value(f"The parameter {where}.Maximum must not be less than {where}.Minimum.")
    # The two cases in which a set hides nothing, and CloudWatch gives percentiles of it.
    values = {least: count} if least == most and total == least * count else {}
    return replace(empty, values=values, count=count, total=total, least=least, most=most)


def _check(value: float, where: str) -> None:
    if not (math.isfinite(value) and abs(value) <= LARGEST):
        shown = "NaN" if math.isnan(value) else value
        raise invalid_value(f"The value {shown} for parameter {where} is invalid.")
