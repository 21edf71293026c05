"""Reads the metric store as GetMetricData, GetMetricStatistics and ListMetrics do: limits, periods, pages. No I/O."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reference.aws.errors import AwsError, not_supported, validation
from reference.aws.metric_limits import dimensions_of
from reference.aws.metric_store import HIGH_RESOLUTION_SECONDS, MINUTE, MetricKey, MetricStore

MOST_QUERIES = 500
MOST_DATAPOINTS = 100_800
"""Of one page of GetMetricData."""
SHORT_PERIODS = (1, 5, 10, 20, 30)
SIMPLE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{0,10})?)")
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Query:
    """One metric with one statistic."""

    id: str
    key: MetricKey
    period: int
    statistic: str
    unit: str
    label: str


def queries_of(parameters: Mapping[str, Any]) -> list[Query]:
    """The queries of GetMetricData; raises AwsError."""
    asked = parameters["MetricDataQueries"]
    if len(asked) > MOST_QUERIES:
        raise validation(
            f"The collection MetricDataQueries must not have a size greater than {MOST_QUERIES}."
        )
    if not asked:
        raise validation("The collection MetricDataQueries must not be empty.")
    queries = [_query(one, f"MetricDataQueries.member.{index}") for index, one in enumerate(asked, 1)]
    seen: set[str] = set()
    for query in queries:
        if query.id in seen:
            raise validation(f"The values for parameter id in MetricDataQueries are not unique: {query.id}.")
        seen.add(query.id)
    return queries


def _query(asked: Mapping[str, Any], where: str) -> Query:
    if "Expression" in asked:
        raise not_supported("metric math, SEARCH and Metrics Insights (MetricDataQueries with an Expression)")
    if "AccountId" in asked or "Period" in asked:
        raise not_supported("AccountId and Period beside MetricStat")
    if not asked.get("ReturnData", True):
        raise not_supported("ReturnData: false, which is for metric math")
    if "MetricStat" not in asked:
        raise validation(f"The parameter {where} needs either MetricStat or Expression.")
    if not _ID.fullmatch(asked["Id"]):
        raise validation(
            f"The value {asked['Id']} for parameter {where}.Id is not matching the expected pattern."
        )
    if "${" in asked.get("Label", ""):
        raise not_supported("dynamic labels")
    stat = asked["MetricStat"]
    metric = stat["Metric"]
    for name in ("Namespace", "MetricName"):
        if name not in metric:
            raise validation(f"The parameter {where}.MetricStat.Metric.{name} is required.")
    period = stat["Period"]
    check_period(period, metric["Namespace"], f"{where}.MetricStat.Period")
    return Query(
        asked["Id"],
        MetricKey.of(metric["Namespace"], metric["MetricName"], dimensions_of(metric, f"{where}.MetricStat.Metric")),
        period,
        statistic_of(stat["Stat"], f"{where}.MetricStat.Stat"),
        stat.get("Unit", ""),
        asked.get("Label", metric["MetricName"]),
    )  # fmt: skip


def check_period(period: int, namespace: str, where: str) -> None:
    """Raises AwsError unless CloudWatch has such a period for this namespace."""
    if period not in SHORT_PERIODS and (period < MINUTE or period % MINUTE):
        raise validation(f"The parameter {where} must be 1, 5, 10, 20, 30 or a multiple of 60, got {period}.")
    if period < MINUTE and namespace.startswith("AWS/"):
        raise validation(f"The parameter {where} must be at least 60 for the namespace {namespace}.")


def statistic_of(name: str, where: str) -> str:
    """A statistic that the store has; raises AwsError for the others."""
    if name in SIMPLE:
        return name
    percentile = _PERCENTILE.fullmatch(name)
    if percentile and 0 <= Decimal(percentile[1]) <= 100:
        return name
    if re.fullmatch(r"(?:tm|wm|tc|ts)\d.*|(?:TM|WM|TC|TS|PR)\(.*\)|IQM", name):
        return _refuse_statistic(name)
    raise validation(f"The value {name} for parameter {where} is not supported.")


def _refuse_statistic(name: str) -> str:
    raise not_supported(f"the statistic {name}")


def span_of(start: float, end: float, period: int, now: float) -> tuple[int, float]:
    """Where the first period begins and where the last one must: the start is rounded down, the end is left out."""
    step = min(period, MINUTE)
    first = math.floor(start / step) * step
    if period < MINUTE:
        first = max(first, math.floor((now - HIGH_RESOLUTION_SECONDS) / step) * step)
    return first, end


def metric_data(
    store: MetricStore, parameters: Mapping[str, Any], now: float, page_points: int
) -> dict[str, Any]:
    """A page of GetMetricData; `page_points` is the most datapoints of one."""
    queries = queries_of(parameters)
    start, end = parameters["StartTime"], parameters["EndTime"]
    if start >= end:
        raise validation("The parameter StartTime must be less than the parameter EndTime.")
    most = parameters.get("MaxDatapoints", MOST_DATAPOINTS)
    if not 1 <= most <= MOST_DATAPOINTS:
        raise validation(f"The parameter MaxDatapoints must be from 1 to {MOST_DATAPOINTS}, got {most}.")
    scan = parameters.get("ScanBy", "TimestampDescending")
    descending = scan == "TimestampDescending"
    token = _Token.read(parameters.get("NextToken", ""), _digest(parameters))
    room = min(most, page_points)
    results: list[dict[str, Any]] = []
    following = ""
    for index, query in enumerate(queries[token.query :], token.query):
        if not room:
            following = following or _Token(index, None).text(_digest(parameters))
            results.append(_result(query, [], complete=False))
            continue
        points = _points(store, query, start, end, now)
        points.sort(reverse=descending)
        if index == token.query and token.after is not None:
            after = token.after
            points = [point for point in points if (point[0] < after if descending else point[0] > after)]
        kept = points[:room]
        room -= len(kept)
        complete = len(kept) == len(points)
        if not complete:
            following = _Token(index, kept[-1][0]).text(_digest(parameters))
        results.append(_result(query, kept, complete=complete))
    page: dict[str, Any] = {"MetricDataResults": results, "Messages": []}
    return page | {"NextToken": following} if following else page


def _points(
    store: MetricStore, query: Query, start: float, end: float, now: float
) -> list[tuple[int, float]]:
    first, last = span_of(start, end, query.period, now)
    found = []
    for moment, stored in store.bins(query.key, query.unit, first, last, query.period).items():
        value = stored.statistic(query.statistic)
        if value is not None:
            found.append((moment, value))
    return found


def _result(query: Query, points: list[tuple[int, float]], *, complete: bool) -> dict[str, Any]:
    return {
        "Id": query.id,
        "Label": query.label,
        "Timestamps": [moment for moment, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete" if complete else "PartialData",
    }


@dataclass(frozen=True, slots=True)
class _Token:
    """Where the next page goes on: at which query, and after which of its times."""

    query: int
    after: int | None

    def text(self, digest: str) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.query, self.after, digest]).encode()).decode()

    @classmethod
    def read(cls, text: str, digest: str) -> _Token:
        if not text:
            return cls(0, None)
        try:
            query, after, of = json.loads(base64.urlsafe_b64decode(text.encode()))
        except (ValueError, TypeError):
            of = None
        if of != digest:
            raise AwsError("InvalidNextToken", "The NextToken is not one of this request's.")
        return cls(query, after)


def _digest(parameters: Mapping[str, Any]) -> str:
    """Of everything but the token: a token goes with the request that it was given for."""
    kept = {name: value for name, value in parameters.items() if name != "NextToken"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
