"""Logs Insights, as far as Swarmscope asks it: the one query for cold starts, which takes a moment to complete."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reference.aws.cloudwatch import Hits
from reference.aws.errors import AwsError, not_supported
from reference.aws.log_store import Group, Line
from reference.aws.logs import EVENT_BYTES, Logs
from reference.aws.protocols import Call, invalid_parameter
from reference.aws.settings import StandInSettings
from swarmscope.aws.insights_query import MARKS, limit_of

MOST_GROUPS = 50
MOST_RUNNING = 30
KEPT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Query:
    complete_at: float
    results: list[list[dict[str, str]]]
    statistics: dict[str, float]


class Insights:
    """The queries of the stand-in's account."""

    def __init__(self, settings: StandInSettings, clock: Callable[[], float], logs: Logs) -> None:
        """`clock` is Unix seconds."""
        self._settings, self._clock, self._logs = settings, clock, logs
        self._queries: dict[str, _Query] = {}

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {"StartQuery": self._start, "GetQueryResults": self._results}

    def _start(self, call: Call, _: Hits) -> dict[str, Any]:
        asked = call.parameters
        if asked.get("queryLanguage", "CWLI") != "CWLI":
            raise not_supported("query languages other than CWLI")
        limit = limit_of(asked["queryString"])
        if limit is None:
            raise not_supported(
                "Logs Insights queries other than that for cold starts (swarmscope/aws/insights_query.py)"
            )
        given = [name for name in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if name in asked]
        if len(given) != 1:
            raise invalid_parameter(
                "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is required."
            )
        names = [asked["logGroupName"]] if given == ["logGroupName"] else asked[given[0]]
        if len(names) > MOST_GROUPS:
            raise invalid_parameter(f"At most {MOST_GROUPS} log groups can be queried at once.")
        groups = [self._logs.group(name) for name in names]
        if asked["endTime"] < asked["startTime"]:
            raise invalid_parameter("End time should not be before start time.")
        now = self._clock()
        self._queries = {
            name: query for name, query in self._queries.items() if query.complete_at > now - KEPT_SECONDS
        }
        if sum(query.complete_at > now for query in self._queries.values()) >= MOST_RUNNING:
            raise AwsError("LimitExceededException", f"More than {MOST_RUNNING} queries are running.")
        query_id = str(uuid.uuid4())
        most = min(limit, asked.get("limit", limit))
        self._queries[query_id] = self._run(groups, asked["startTime"], asked["endTime"], most)
        return {"queryId": query_id}

    def _run(self, groups: list[Group], start: int, end: int, limit: int) -> _Query:
        """Both ends are seconds, and in."""
        store, now = self._logs.store, self._clock()
        store.settle(now)
        scanned = size = 0
        found: list[tuple[Line, Group]] = []
        for group in groups:
            for line in store.between(group, start * 1000, end * 1000 + 999, None):
                scanned += 1
                size += len(line.message.encode()) + EVENT_BYTES
                if any(mark in line.message for mark in MARKS):
                    found.append((line, group))
        found.sort(key=lambda each: each[0])
        statistics = {
            "recordsMatched": float(len(found)),
            "recordsScanned": float(scanned),
            "bytesScanned": float(size),
        }
        return _Query(
            now + self._settings.insights_seconds, [_row(line) for line, _ in found[:limit]], statistics
        )

    def _results(self, call: Call, _: Hits) -> dict[str, Any]:
        if "nextToken" in call.parameters or "maxItems" in call.parameters:
            raise not_supported("paging in GetQueryResults")
        query = self._queries.get(call.parameters["queryId"])
        if query is None:
            raise AwsError("ResourceNotFoundException", "Query does not exist.")
        if self._clock() < query.complete_at:
            return {"status": "Running", "results": [], "statistics": dict.fromkeys(query.statistics, 0.0)}
        return {"status": "Complete", "results": query.results, "statistics": query.statistics}


def _row(line: Line) -> list[dict[str, str]]:
    moment = datetime.fromtimestamp(line.timestamp // 1000, UTC)
    values = {
        "@timestamp": f"{moment:%Y-%m-%d %H:%M:%S}.{line.timestamp % 1000:03d}",
        "@logStream": line.stream,
        "@message": line.message,
        "@ptr": line.id,
    }
    return [{"field": name, "value": value} for name, value in values.items()]
