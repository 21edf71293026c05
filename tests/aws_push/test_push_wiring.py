"""Swarmscope in a real Locust: what the options ask for is pushed, and the page tells what became of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reference.running import running
from swarmscope.report import read_result
from tests.ports import free_port, in_processes

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90
STORED = '{result="stored"}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = tmp_path_factory.mktemp("data") / "triggers.sqlite"
    with running("reference.triggers", "--local-key", "--database", str(database)) as service:
        yield service.url


def series(page: str, name: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in page.splitlines() if line.startswith(name)]
    return {labels.removeprefix(name): float(value) for labels, _, value in lines}


@pytest.mark.parametrize("processes", [pytest.param(1, marks=pytest.mark.long), 2])
def test_a_run_is_pushed_with_its_name_and_the_page_says_what_became_of_it(
    pushed: Any, service: str, tmp_path: Path, processes: int
) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-c",
        "import tests.patience; from locust.main import main; main()",
        "--system",
        "triggers",
        "--load-profile",
        "quick",
        "--host",
        service,
    ]
    command += [
        "--headless",
        "-u",
        "6",
        "-r",
        "100",
        "--run-id",
        "r1",
        "--only-summary",
        *in_processes(processes),
    ]
    command += ["--exporter-port", str(port), "--reports-dir", str(tmp_path / "reports")]
    command += [
        "--cloudwatch-period",
        "10",
        "--cloudwatch-dimension-run",
        "--cloudwatch-endpoint",
        pushed.aws.url,
    ]
    environment = {
        name: value for name, value in pushed.aws.environment.items() if name != "AWS_ENDPOINT_URL"
    }
    log = tmp_path / "log"
    page, began = "", time.time()
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment, "SWARMSCOPE_CLOUDWATCH_NAMESPACE": pushed.namespace, "NO_PROXY": "*"},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            # A window may end when hardly anything has happened: not before one has seen every user.
            while most_users(pushed) < 6 or not series(page, "locust_cloudwatch_data_total").get(STORED):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
                with (
                    suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer,
                ):
                    page = answer.read().decode()
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            while log.read_text().count("data stored") < 1 + 2 * (processes > 1):
                assert time.monotonic() < deadline + PATIENCE_SECONDS, log.read_text()
                time.sleep(0.1)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert "Traceback" not in log.read_text()
    stored = series(page, "locust_cloudwatch_data_total")
    assert stored['{result="dropped"}'] == stored['{result="ambiguous"}'] == 0
    assert series(page, "locust_cloudwatch_calls_total")['{result="stored"}'] >= 1
    assert series(page, "locust_cloudwatch_last_success_timestamp_seconds")[""] >= began
    # Not Locust's summary, which may come before the last report of a worker.
    result = read_result((tmp_path / "reports" / "r1" / "result.json").read_text())
    finished = sum(counts.finished for counts in result.totals.values())
    assert pushed.total("Requests", System="triggers") == finished > 0
    assert pushed.total("Requests", System="triggers", Run="r1") == finished
    of_events = {"System": "triggers", "Method": "POST", "Request": "/events"}
    assert pushed.total("Requests", **of_events) == pushed.total("Requests", **of_events, Run="r1") > 0
    assert most_users(pushed) == 6


def most_users(pushed: Any) -> float:
    """The most users that have been pushed."""
    of_run = pushed.data("Users", System="triggers", Run="r1")
    return max((float(each["maximum"]) for each in of_run), default=0)
