"""What is pushed is in CloudWatch once, whatever the network and AWS do; what is not is counted."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

PROGRAM = Path(__file__).with_name("push_program.py")
ROOT = Path(__file__).resolve().parents[2]


Push = Callable[..., dict[str, Any]]


@contextlib.contextmanager
def pushing() -> Iterator[Push]:
    """Does jobs in a process that has loaded Locust and boto3 once."""
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def push(scenario: str, endpoint: str, namespace: str, **environment: str) -> dict[str, Any]:
            job = {"scenario": scenario, "endpoint": endpoint, "namespace": namespace}
            line = json.dumps(job | {"environment": {**os.environ, **environment}})
            process.stdin.write(line + "\n")
            process.stdin.flush()
            # An empty line: it has ended, and has said why.
            return json.loads(process.stdout.readline())

        try:
            yield push
        finally:
            process.kill()


@pytest.fixture(scope="module")
def push() -> Iterator[Push]:
    with pushing() as push:
        yield push


def fates(result: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in result["data"].items() if number}


def outcomes(result: dict[str, Any]) -> dict[str, int]:
    return {name: number for name, number in result["calls"].items() if number}


def assert_six_windows(pushed: Any, result: dict[str, Any]) -> None:
    """Each window's datapoints carry its own start, and nothing is missing or there twice."""
    of_all = pushed.data("Requests", System="probe")
    assert [(each["timestamp"], each["sum"]) for each in of_all] == [
        (start, 100) for start in result["starts"]
    ]
    assert pushed.total("Failures", System="probe") == 60
    durations = pushed.data("RequestDuration", System="probe")
    assert [each["sample_count"] for each in durations] == [100] * 6
    assert sum(each["sum"] for each in pushed.data("Requests")) == 1200


def exact_percentile(values: list[float], percent: int) -> float:
    return sorted(values)[math.ceil(Fraction(percent, 100) * len(values)) - 1]


@pytest.mark.usefixtures("credentials")
def test_120_000_samples_of_20_endpoints_with_two_modes_are_read_back(pushed: Any, push: Push) -> None:
    result = push("percentiles", pushed.aws.url, pushed.namespace)
    assert fates(result) == {"stored": result["made"]}
    client = pushed.aws.client("cloudwatch")
    statistics = ["p50", "p95", "p99", "SampleCount", "Sum", "Minimum", "Maximum"]
    worst = 0.0
    for name, milliseconds in result["exact"].items():
        dimensions = {"System": "probe", "Method": "GET", "Request": name}
        metric = {
            "Namespace": pushed.namespace,
            "MetricName": "RequestDuration",
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        }
        queries = [
            {"Id": f"q{index}", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": statistic}}
            for index, statistic in enumerate(statistics)
        ]
        span = {"StartTime": result["start"] - 60, "EndTime": result["start"] + 3540}
        answer = client.get_metric_data(MetricDataQueries=queries, **span)["MetricDataResults"]
        read = dict(zip(statistics, (each["Values"][0] for each in answer), strict=True))
        seconds = [value / 1000 for value in milliseconds]
        assert len(seconds) == 6000
        assert read["SampleCount"] == 6000
        assert math.isclose(read["Sum"], math.fsum(seconds), rel_tol=1e-9)
        assert (read["Minimum"], read["Maximum"]) == (min(seconds), max(seconds))
        for percent in (50, 95, 99):
            exact = exact_percentile(seconds, percent)
            worst = max(worst, abs(read[f"p{percent}"] / exact - 1))
    assert worst < 0.01
    print(f"worst percentile is off by {worst:.2%}")
    assert pushed.aws.calls()["PutMetricData"]["most_values"] <= 150


@pytest.mark.usefixtures("credentials")
def test_twenty_throttles_lose_nothing_and_windows_stay_their_own(pushed: Any, push: Push) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": "throttle", "times": 20}])
    result = push("plain", pushed.aws.url, pushed.namespace)
    assert outcomes(result) == {"throttled": 20, "stored": 6}
    assert fates(result) == {"stored": result["made"]}
    assert_six_windows(pushed, result)
    assert result["log"].count("CloudWatch throttles our calls") == 1
    assert result["log"].count("CloudWatch takes our data again") == 1


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("kind", "windows"), [("applied_then_500", 6), ("error_500", 4), ("applied_then_drop", 6)]
)
def test_a_call_with_an_unknown_end_is_counted_and_not_repeated(
    pushed: Any, push: Push, kind: str, windows: int
) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": kind, "times": 2}])
    result = push("plain", pushed.aws.url, pushed.namespace)
    assert outcomes(result) == {"ambiguous": 2, "stored": 4}
    assert fates(result) == {"stored": result["made"] * 4 // 6, "ambiguous": result["made"] * 2 // 6}
    assert pushed.total("Requests", System="probe") == 100 * windows  # nothing doubled
    assert result["log"].count("did not say whether it took a call") == 1


@pytest.mark.usefixtures("credentials")
def test_a_read_timeout_is_counted_and_not_repeated(pushed: Any, push: Push) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 1500, "times": 1}])
    result = push("read_timeout", pushed.aws.url, pushed.namespace)
    assert outcomes(result) == {"ambiguous": 1, "stored": 5}
    deadline = time.monotonic() + 20
    while pushed.total("Requests", System="probe") < 600 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert_six_windows(pushed, result)  # it was applied after all, once


@pytest.mark.usefixtures("credentials")
def test_who_wants_nothing_lost_may_have_it_doubled(pushed: Any, push: Push) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": "applied_then_500", "times": 1}])
    result = push("repeat_ambiguous", pushed.aws.url, pushed.namespace)
    assert fates(result) == {"stored": result["made"]}
    assert pushed.total("Requests", System="probe") == 700


@pytest.mark.usefixtures("credentials")
def test_an_endpoint_that_is_gone_leaves_memory_bounded_and_the_end_in_time(pushed: Any, push: Push) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    with pushing() as push_alone:  # whose memory nobody else has used
        result = push_alone("bounded", gone, pushed.namespace)
    assert not result["flushed"]
    # Sent = stored + dropped; an attempt that the deadline finds on its way has no known end.
    assert sum(result["data"].values()) == result["made"]
    assert result["data"]["dropped"] > 0.95 * result["made"]
    assert result["data"]["stored"] == result["backlog"] == 0
    assert set(outcomes(result)) == {"unreachable"}
    # Tried for the second that the end may take, at most every 25 ms: without a bound it would go on.
    assert outcomes(result)["unreachable"] < 100
    assert result["grown_kb"] < 20_000
    assert result["log"].count("CloudWatch cannot be reached") == 1


@pytest.mark.usefixtures("credentials")
def test_what_is_on_its_way_at_the_deadline_is_ambiguous_and_the_rest_dropped(
    pushed: Any, push: Push
) -> None:
    # Who waited for the answer would have stored what is said to be ambiguous.
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": "delay", "delay_ms": 20_000}])
    result = push("short_flush", pushed.aws.url, pushed.namespace)
    part = result["made"] // 6
    assert fates(result) == {"ambiguous": part, "dropped": 5 * part}


@pytest.mark.parametrize("kind", ["refuse_credentials", "access_denied"])
@pytest.mark.usefixtures("credentials")
def test_refused_credentials_are_one_message_and_never_in_the_log(pushed: Any, push: Push, kind: str) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": kind}])
    secrets = {
        "AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKE0000",
        "AWS_SECRET_ACCESS_KEY": "fake-secret-fake-secret",
        "AWS_SESSION_TOKEN": "fake-session-token",
    }
    result = push("plain", pushed.aws.url, pushed.namespace, **secrets)
    assert fates(result) == {"dropped": result["made"]}
    assert outcomes(result) == {"credentials": 1}  # nobody repairs them in the last seconds
    assert result["log"].count("CloudWatch does not accept our AWS credentials") == 1
    for secret in secrets.values():
        assert secret not in result["log"]


def test_missing_credentials_are_one_message(pushed: Any, push: Push, tmp_path: Path) -> None:
    nowhere = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no"), "AWS_CONFIG_FILE": str(tmp_path / "no")}
    nowhere["AWS_EC2_METADATA_DISABLED"] = "true"
    result = push("plain", pushed.aws.url, pushed.namespace, **nowhere)
    assert fates(result) == {"dropped": result["made"]}
    assert outcomes(result) == {"credentials": 1}  # nobody repairs them in the last seconds
    assert result["log"].count("CloudWatch does not accept our AWS credentials (NoCredentialsError)") == 1
    assert "PutMetricData" not in pushed.aws.calls()
