import socket
from typing import Any

import pytest
import requests

from reference.aws.__main__ import main
from reference.aws.app import NOTICE
from reference.aws.running import RunningAws, running_aws
from swarmscope.errors import ExitCode


def test_it_says_what_it_is_and_that_it_is_well(aws: RunningAws) -> None:
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"{aws.url}/-/healthy", timeout=10).status_code == 200
        assert session.get(aws.url, timeout=10).json() == {
            "service": "aws",
            "reference": True,
            "notice": NOTICE,
        }


def test_it_prints_what_it_is_before_its_address() -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "reference.aws", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == NOTICE
        assert process.stdout.readline().startswith("http://127.0.0.1:")
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()
    assert process.returncode in (0, -15)


def test_a_taken_port_is_told_with_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == ExitCode.PORT_TAKEN
    assert capsys.readouterr().err == f"Port {port} is in use; choose another with --port.\n"


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--metrics-delay", "soon", "expected a duration such as 5s, at most 60m, got 'soon'"),
        ("--logs-delay", "61m", "expected a duration such as 5s, at most 60m, got '61m'"),
        ("--datapoints-per-page", "0", "expected a whole number from 1 to 100800, got '0'"),
        ("--metrics-per-page", "501", "expected a whole number from 1 to 500, got '501'"),
    ],
)
def test_wrong_options_are_told(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([option, value])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_pages_can_be_made_small() -> None:
    import time

    with running_aws("--datapoints-per-page", "3", "--metrics-per-page", "2") as aws:
        client = aws.client("cloudwatch")
        minute = int(time.time()) // 60 * 60 - 600
        data = [{"MetricName": f"m{number}", "Value": 1.0, "Timestamp": minute} for number in range(5)]
        client.put_metric_data(Namespace="n", MetricData=data)
        listed = client.get_paginator("list_metrics").paginate(Namespace="n")
        assert [len(page["Metrics"]) for page in listed] == [2, 2, 1]
        queries = [
            {"Id": f"q{number}", "MetricStat": {
                "Metric": {"Namespace": "n", "MetricName": f"m{number}"}, "Period": 60, "Stat": "Sum"}}
            for number in range(5)
        ]  # fmt: skip
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=minute, EndTime=minute + 60
        )
        assert [[result["Values"] for result in page["MetricDataResults"]] for page in pages] == [
            [[1.0], [1.0], [1.0], [], []], [[1.0], [1.0]],
        ]  # fmt: skip


def test_counters_are_by_api_and_can_be_cleared(cloud: Any) -> None:
    cloud.put(Values=[1.0, 2.0, 3.0])
    cloud.put("a", Value=1.0)
    cloud.ask(cloud.query("Sum"), cloud.query("Average", Id="x"))
    calls = cloud.aws.calls()
    assert calls["PutMetricData"]["calls"] == calls["PutMetricData"]["succeeded"] == 2
    assert (calls["PutMetricData"]["metrics"], calls["PutMetricData"]["most_values"]) == (2, 3)
    assert (calls["GetMetricData"]["metrics"], calls["GetMetricData"]["errors"]) == (2, {})
    cloud.aws.clear_calls()
    assert cloud.aws.calls() == {}
