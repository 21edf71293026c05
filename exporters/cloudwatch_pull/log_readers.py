"""Reads the log lines that may tell of cold starts: by FilterLogEvents, or by Logs Insights. I/O.

Both bring more than is wanted (decoys, lines that were read before); `swarmscope.aws.cold_starts` judges every line.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from exporters.cloudwatch_pull.back_off import Pacer, Wait, back_off
from exporters.cloudwatch_pull.calls import AwsCalls, CallFailed
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from exporters.cloudwatch_pull.pacing import Pacing
from swarmscope.aws.cold_starts import LogEvent
from swarmscope.aws.cost import scan_cost
from swarmscope.aws.families import COST
from swarmscope.aws.insights_query import MOST_LINES, cold_start_query
from swarmscope.aws.log_lines import FILTER_PATTERN
from swarmscope.aws.settings import Prices

T = TypeVar("T")

CALLS_PER_SECOND = 4.0
"""FilterLogEvents' quota is 5 for the whole account, which has other users, too."""
ATTEMPTS = 4
MOST_PAGES = 2000
QUERY_SECONDS = 60
NO_SUCH_GROUP = "ResourceNotFoundException"
"""A function's log group is made when it first runs: until then there are no lines, and that is no failure."""


class LogReader(Protocol):
    """Reads a function's lines."""

    def pages(
        self, function: str, group: str, start: float, end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """The lines of the log group from start to end, page by page; raises CallFailed."""
        ...


class FilterReader:
    """FilterLogEvents: sees every line within seconds."""

    def __init__(self, calls: AwsCalls, pacer: Pacer | None = None) -> None:
        self._calls = calls
        self._pacer = pacer or Pacer(CALLS_PER_SECOND)
        self._chance = random.Random()

    def pages(
        self, function: str, group: str, start: float, end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """See LogReader."""
        request: dict[str, Any] = {
            "logGroupName": group,
            "filterPattern": FILTER_PATTERN,
            "startTime": int(start * 1000),
            "endTime": int(end * 1000),
        }
        for _ in range(MOST_PAGES):
            page = self._page(request, wait)
            if page is None:
                return
            yield [
                LogEvent(function, event["timestamp"] / 1000, event["message"], event.get("eventId", ""))
                for event in page["events"]
            ]
            # An empty page with a token is ordinary: nothing was found in what has been searched so far.
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]
        raise CallFailed("FilterLogEvents", CallResult.ERROR, f"more than {MOST_PAGES} pages of {group}")

    def _page(self, request: Mapping[str, Any], wait: Wait) -> Any:
        def ask() -> Any:
            if self._pacer.wait(wait):
                raise CallFailed("FilterLogEvents", CallResult.ERROR, "the exporter is ending")
            return self._calls.call(
                "logs",
                "FilterLogEvents",
                lambda client: client.filter_log_events(**request),
                absent=NO_SUCH_GROUP,
            )

        return _patiently(ask, wait, self._chance)


class InsightsReader:
    """Logs Insights, billed by what it scans."""

    def __init__(self, calls: AwsCalls, own: OwnMetrics, pacing: Pacing, prices: Prices) -> None:
        self._calls, self._own, self._pacing, self._prices = calls, own, pacing, prices
        self._chance = random.Random()

    def pages(
        self, function: str, group: str, start: float, end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """See LogReader."""
        scanned = 0.0
        # Both ends are whole seconds, and in.
        spans = [(int(start), int(end))]
        while spans:
            first, last = spans.pop()
            answer = self._answer(group, first, last, wait)
            if answer is None:
                continue
            scanned += float(answer.get("statistics", {}).get("bytesScanned", 0.0))
            middle = (first + last) // 2
            if len(answer["results"]) >= MOST_LINES and first < last:
                spans += [(first, middle), (middle + 1, last)]
            yield [event for row in answer["results"] if (event := _event(function, row)) is not None]
        self._pacing.scanned(function, scanned)

    def _answer(self, group: str, start: int, end: int, wait: Wait) -> Any:
        """What a query found; None when there is no such log group."""

        def ask() -> Any:
            return self._calls.call(
                "logs",
                "StartQuery",
                lambda client: client.start_query(
                    logGroupName=group,
                    startTime=start,
                    endTime=end,
                    queryString=cold_start_query(),
                    limit=MOST_LINES,
                ),
                absent=NO_SUCH_GROUP,
            )

        started = _patiently(ask, wait, self._chance)
        if started is None:
            return None
        for _ in range(QUERY_SECONDS * 2):
            answer = self._results(started["queryId"])
            if answer["status"] == "Complete":
                scanned = float(answer.get("statistics", {}).get("bytesScanned", 0.0))
                self._own.add(COST, scan_cost(scanned, self._prices))
                return answer
            if answer["status"] not in ("Scheduled", "Running") or wait(0.5):
                break
        raise CallFailed("GetQueryResults", CallResult.ERROR, f"the query of {group} did not complete")

    def _results(self, query: str) -> Any:
        return self._calls.call(
            "logs", "GetQueryResults", lambda client: client.get_query_results(queryId=query)
        )


def _patiently(ask: Callable[[], T], wait: Wait, chance: random.Random) -> T:
    """Ask again, later and later, while AWS says that it is asked too often."""
    attempt = 1
    while True:
        try:
            return ask()
        except CallFailed as failed:
            if failed.result is not CallResult.THROTTLED or attempt == ATTEMPTS:
                raise
            if wait(back_off(attempt, chance)):
                raise
            attempt += 1


def _event(function: str, row: list[dict[str, str]]) -> LogEvent | None:
    fields = {field["field"]: field.get("value", "") for field in row}
    try:
        moment = datetime.fromisoformat(fields["@timestamp"]).replace(tzinfo=UTC)
        message = fields["@message"]
    except (KeyError, ValueError):
        return None
    # @ptr points into this query's results and may be another next time: the line itself tells who it is.
    return LogEvent(function, moment.timestamp(), message)
