"""Reads the log lines that may tell of cold starts: by FilterLogEvents, or by Logs Insights. I/O.

Both bring more than is wanted (decoys, lines that were read before); `swarmscope.aws.cold_starts` judges every line.
"""

from __future__ import annotations

import random
import re
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
from swarmscope.aws.log_lines import FILTER_PATTERN, PHRASES
from swarmscope.aws.settings import Prices

T = TypeVar("T")

CALLS_PER_SECOND = 4.0
"""FilterLogEvents' quota is 5 for the whole account, which has other users, too."""
ATTEMPTS = 4
MOST_PAGES = 2000
MOST_ROWS = 10_000
"""Of one Logs Insights query."""
QUERY_SECONDS = 60
NO_SUCH_GROUP = "ResourceNotFoundException"
"""A function's log group is made when it first runs: until then there are no lines, and that is no failure."""
INSIGHTS_QUERY = (
    f"fields @timestamp, @message, @log | filter @message like /{'|'.join(PHRASES)}/ "
    f"| sort @timestamp asc | limit {MOST_ROWS}"
)

Groups = Mapping[str, str]
"""Function → its log group."""
Page = tuple[str, list[LogEvent]]


class LogReader(Protocol):
    """Reads lines of several functions."""

    def pages(
        self, groups: Groups, starts: Mapping[str, float], end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """The lines of each function from its start to the end, page by page; raises CallFailed."""
        ...


class FilterReader:
    """FilterLogEvents: sees every line within seconds, one function at a time."""

    def __init__(self, calls: AwsCalls, pacer: Pacer | None = None) -> None:
        self._calls = calls
        self._pacer = pacer or Pacer(CALLS_PER_SECOND)
        self._chance = random.Random()

    def pages(
        self, groups: Groups, starts: Mapping[str, float], end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """See LogReader."""
        for function, group in groups.items():
            request: dict[str, Any] = {
                "logGroupName": group,
                "filterPattern": FILTER_PATTERN,
                "startTime": int(starts[function] * 1000),
                "endTime": int(end * 1000),
            }
            for _ in range(MOST_PAGES):
                page = self._page(request, wait)
                if page is None:
                    break
                yield [
                    LogEvent(function, event["timestamp"] / 1000, event["message"], event.get("eventId", ""))
                    for event in page["events"]
                ]
                # An empty page with a token is ordinary: nothing was found in what has been searched so far.
                if not page.get("nextToken"):
                    break
                request["nextToken"] = page["nextToken"]
            else:
                raise CallFailed(
                    "FilterLogEvents", CallResult.ERROR, f"more than {MOST_PAGES} pages of {group}"
                )

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
    """Logs Insights: one query for all functions, billed by what it scans."""

    def __init__(self, calls: AwsCalls, own: OwnMetrics, pacing: Pacing, prices: Prices) -> None:
        self._calls, self._own, self._pacing, self._prices = calls, own, pacing, prices
        self._chance = random.Random()

    def pages(
        self, groups: Groups, starts: Mapping[str, float], end: float, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        """See LogReader."""
        if not groups:
            return
        functions = {group: function for function, group in groups.items()}
        yield from self._between(functions, int(min(starts.values())), int(end) + 1, wait)

    def _between(
        self, functions: Mapping[str, str], start: int, end: int, wait: Wait
    ) -> Iterator[list[LogEvent]]:
        rows = self._rows(list(functions), start, end, wait)
        middle = (start + end) // 2
        if len(rows) >= MOST_ROWS and start < middle:
            # The end is inclusive.
            yield from self._between(functions, start, middle, wait)
            yield from self._between(functions, middle + 1, end, wait)
        else:
            yield [event for row in rows if (event := _event(row, functions)) is not None]

    def _rows(self, groups: list[str], start: int, end: int, wait: Wait) -> list[list[dict[str, str]]]:
        def ask() -> Any:
            return self._calls.call(
                "logs",
                "StartQuery",
                lambda client: client.start_query(
                    logGroupNames=groups,
                    startTime=start,
                    endTime=end,
                    queryString=INSIGHTS_QUERY,
                    limit=MOST_ROWS,
                ),
                absent=NO_SUCH_GROUP,
            )

        started = _patiently(ask, wait, self._chance)
        if started is None:
            return []
        for _ in range(QUERY_SECONDS * 2):
            answer = self._results(started["queryId"])
            if answer["status"] == "Complete":
                scanned = float(answer.get("statistics", {}).get("bytesScanned", 0.0))
                self._own.add(COST, scan_cost(scanned, self._prices))
                self._pacing.scanned(scanned)
                return list(answer["results"])
            if answer["status"] not in ("Scheduled", "Running") or wait(0.5):
                break
        raise CallFailed("GetQueryResults", CallResult.ERROR, "the query did not complete")

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


def _event(row: list[dict[str, str]], functions: Mapping[str, str]) -> LogEvent | None:
    fields = {field["field"]: field.get("value", "") for field in row}
    # `123456789012:/aws/lambda/name`, without the account where the caller's own is meant.
    function = functions.get(re.sub(r"^\d+:", "", fields.get("@log", "")))
    try:
        moment = datetime.fromisoformat(fields["@timestamp"]).replace(tzinfo=UTC)
        message = fields["@message"]
    except (KeyError, ValueError):
        return None
    # @ptr points into this query's results and may be another next time: the line tells who it is.
    return None if function is None else LogEvent(function, moment.timestamp(), message)
