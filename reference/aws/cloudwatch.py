"""CloudWatch: what each operation does with the metric store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reference.aws.faults import Fault, Kind
from reference.aws.metric_limits import data_of
from reference.aws.metric_queries import metric_data
from reference.aws.metric_reads import list_metrics, metric_statistics
from reference.aws.metric_store import Datum, MetricStore
from reference.aws.protocols import Call
from reference.aws.settings import StandInSettings

Hits = Mapping[Kind, Fault]


class CloudWatch:
    """The metrics of the stand-in's account."""

    def __init__(self, settings: StandInSettings, clock: Callable[[], float]) -> None:
        """`clock` is Unix seconds."""
        self._settings, self._clock = settings, clock
        self.store = MetricStore()

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {
            "PutMetricData": self._put,
            "GetMetricData": self._get,
            "GetMetricStatistics": self._statistics,
            "ListMetrics": self._list,
        }

    def put(self, data: list[Datum], late: Fault | None = None) -> None:
        """Store data; they can be read after the delay."""
        extra = 0.0 if late is None else late.delay_ms / 1000
        visible_at = self._clock() + self._settings.metrics_delay_seconds + extra
        self.store.put(data, visible_at, late=late is not None)

    def dump(self, namespace: str) -> list[dict[str, object]]:
        """Everything that can be read of a namespace."""
        self.store.settle(self._clock())
        return self.store.dump(namespace)

    def _put(self, call: Call, hits: Hits) -> dict[str, Any]:
        bytes_ = max(call.body_bytes, call.unpacked_bytes)
        self.put(data_of(call.parameters, self._clock(), bytes_), hits.get(Kind.LATE))
        return {}

    def _get(self, call: Call, hits: Hits) -> dict[str, Any]:
        now = self._clock()
        self.store.settle(now)
        page = metric_data(self.store, call.parameters, now, self._settings.datapoints_per_page)
        if Kind.INTERNAL_ERROR in hits or Kind.PARTIAL_DATA in hits:
            for result in page["MetricDataResults"]:
                _spoil(result, everything=Kind.INTERNAL_ERROR in hits)
        return page

    def _statistics(self, call: Call, _: Hits) -> dict[str, Any]:
        now = self._clock()
        self.store.settle(now)
        return metric_statistics(self.store, call.parameters, now)

    def _list(self, call: Call, _: Hits) -> dict[str, Any]:
        now = self._clock()
        self.store.settle(now)
        return list_metrics(self.store, call.parameters, now, self._settings.metrics_per_page)


def _spoil(result: dict[str, Any], *, everything: bool) -> None:
    """Take datapoints away, as a commanded fault."""
    kept = 0 if everything else len(result["Values"]) // 2
    result["Timestamps"], result["Values"] = result["Timestamps"][:kept], result["Values"][:kept]
    result["StatusCode"] = "InternalError" if everything else "PartialData"
    result["Messages"] = [{"Code": result["StatusCode"], "Value": "A commanded fault of the stand-in."}]
