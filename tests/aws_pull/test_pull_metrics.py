"""Metrics read from the stand-in over its real protocol: calls, pages, exactness, order, failures."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from exporters.cloudwatch_pull.metrics_reader import scaled
from reference.aws.running import RunningAws, running_aws
from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import Api, AwsSettings

Put = Callable[..., None]
Drive = Callable[..., Any]


def listed(count: int, namespace: str = "Load/Many") -> tuple[ListedMetric, ...]:
    return tuple(
        ListedMetric(f"many_{index:04}", namespace, f"M{index:04}", statistics=("Sum",))
        for index in range(count)
    )


def fill(aws: RunningAws, count: int, at: float, value: float, namespace: str = "Load/Many") -> None:
    client = aws.client("cloudwatch")
    data = [
        {"MetricName": f"M{index:04}", "Timestamp": datetime.fromtimestamp(at, UTC), "Value": value + index}
        for index in range(count)
    ]
    for start in range(0, count, 1000):
        client.put_metric_data(Namespace=namespace, MetricData=data[start : start + 1000])


def test_1201_queries_are_exactly_three_calls(aws: RunningAws, drive: Drive, clock: Any) -> None:
    fill(aws, 1201, clock.now, 1000)
    driven = drive(AwsSettings(metrics=listed(1201), delay_seconds=60))
    clock.now += 125
    aws.clear_calls()
    driven.poll()
    counts = aws.calls()["GetMetricData"]
    assert (counts["calls"], counts["metrics"], counts["most_metrics"]) == (3, 1201, 500)
    assert driven.value("aws_exporter_billed_metrics_total") == 1201
    assert driven.value("aws_exporter_api_calls_total", operation="GetMetricData", result="success") == 3
    values = [driven.value(f"many_{index:04}") for index in (0, 499, 500, 1200)]
    assert values == [1000, 1499, 1500, 2200]
    # What has been read is not paid for again before the next minute has settled.
    clock.now += 30
    driven.poll()
    assert aws.calls()["GetMetricData"]["calls"] == 3


def test_every_page_is_merged(drive: Drive, clock: Any) -> None:
    with running_aws("--datapoints-per-page", "7") as aws:
        for minute in range(3):
            fill(aws, 20, clock.now + 60 * minute, 100 * minute)
        driven = drive(AwsSettings(endpoint_url=aws.url, metrics=listed(20), delay_seconds=0))
        clock.now += 180
        aws.clear_calls()
        driven.poll()
        assert aws.calls()["GetMetricData"]["calls"] > 3
        seen: dict[int, list[float]] = {index: [] for index in range(20)}
        for _ in range(3):
            for index, values in seen.items():
                values.append(driven.value(f"many_{index:04}"))
            clock.now += 6
            driven.refresh()
        assert seen == {index: [index, 100 + index, 200 + index] for index in range(20)}


def test_what_looks_alike_never_mixes(drive: Drive, put_point: Put, clock: Any) -> None:
    put_point("Shop/One", "Wait", clock.now, 1, Queue="a", Zone="x")
    put_point("Shop/Two", "Wait", clock.now, 2, Queue="a", Zone="x")
    put_point("Shop/One", "Wait", clock.now, 4, Queue="x", Zone="a")  # the values swapped
    put_point("Shop/One", "Wait", clock.now, 8, Queue="a", Zone="x", Node="n")
    put_point("Shop/One", "Wait", clock.now, 16, Queue="a")
    put_point("Shop/One", "Wait", clock.now, 32, Zone="x", Queue="a")  # the first one's, the other way round

    def wait(name: str, namespace: str, **dimensions: str) -> ListedMetric:
        return ListedMetric(name, namespace, "Wait", dimensions, ("Sum",))

    driven = drive(
        AwsSettings(
            metrics=(
                wait("one", "Shop/One", Zone="x", Queue="a"),
                wait("two", "Shop/Two", Queue="a", Zone="x"),
                wait("swapped", "Shop/One", Queue="x", Zone="a"),
                wait("extra", "Shop/One", Queue="a", Zone="x", Node="n"),
                wait("fewer", "Shop/One", Queue="a"),
            ),
            delay_seconds=0,
        )
    )
    clock.now += 61
    driven.poll()
    names = ("one", "two", "swapped", "extra", "fewer")
    assert [driven.value(name) for name in names] == [33, 2, 4, 8, 16]
    assert driven.samples("extra")[0].labels == {"queue": "a", "zone": "x", "node": "n"}


def test_families_of_aws_have_their_labels_units_and_zeros(aws: RunningAws, drive: Drive, clock: Any) -> None:
    at = clock.now + 5
    calls = [["f", at, 200, 250, 240, ms, None, 2, str(uuid4()), "s"] for ms in (100, 200, 900)]
    operations = [["t", "GetItem", at, 5, 0.5, 0, False]]
    aws.control(
        "POST",
        "invocations",
        {"system": "shop", "api": "shop", "stage": "prod", "invocations": calls, "operations": operations},
    )
    driven = drive(
        AwsSettings(
            functions=("f", "idle"),
            tables=("t",),
            apis=(Api("shop", "prod"),),
            delay_seconds=0,
            max_age_seconds=600,
        )
    )
    clock.now += 60
    driven.poll()
    assert driven.value("aws_lambda_duration_seconds", function="f", stat="Average") == 0.4
    assert driven.value("aws_lambda_duration_seconds", function="f", stat="Maximum") == 0.9
    assert driven.value("aws_lambda_invocations", function="f") == 3
    assert driven.value("aws_lambda_concurrent_executions", function="f") == 2
    assert driven.value("aws_lambda_throttles", function="idle") == 0  # nothing was throttled
    assert driven.value("aws_lambda_concurrent_executions", function="idle") is None  # not known
    assert driven.value("aws_lambda_duration_seconds", function="f", stat="p50") == 0.2
    latency = {"table": "t", "operation": "GetItem"}
    assert driven.value("aws_dynamodb_request_latency_seconds", **latency, stat="p95") == 0.005
    assert driven.value("aws_dynamodb_request_latency_seconds", **latency, stat="SampleCount") == 1
    assert driven.value("aws_dynamodb_throttled_requests", **latency) == 0
    assert driven.value("aws_apigateway_latency_seconds", api="shop", stage="prod", stat="p99") == 0.25
    # The prometheus_client parser gives seconds: the start of CloudWatch's minute.
    assert driven.timestamp("aws_lambda_invocations", function="f") == clock.now - 60


def test_a_minute_without_a_datapoint_is_absent_not_the_one_before(
    drive: Drive, put_point: Put, clock: Any
) -> None:
    put_point("Shop/Gap", "Depth", clock.now, 7)
    put_point("Shop/Gap", "Depth", clock.now + 120, 9)
    driven = drive(AwsSettings(metrics=(ListedMetric("depth", "Shop/Gap", "Depth"),), delay_seconds=0))
    seen = []
    for _ in range(3):
        clock.now += 60
        driven.poll()
        seen.append(driven.value("depth"))
    assert seen == [7, None, 9]


def test_minutes_that_were_read_late_are_shown_one_after_the_other(
    drive: Drive, put_point: Put, clock: Any
) -> None:
    began = clock.now
    driven = drive(AwsSettings(metrics=(ListedMetric("late", "Shop/Late", "Depth"),), delay_seconds=0))
    for minute in range(4):
        put_point("Shop/Late", "Depth", began + 60 * minute, minute)
    clock.now += 240
    driven.poll()
    shown, settled = [], []
    for _ in range(5):
        shown.append((driven.timestamp("late") - began, driven.value("late")))
        settled.append(driven.value("aws_exporter_settled_timestamp_seconds", source="metrics") - began)
        clock.now += 5
        driven.refresh()
    assert shown == [(0, 0), (60, 1), (120, 2), (180, 3), (180, 3)]
    # Never before the page has shown it.
    assert settled == [60, 120, 180, 240, 240]


def test_a_late_point_is_corrected_and_no_timestamp_goes_back(
    drive: Drive, put_point: Put, clock: Any
) -> None:
    put_point("Shop/Fix", "Sales", clock.now, 10)
    driven = drive(
        AwsSettings(
            metrics=(ListedMetric("sales", "Shop/Fix", "Sales", statistics=("Sum",)),), delay_seconds=0
        )
    )
    clock.now += 60
    driven.poll()
    assert driven.value("sales") == 10
    put_point("Shop/Fix", "Sales", clock.now - 60, 5)  # the first minute grows
    put_point("Shop/Fix", "Sales", clock.now, 3)
    stamps = [driven.timestamp("sales")]
    for _ in range(2):
        clock.now += 60
        driven.poll()
        stamps += [driven.timestamp("sales")] if driven.value("sales") is not None else []
    assert stamps == sorted(stamps)
    assert driven.value("aws_exporter_points_corrected_total", namespace="Shop/Fix") == 1


def test_the_newest_point_itself_is_corrected_on_the_page(drive: Drive, put_point: Put, clock: Any) -> None:
    settings = AwsSettings(
        metrics=(
            ListedMetric("slow_sales", "Shop/Fix2", "Sales", statistics=("Sum",)),
            ListedMetric("fast_sales", "Shop/Fix2", "Fast", statistics=("Sum",), period=10),
        ),
        delay_seconds=0,
        poll_seconds=10,
    )
    put_point("Shop/Fix2", "Sales", clock.now, 10)
    driven = drive(settings, step_seconds=0)
    clock.now += 60
    driven.poll()
    assert driven.value("slow_sales") == 10
    put_point("Shop/Fix2", "Sales", clock.now - 60, 5)
    clock.now += 60
    put_point("Shop/Fix2", "Sales", clock.now - 60, 1)
    driven.poll()
    assert (
        driven.value("slow_sales"),
        driven.value("aws_exporter_points_corrected_total", namespace="Shop/Fix2"),
    ) == (1, 1)


def test_without_timestamps_only_the_newest_is_shown(drive: Drive, put_point: Put, clock: Any) -> None:
    for minute in range(2):
        put_point("Shop/Now", "Depth", clock.now + 60 * minute, minute + 1)
    driven = drive(
        AwsSettings(metrics=(ListedMetric("now", "Shop/Now", "Depth"),), delay_seconds=0, timestamps=False)
    )
    clock.now += 120
    driven.poll()
    assert driven.samples("now")[0].value == 2
    assert driven.samples("now")[0].timestamp is None


def test_a_throttled_batch_leaves_the_others_fresh_and_keeps_its_own_until_max_age(
    aws: RunningAws, drive: Drive, clock: Any
) -> None:
    names = ("many_0000", "many_0500")  # of the first batch, and of the second
    driven = drive(
        AwsSettings(metrics=listed(501, "Load/Two"), delay_seconds=0, max_age_seconds=150), attempts=1
    )
    began = clock.now
    for minute in range(4):
        fill(aws, 501, began + 60 * minute, 1000 * minute, "Load/Two")
    seen = []
    for minute in range(4):
        clock.now += 60
        # From the second minute on, the first call of each poll is refused.
        aws.put_faults([{"api": "GetMetricData", "kind": "throttle", "times": 1}] if minute else [])
        driven.poll()
        seen.append([driven.value(name) for name in names])
    assert seen == [[0, 500], [0, 1500], [0, 2500], [None, 3500]]
    assert driven.value("aws_exporter_api_calls_total", operation="GetMetricData", result="throttled") == 3
    assert driven.value("aws_exporter_stale_series_dropped_total") == 500
    assert driven.value("aws_exporter_poll_success", source="metrics") == 0
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="metrics") == began + 60
    # Once it is answered, what is not too old yet is shown, in its order.
    aws.put_faults([])
    caught_up = []
    for _ in range(3):
        clock.now += 6
        driven.poll()
        caught_up.append(driven.value("many_0000"))
    assert caught_up == [1000, 2000, 3000]
    assert driven.value("aws_exporter_poll_success", source="metrics") == 1


def test_a_throttled_batch_is_tried_again_in_the_same_poll(aws: RunningAws, drive: Drive, clock: Any) -> None:
    driven = drive(AwsSettings(metrics=listed(501, "Load/Again"), delay_seconds=0))
    fill(aws, 501, clock.now, 7, "Load/Again")
    clock.now += 60
    aws.put_faults([{"api": "GetMetricData", "kind": "throttle", "times": 3}])
    aws.clear_calls()
    driven.poll()
    # Both, the second try of both (one of them throttled again), and the third of that one.
    assert aws.calls()["GetMetricData"]["calls"] == 5
    assert (driven.value("many_0000"), driven.value("many_0500")) == (7, 507)
    assert driven.value("aws_exporter_poll_success", source="metrics") == 1


def test_what_aws_answers_only_in_part_is_kept_as_it_was(
    aws: RunningAws, drive: Drive, put_point: Put, clock: Any
) -> None:
    driven = drive(
        AwsSettings(
            metrics=(ListedMetric("half", "Shop/Half", "Sales", statistics=("Sum",), nil_is_zero=True),),
            delay_seconds=0,
        )
    )
    put_point("Shop/Half", "Sales", clock.now, 10)
    clock.now += 60
    driven.poll()
    for kind in ("partial_data", "internal_error", "error_500", "drop"):
        aws.put_faults([{"api": "GetMetricData", "kind": kind}])
        clock.now += 60
        driven.poll()
        assert driven.value("half") == 10, kind  # and not 0, which is what no datapoint would mean
        assert driven.value("aws_exporter_poll_success", source="metrics") == 0, kind
    aws.put_faults([])
    driven.poll()
    clock.now += 30
    for _ in range(4):
        clock.now += 5
        driven.refresh()
    assert driven.value("half") == 0


def test_milliseconds_become_seconds_as_they_would_be_written() -> None:
    assert [scaled(value, 0.001) for value in (1.12, 3.89, 250, 0.1)] == [0.00112, 0.00389, 0.25, 0.0001]
    assert scaled(0.1 + 0.2, 1.0) == 0.1 + 0.2
