"""The command as a process: what it refuses, how fast it answers while AWS does not, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from reference.aws.running import RunningAws
from swarmscope.aws.settings import AwsSettings
from swarmscope.edge.cloudwatch_exporter import main
from swarmscope.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90
DRIVER = Path(__file__).with_name("pull_driver.py")
ARGUMENTS = ("--system", "access", "--environment", "local")


class Running:
    """The exporter's process, and what it has said."""

    def __init__(self, process: subprocess.Popen[str], said: Path) -> None:
        self.process = process
        self._said = said
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(r"cloudwatch exporter: (http://\S+)", self.said)):
            assert process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)
        self.url = found[1]

    @property
    def said(self) -> str:
        return self._said.read_text()

    def page(self) -> str:
        return requests.get(f"{self.url}/metrics", timeout=PATIENCE_SECONDS).text

    def until(self, wanted: str, seconds: float = PATIENCE_SECONDS) -> str:
        """The page once it matches."""
        deadline = time.monotonic() + seconds
        while not re.search(wanted, page := self.page(), re.MULTILINE):
            assert time.monotonic() < deadline, f"{page}\n{self.said}"
            time.sleep(0.05)
        return page


@contextlib.contextmanager
def running(folder: Path, settings: dict[str, Any], *arguments: str, **environ: str) -> Iterator[Running]:
    (folder / "aws.json").write_text(json.dumps(settings))
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(folder / "aws.json"), *ARGUMENTS, "--port", "0", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Running(process, folder / "said")
    finally:
        process.kill()
        process.wait()


def metric(name: str, namespace: str, period: int = 10) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "metric": name, "statistics": ["Sum"], "period": period}


def test_no_aws_section_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*ARGUMENTS, "--port", "0"], given=lambda *_: (None, ())) == ExitCode.BAD_CONFIGURATION
    assert capsys.readouterr().err == (
        "scenarios/access/environments.yaml: environments.local: has no `aws` section, so there is nothing to read\n"
        "  hint: docs/cloudwatch-pull.md shows what belongs in it\n"
    )


def test_nothing_to_read_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main([*ARGUMENTS, "--port", "0"], given=lambda *_: (AwsSettings(), ())) == ExitCode.BAD_CONFIGURATION
    )
    assert capsys.readouterr().err == (
        "scenarios/access/environments.yaml: environments.local.aws: names nothing to read\n"
        "  hint: name functions, tables, apis, metrics or tags\n"
    )


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main([*ARGUMENTS, "--port", str(port)], given=lambda *_: (AwsSettings(functions=("f",)), ()))
    assert code == ExitCode.PORT_TAKEN
    assert capsys.readouterr().err == (
        f"port {port} on 127.0.0.1 is in use; the CloudWatch exporter cannot listen there\n"
        "  hint: --port takes another one\n"
    )


def test_an_unknown_system_and_environment_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--system", "acces", "--environment", "local"], ROOT) == ExitCode.BAD_CONFIGURATION
    assert 'scenarios: no system "acces"' in capsys.readouterr().err
    assert main(["--system", "access", "--environment", "lokal"], ROOT) == ExitCode.BAD_CONFIGURATION
    assert 'no environment "lokal"' in capsys.readouterr().err


def test_durations_are_written_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*ARGUMENTS, "--delay", "soon"])
    assert "argument --delay: expected a duration such as 300ms, got soon" in capsys.readouterr().err


def test_it_imports_neither_locust_nor_gevent() -> None:
    code = "import sys, swarmscope.edge.cloudwatch_exporter; print(sorted({'locust', 'gevent'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_page_answers_at_once_while_aws_takes_seconds_and_sigterm_ends_at_once(
    aws: RunningAws, tmp_path: Path
) -> None:
    client = aws.client("cloudwatch")
    now = time.time()
    for start in (0, 1000):
        client.put_metric_data(
            Namespace="Slow",
            MetricData=[
                {"MetricName": f"s{index}", "Values": [1.0], "StorageResolution": 1, "Timestamp": moment}
                for index in range(start, min(start + 1000, 1201))
                for moment in [datetime.fromtimestamp(now + 5, UTC)]
            ],
        )
    settings = {"metrics": [metric(f"s{index}", "Slow", 1) for index in range(1201)], "poll_seconds": 1}
    settings |= {"functions": ["f"], "cold_starts": {"poll_seconds": 1}, "cost_limit_dollars_per_hour": 0}
    arguments = ("--endpoint", aws.url, "--delay", "0s", "--step", "0ms")
    with running(tmp_path, settings, *arguments) as exporter:
        exporter.until(r"^s1200 ")
        aws.put_faults([{"api": "*", "kind": "delay", "delay_ms": 30_000}])
        aws.clear_calls()
        asked = waiting_for(aws, "GetMetricData", "FilterLogEvents")
        session = requests.Session()
        took = []
        for _ in range(50):
            for path in ("/metrics", "/-/healthy"):
                began = time.monotonic()
                assert session.get(exporter.url + path, timeout=PATIENCE_SECONDS).status_code == 200
                took.append((time.monotonic() - began) * 1000)
        print(
            f"while calls of AWS take 30 s: worst {max(took):.1f} ms, median {statistics.median(took):.1f} ms"
        )
        # No call of AWS has ended meanwhile.
        assert {api: counts["calls"] for api, counts in aws.calls().items()} == asked
        # In the middle of a call.
        began = time.monotonic()
        exporter.process.send_signal(signal.SIGTERM)
        assert exporter.process.wait(PATIENCE_SECONDS) == 0
        assert time.monotonic() - began < 20  # whoever waited for AWS would take longer
    aws.put_faults([])


def waiting_for(aws: RunningAws, *apis: str) -> dict[str, int]:
    """The calls that AWS has not answered, once there are some of each."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not set(apis) <= aws.calls().keys():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return {api: counts["calls"] for api, counts in aws.calls().items()}


def test_without_credentials_it_says_so_once_and_serves_its_pages(aws: RunningAws, tmp_path: Path) -> None:
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    settings = {"metrics": [metric("x", "None", 1)], "functions": ["f"], "cold_starts": {"poll_seconds": 1}}
    settings |= {"poll_seconds": 1, "cost_limit_dollars_per_hour": 0}
    with running(tmp_path, settings, "--endpoint", aws.url, "--delay", "0s", **without) as exporter:
        exporter.until(r'^aws_exporter_api_calls_total{operation="FilterLogEvents",result="refused"} ')
        page = exporter.until(
            r'^aws_exporter_api_calls_total{operation="GetMetricData",result="refused"} [2-9]'
        )
        assert 'aws_exporter_poll_success{source="metrics"} 0' in page
        lines = exporter.said.splitlines()
        assert len(lines) == 2, exporter.said
        assert lines[1].endswith("AWS credentials are missing: no metrics from AWS until there are others")
        assert requests.get(exporter.url, timeout=30).text.startswith("<!doctype html>")
        assert requests.get(f"{exporter.url}/-/healthy", timeout=30).text == "healthy\n"
        assert requests.get(f"{exporter.url}/elsewhere", timeout=30).status_code == 404
        answer = requests.get(f"{exporter.url}/metrics", timeout=30)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
