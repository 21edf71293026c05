from dataclasses import replace
from typing import Any

import pytest

from reference.aws.metric_store import Datum, MetricKey
from reference.aws.reports import Batch, Invocation, TableOperation, parse_batch
from reference.aws.simulation import data_of, lines_of

START = 1_800_000_000.0
"""The start of a minute."""
INVOCATION = Invocation(
    "access-api", START + 59.5, 200, 30.0, 28.0, 20.0, None, 2, "r-1", "abc",
)  # fmt: skip
OPERATION = TableOperation("access-table", "GetItem", START + 10, 3.0, 0.5, 0, False)


def batch(invocations: list[Invocation], operations: list[TableOperation]) -> Batch:
    return Batch("access", "access-api", "local", invocations, operations)


def found(data: list[Datum], namespace: str) -> dict[tuple[Any, ...], tuple[int, str, dict[float, float]]]:
    return {
        (datum.key.name, *sorted(datum.key.dimensions)): (datum.timestamp, datum.unit, dict(datum.values))
        for datum in data
        if datum.key.namespace == namespace
    }


def test_an_invocation_is_a_sample_of_each_lambda_metric_in_the_minute_it_began() -> None:
    metrics = found(data_of(batch([INVOCATION], [])), "AWS/Lambda")
    function = ("FunctionName", "access-api")
    assert {name: value for name, value in metrics.items() if len(name) > 1} == {
        ("Invocations", function): (START, "Count", {1.0: 1}),
        ("Errors", function): (START, "Count", {0.0: 1}),
        ("Throttles", function): (START, "Count", {0.0: 1}),
        ("Duration", function): (START, "Milliseconds", {20.0: 1}),
        ("ConcurrentExecutions", function): (START, "Count", {2.0: 1}),
    }
    assert metrics["Duration",] == (START, "Milliseconds", {20.0: 1})


@pytest.mark.parametrize(
    ("status", "failed", "client", "server"),
    [
        (200, 0, 0, 0),
        (404, 0, 1, 0),
        (429, 0, 1, 0),
        (500, 1, 0, 1),
        (502, 1, 0, 1),
        (503, 0, 0, 1),
        (0, 1, 0, 1),
    ],
)
def test_statuses_become_errors_of_the_function_and_of_the_gateway(
    status: int, failed: float, client: float, server: float
) -> None:
    data = data_of(batch([INVOCATION._replace(status=status)], []))
    stage = (("ApiName", "access-api"), ("Stage", "local"))
    gateway = found(data, "AWS/ApiGateway")
    assert found(data, "AWS/Lambda")["Errors", ("FunctionName", "access-api")][2] == {failed: 1}
    assert (gateway["4XXError", *stage][2], gateway["5XXError", *stage][2]) == ({client: 1}, {server: 1})
    assert gateway["Count", *stage][2] == {1.0: 1}
    assert gateway["Latency", *stage] == (START, "Milliseconds", {30.0: 1})
    assert gateway["IntegrationLatency", *stage] == (START, "Milliseconds", {28.0: 1})


def test_operations_are_latency_and_capacity_of_the_table() -> None:
    write = OPERATION._replace(operation="PutItem", capacity=1.0, latency_ms=7.0)
    metrics = found(data_of(batch([], [OPERATION, OPERATION, write])), "AWS/DynamoDB")
    table = ("TableName", "access-table")
    assert metrics == {
        ("SuccessfulRequestLatency", ("Operation", "GetItem"), table): (START, "Milliseconds", {3.0: 2}),
        ("SuccessfulRequestLatency", ("Operation", "PutItem"), table): (START, "Milliseconds", {7.0: 1}),
        ("ConsumedReadCapacityUnits", table): (START, "Count", {0.5: 2}),
        ("ConsumedWriteCapacityUnits", table): (START, "Count", {1.0: 1}),
    }


def test_throttled_and_failed_operations_show_and_others_make_no_zero_of_it() -> None:
    operations = [OPERATION._replace(throttled=2), OPERATION._replace(failed=True)]
    metrics = found(data_of(batch([], operations)), "AWS/DynamoDB")
    table, operation = ("TableName", "access-table"), ("Operation", "GetItem")
    assert metrics["ThrottledRequests", operation, table][2] == {1.0: 2}
    assert metrics["ReadThrottleEvents", table][2] == {1.0: 2}
    assert metrics["SystemErrors", operation, table][2] == {1.0: 1}
    assert metrics["SuccessfulRequestLatency", operation, table][2] == {3.0: 1}


def test_samples_of_a_minute_are_one_datum_with_exact_sums() -> None:
    invocations = [INVOCATION._replace(duration_ms=value) for value in (1.5, 2.5, 2.5)]
    data = data_of(batch(invocations, []))
    key = MetricKey.of("AWS/Lambda", "Duration", {"FunctionName": "access-api"})
    datum = next(datum for datum in data if datum.key == key)
    assert replace(datum, values={}) == Datum(key, int(START), "Milliseconds", {}, 3, 6.5, 1.5, 2.5)
    assert dict(datum.values) == {1.5: 1, 2.5: 2}


def test_a_warm_invocation_writes_three_lines() -> None:
    lines = lines_of([INVOCATION])
    assert lines == {
        ("/aws/lambda/access-api", "2027/01/15/[$LATEST]abc"): [
            (1_800_000_059_500, "START RequestId: r-1 Version: $LATEST"),
            (1_800_000_059_520, "END RequestId: r-1"),
            (
                1_800_000_059_520,
                "REPORT RequestId: r-1\tDuration: 20.00 ms\tBilled Duration: 20 ms\tMemory Size: 256 MB\t"
                "Max Memory Used: 89 MB\t",
            ),
        ]
    }


def test_a_cold_start_shows_in_the_report_and_in_a_decoy() -> None:
    (lines,) = lines_of([INVOCATION._replace(init_ms=275.25)]).values()
    times = [moment - 1_800_000_059_500 for moment, _ in lines]
    texts = [text for _, text in lines]
    assert times == [0, 275, 275, 295, 295]
    assert texts[0].startswith("INIT_START Runtime Version: ")
    assert texts[1] == "INIT_REPORT Init Duration: 275.25 ms\tPhase: init\tStatus: success"
    assert texts[4].endswith("\tInit Duration: 275.25 ms\t")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": 1}, "stage: expected text"),
        ({"more": 1}, "expected an object with system, api, stage, invocations, operations"),
        ({"invocations": {}}, "invocations: expected a list of at most 100000 rows"),
        ({"invocations": [[1]]}, "invocations[0]: expected a list of function, started, status, gateway_ms, "
         "integration_ms, duration_ms, init_ms, concurrent, request_id, instance"),
        ({"invocations": [list(INVOCATION._replace(status="200"))]}, "invocations[0].status: got '200'"),
        ({"invocations": [list(INVOCATION._replace(started=float("inf")))]}, "invocations[0].started: got inf"),
        ({"operations": [list(OPERATION._replace(latency_ms=-1.0))]}, "operations[0].latency_ms: got -1.0"),
        ({"operations": [list(OPERATION._replace(failed=None))]}, "operations[0].failed: got None"),
    ],
)  # fmt: skip
def test_reports_that_are_none_are_refused(change: dict[str, Any], message: str) -> None:
    document = {
        "system": "access", "api": "access-api", "stage": "local",
        "invocations": [list(INVOCATION)], "operations": [list(OPERATION)],
    }  # fmt: skip
    assert parse_batch(document) == batch([INVOCATION], [OPERATION])
    with pytest.raises(ValueError) as caught:
        parse_batch({**document, **change})
    assert str(caught.value) == message
