"""Turns what reference services did into the datapoints and log lines that AWS would have made of it. No I/O.

Datapoints are those of AWS/Lambda, AWS/ApiGateway and AWS/DynamoDB, a minute each, at the time of the request, and
as fine as AWS has them (API Gateway in whole milliseconds), which also bounds how many values a minute has. Log lines
are those of `/aws/lambda/<function>`, with an INIT_REPORT line beside each cold start. Lambda writes that line only
when a start failed: here it is a decoy, which finds out readers that count it as a second cold start.
"""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from reference.aws.metric_store import MINUTE, Datum, MetricKey
from reference.aws.reports import Batch, Invocation, TableOperation
from reference.lambda_functions import report_line

READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem"})
FAILED = frozenset({0, 500, 502})
"""Statuses (0: no answer) behind which a function failed; others it answered with on purpose."""
MEMORY_USED_MB = 89


class _Samples:
    """Values by metric and minute, until they are data."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[MetricKey, str, int], defaultdict[float, float]] = defaultdict(
            lambda: defaultdict(float)
        )

    def add(self, key: MetricKey, unit: str, moment: float, value: float) -> None:
        self._found[key, unit, int(moment // MINUTE) * MINUTE][float(value)] += 1

    def data(self) -> list[Datum]:
        return [
            Datum(
                key,
                minute,
                unit,
                dict(values),
                sum(values.values()),
                sum(value * count for value, count in values.items()),
                min(values),
                max(values),
            )
            for (key, unit, minute), values in self._found.items()
        ]


@lru_cache(4096)
def _key(namespace: str, name: str, dimensions: tuple[tuple[str, str], ...]) -> MetricKey:
    """Remembered, because each request needs twenty of the same few."""
    return MetricKey(namespace, name, frozenset(dimensions))


def data_of(batch: Batch) -> list[Datum]:
    """The datapoints of a batch."""
    samples = _Samples()
    for invocation in batch.invocations:
        _sample_function(samples, invocation)
        _sample_gateway(samples, batch, invocation)
    for operation in batch.operations:
        _sample_table(samples, operation)
    return samples.data()


def _sample_function(samples: _Samples, invocation: Invocation) -> None:
    # Lambda has each metric by function, and once more for all functions together.
    for dimensions in ((("FunctionName", invocation.function),), ()):
        for name, unit, value in (
            ("Invocations", "Count", 1.0),
            ("Errors", "Count", float(invocation.status in FAILED)),
            ("Throttles", "Count", 0.0),
            ("Duration", "Milliseconds", round(invocation.duration_ms, 2)),
            ("ConcurrentExecutions", "Count", float(invocation.concurrent)),
        ):
            samples.add(_key("AWS/Lambda", name, dimensions), unit, invocation.started, value)


def _sample_gateway(samples: _Samples, batch: Batch, invocation: Invocation) -> None:
    status = invocation.status
    # API Gateway has each metric by API and stage, and once more by API.
    api = ("ApiName", batch.api)
    for dimensions in ((api, ("Stage", batch.stage)), (api,)):
        for name, unit, value in (
            ("Count", "Count", 1.0),
            ("4XXError", "Count", float(400 <= status < 500)),
            ("5XXError", "Count", float(status >= 500 or not status)),
            ("Latency", "Milliseconds", round(invocation.gateway_ms)),
            ("IntegrationLatency", "Milliseconds", round(invocation.integration_ms)),
        ):
            samples.add(_key("AWS/ApiGateway", name, dimensions), unit, invocation.started, value)


def _sample_table(samples: _Samples, done: TableOperation) -> None:
    table = (("TableName", done.table),)
    operation = (*table, ("Operation", done.operation))
    kind = "Read" if done.operation in READS else "Write"
    for _ in range(done.throttled):
        # DynamoDB has these two only when there is something to tell.
        samples.add(_key("AWS/DynamoDB", "ThrottledRequests", operation), "Count", done.started, 1.0)
        samples.add(_key("AWS/DynamoDB", f"{kind}ThrottleEvents", table), "Count", done.started, 1.0)
    if done.failed:
        samples.add(_key("AWS/DynamoDB", "SystemErrors", operation), "Count", done.started, 1.0)
        return
    latency = _key("AWS/DynamoDB", "SuccessfulRequestLatency", operation)
    samples.add(latency, "Milliseconds", done.started, round(done.latency_ms, 2))
    consumed = _key("AWS/DynamoDB", f"Consumed{kind}CapacityUnits", table)
    samples.add(consumed, "Count", done.started, done.capacity)


def lines_of(invocations: Iterable[Invocation]) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """(Log group, stream) → its lines, each with its Unix milliseconds, in order."""
    found: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for invocation in invocations:
        day = time.strftime("%Y/%m/%d", time.gmtime(invocation.started))
        stream = f"{day}/[$LATEST]{invocation.instance}"
        found[f"/aws/lambda/{invocation.function}", stream] += _lines(invocation)
    for lines in found.values():
        lines.sort(key=lambda line: line[0])
    return found


def _lines(invocation: Invocation) -> list[tuple[int, str]]:
    init = invocation.init_ms
    arrived = invocation.started * 1000
    began = arrived + (init or 0.0)
    ended = int(began + invocation.duration_ms)
    request_id = invocation.request_id or str(uuid.uuid4())
    lines = []
    if init is not None:
        runtime = "INIT_START Runtime Version: python:3.12.v38\tRuntime Version ARN: (Swarmscope's stand-in)"
        lines.append((int(arrived), runtime))
        lines.append((int(began), f"INIT_REPORT Init Duration: {init:.2f} ms\tPhase: init\tStatus: success"))
    report = report_line(
        request_id,
        invocation.duration_ms / 1000,
        None if init is None else init / 1000,
        MEMORY_USED_MB,
    )
    return [
        *lines,
        (int(began), f"START RequestId: {request_id} Version: $LATEST"),
        (ended, f"END RequestId: {request_id}"),
        (ended, report),
    ]
