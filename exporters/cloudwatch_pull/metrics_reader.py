"""Reads one batch of queries from CloudWatch, all pages of it. I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from exporters.cloudwatch_pull.calls import AwsCalls, CallFailed
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from swarmscope.aws.cost import metrics_cost
from swarmscope.aws.families import BILLED_METRICS, COST
from swarmscope.aws.queries import Query
from swarmscope.aws.settings import Prices
from swarmscope.aws.windows import Window

OPERATION = "GetMetricData"
MOST_PAGES = 100
_COMPLETE = "Complete"


class BatchAnswer(NamedTuple):
    """What a batch's pages held together."""

    found: Mapping[Query, Mapping[int, float]]
    """Query → start of a period → value; of those queries that were answered completely."""
    incomplete: tuple[Query, ...]
    """Those that CloudWatch could not answer, or not completely: nothing is concluded from what they lack."""


class MetricsReader:
    """Calls GetMetricData and counts what it is billed for."""

    def __init__(self, calls: AwsCalls, own: OwnMetrics, prices: Prices) -> None:
        self._calls, self._own, self._prices = calls, own, prices

    def read(self, batch: Sequence[Query], window: Window) -> BatchAnswer:
        """Every point of the window; raises CallFailed."""
        request = _request(batch, window)
        values: list[dict[int, float]] = [{} for _ in batch]
        status: dict[int, str] = {}
        for _ in range(MOST_PAGES):
            page = self._page(request, len(batch))
            for result in page["MetricDataResults"]:
                index = int(result["Id"][1:])
                status[index] = result.get("StatusCode", _COMPLETE)
                scale = batch[index].scale
                for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                    values[index][round(moment.timestamp())] = scaled(value, scale)
            if not page.get("NextToken"):
                break
            request["NextToken"] = page["NextToken"]
        else:
            raise CallFailed(OPERATION, CallResult.ERROR, f"more than {MOST_PAGES} pages")
        complete = {index for index, code in status.items() if code == _COMPLETE}
        return BatchAnswer(
            {query: values[index] for index, query in enumerate(batch) if index in complete},
            tuple(query for index, query in enumerate(batch) if index not in complete),
        )

    def _page(self, request: Mapping[str, Any], metrics: int) -> Any:
        page = self._calls.call("cloudwatch", OPERATION, lambda client: client.get_metric_data(**request))
        # Every page counts as if it were billed in full: AWS does not say that it is not.
        self._own.add(BILLED_METRICS, metrics)
        self._own.add(COST, metrics_cost(metrics, self._prices))
        return page


def scaled(value: float, scale: float) -> float:
    """The value in base units, as it would be written: 1.12 ms are 0.00112 s and not 0.0011200000000000001."""
    return value if scale == 1.0 else float(f"{value * scale:.15g}")


def _request(batch: Sequence[Query], window: Window) -> dict[str, Any]:
    return {
        "StartTime": datetime.fromtimestamp(window.start, UTC),
        "EndTime": datetime.fromtimestamp(window.end, UTC),
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {
                "Id": f"q{index}",
                "ReturnData": True,
                "MetricStat": {
                    "Metric": {
                        "Namespace": query.namespace,
                        "MetricName": query.metric,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in query.dimensions],
                    },
                    "Period": query.period,
                    "Stat": query.statistic,
                },
            }
            for index, query in enumerate(batch)
        ],
    }
