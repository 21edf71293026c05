import contextlib
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError

from reference.aws.faults import Faults, Kind, parse_faults
from reference.aws.running import running_aws


def outcome(function: Any, *arguments: Any, **options: Any) -> str:
    """What a call ends in, by name."""
    try:
        function(*arguments, **options)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    except HTTPClientError as error:
        return type(error).__name__
    return "success"


def stored(cloud: Any) -> float:
    """How many samples there are."""
    return sum(each["sample_count"] for each in cloud.aws.metrics(cloud.namespace))


@pytest.mark.parametrize(
    ("kind", "ends_in", "samples"),
    [
        ("throttle", "Throttling", 0),
        ("error_500", "InternalServiceError", 0),
        ("applied_then_500", "InternalServiceError", 1),
        ("drop", ConnectionClosedError.__name__, 0),
        ("applied_then_drop", ConnectionClosedError.__name__, 1),
        ("refuse_credentials", "InvalidClientTokenId", 0),
        ("access_denied", "AccessDenied", 0),
    ],
)
def test_a_fault_hits_as_often_as_it_is_told_to(cloud: Any, kind: str, ends_in: str, samples: int) -> None:
    cloud.aws.put_faults([{"api": "PutMetricData", "kind": kind, "times": 2}])
    assert [outcome(cloud.put, Value=1.0) for _ in range(3)] == [ends_in, ends_in, "success"]
    assert stored(cloud) == 2 * samples + 1
    counts = cloud.aws.calls()["PutMetricData"]
    assert (counts["calls"], counts["succeeded"]) == (3, 1)
    assert sum(counts["errors"].values()) == 2


@pytest.mark.parametrize(
    ("kind", "ends_in"),
    [
        ("throttle", "ThrottlingException"),
        ("error_500", "ServiceUnavailableException"),
        ("refuse_credentials", "UnrecognizedClientException"),
        ("access_denied", "AccessDeniedException"),
    ],
)
def test_logs_have_codes_of_their_own(cloud: Any, logs: Any, kind: str, ends_in: str) -> None:
    cloud.aws.put_faults([{"api": "FilterLogEvents", "kind": kind}])
    assert outcome(logs.filter_log_events, logGroupName="x") == ends_in
    assert outcome(cloud.put, Value=1.0) == "success"


def test_a_star_hits_every_api_until_it_is_replaced(cloud: Any, logs: Any) -> None:
    cloud.aws.put_faults([{"api": "*", "kind": "throttle"}])
    for _ in range(3):
        assert outcome(cloud.put, Value=1.0) == "Throttling"
        assert outcome(logs.describe_log_groups) == "ThrottlingException"
    cloud.aws.put_faults([])
    assert outcome(cloud.put, Value=1.0) == "success"


def test_a_delay_is_waited_for(cloud: Any) -> None:
    cloud.aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 300, "times": 1}])
    began = time.monotonic()
    cloud.put(Value=1.0)
    assert time.monotonic() - began >= 0.3


def test_who_does_not_wait_for_a_delayed_answer_was_heard_all_the_same(cloud: Any) -> None:
    from botocore.config import Config

    client = cloud.aws.client("cloudwatch", config=Config(read_timeout=0.2))
    cloud.aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 1500, "times": 1}])
    with pytest.raises(ReadTimeoutError):
        client.put_metric_data(Namespace=cloud.namespace, MetricData=[{"MetricName": "m", "Value": 1.0}])
    assert stored(cloud) == 1


def test_delayed_calls_do_not_hold_up_others(cloud: Any) -> None:
    from threading import Thread

    def put() -> None:
        # Nobody waits for its end, which may be the stand-in's.
        with contextlib.suppress(Exception):
            cloud.put(Value=1.0)

    cloud.aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 20_000, "times": 1}])
    slow = Thread(target=put, daemon=True)
    slow.start()
    while "PutMetricData" not in cloud.aws.calls():
        time.sleep(0.01)
    assert cloud.ask(cloud.query("Sum"))["MetricDataResults"]
    assert slow.is_alive()


def test_late_data_come_later_than_those_put_after_them(cloud: Any) -> None:
    cloud.aws.put_faults([{"api": "PutMetricData", "kind": "late", "delay_ms": 700, "times": 1}])
    cloud.put(Value=1.0)
    cloud.put(Value=10.0)
    assert cloud.values("Sum") == [10.0]
    deadline = time.monotonic() + 10
    while cloud.values("Sum") != [11.0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_results_can_be_partial_or_failed_within_a_good_answer(cloud: Any) -> None:
    for minute in range(4):
        cloud.put(Value=1.0, Timestamp=cloud.minute + minute * 60)
    cloud.aws.put_faults([
        {"api": "GetMetricData", "kind": "internal_error", "times": 1},
        {"api": "GetMetricData", "kind": "partial_data", "times": 2},
    ])  # fmt: skip
    found = [cloud.ask(cloud.query("Sum"))["MetricDataResults"][0] for _ in range(3)]
    assert [(result["StatusCode"], len(result["Values"])) for result in found] == [
        ("InternalError", 0), ("PartialData", 2), ("Complete", 4),
    ]  # fmt: skip
    assert found[0]["Messages"] == [{"Code": "InternalError", "Value": "A commanded fault of the stand-in."}]


def test_data_appear_after_the_delay() -> None:
    with running_aws("--metrics-delay", "1s") as aws:
        client = aws.client("cloudwatch")
        put_at = time.monotonic()
        client.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1.0}])
        assert client.list_metrics(Namespace="n")["Metrics"] == []
        assert aws.metrics("n") == []
        while not client.list_metrics(Namespace="n")["Metrics"]:
            assert time.monotonic() < put_at + 10
            time.sleep(0.05)
        assert time.monotonic() >= put_at + 0.9


def command(aws: Any, method: str, body: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(f"{aws.url}/_stand-in/faults", body, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b"{}", "expected a list such as"),
        (
            b'[{"api": "PutMetricDate", "kind": "throttle"}]',
            "unknown API PutMetricDate; known are AssumeRole, ",
        ),
        (b'[{"api": "PutMetricData", "kind": "explode"}]', "[0].kind: expected one of throttle"),
        (
            b'[{"api": "PutMetricData", "kind": "empty_page"}]',
            "[0].kind: empty_page is for FilterLogEvents only",
        ),
        (b'[{"api": "PutMetricData", "kind": "throttle", "times": 0}]', "[0].times: expected a whole number"),
        (b'[{"api": "PutMetricData", "kind": "delay", "delay_ms": -1}]', "[0].delay_ms: expected a number"),
        (b'[{"api": "PutMetricData", "kind": "delay", "wait": 1}]', "[0].wait: unknown; known are api, kind"),
        (b"[1]", "[0]: expected an object"),
    ],
)
def test_faults_that_make_no_sense_are_refused_with_the_reason(aws: Any, body: bytes, problem: str) -> None:
    status, answer = command(aws, "PUT", body)
    assert status == 400
    assert answer["problem"].startswith(problem)


def test_without_the_option_nobody_can_command_faults() -> None:
    from reference.running import running

    with running("reference.aws") as service:
        status, answer = command(service, "PUT", b"[]")
        assert (status, answer["problem"]) == (
            403, "Faults can be commanded when the stand-in was started with --faults.",
        )  # fmt: skip


def test_faults_of_one_kind_follow_each_other_and_kinds_add_up() -> None:
    faults = Faults()
    faults.put(parse_faults([
        {"api": "A", "kind": "delay", "delay_ms": 1, "times": 1},
        {"api": "*", "kind": "delay", "delay_ms": 2, "times": 1},
        {"api": "A", "kind": "throttle"},
    ]))  # fmt: skip
    first, second, third = (faults.hit("A") for _ in range(3))
    assert (first[Kind.DELAY].delay_ms, second[Kind.DELAY].delay_ms) == (1, 2)
    assert set(third) == {Kind.THROTTLE}
    assert faults.hit("B") == {}
    assert [fault["times"] for fault in faults.describe()] == [None]
