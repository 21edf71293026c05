"""Targets at: settled in whole runs of the access system: a cold-start fault breaks theirs, and AWS may go away.

The runner with a stack of its own, the stand-in for AWS in it. Each run takes a minute, so they are in the long tier;
`tests/aws_judge/` has the same way from a log line to a verdict without load.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from swarmscope.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 200
TARGET = "cold-start-p95"

pytestmark = pytest.mark.long


@dataclass
class Run:
    """`swarmscope run --system access` with ports and folders of its own."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'SWARMSCOPE_{part}_PORT']}"

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def live(self) -> dict[str, Any]:
        runs = requests.get(f"{self.url('EXPORTER')}/live", timeout=30).json()["runs"]
        return dict(runs[-1])

    def result(self) -> dict[str, Any]:
        (path,) = (self.folder / "reports").glob("*/result.json")
        return dict(json.loads(path.read_text()))

    def judgement(self, target: str = TARGET) -> dict[str, Any]:
        return next(dict(each) for each in self.result()["judgements"] if each["target"] == target)

    def notified(self) -> set[tuple[str, str]]:
        lines = (self.folder / "state/receiver/notifications.jsonl").read_text().splitlines()
        return {
            (alert["labels"]["alertname"], alert["labels"].get("target", ""))
            for record in map(json.loads, lines)
            for alert in record.get("alerts", ())
            if alert.get("status") == "firing"
        }

    def program(self, module: str) -> psutil.Process:
        """The process of the stack that runs this module."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if module in child.cmdline())

    def pids(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def access(tmp_path, free_port) -> Iterator[Any]:
    """Starts a run of access."""
    started: list[subprocess.Popen[bytes]] = []

    def start(duration: str) -> Run:
        names = [f"SWARMSCOPE_{name.upper()}" for name in Settings.__slots__ if name.endswith("_port")]
        ports = {name: free_port() for name in names}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SWARMSCOPE_", "LOCUST", "AWS_")) and name != "DATABASE_URL"
        }
        settings = {name: str(port) for name, port in ports.items()}
        settings |= {"SWARMSCOPE_STATE": f"{tmp_path}/state", "SWARMSCOPE_REPORTS": f"{tmp_path}/reports"}
        command = [sys.executable, "-m", "swarmscope.edge.cli", "run", "--system=access"]
        with (tmp_path / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [*command, f"--duration={duration}"],
                cwd=ROOT,
                # What real credentials of the user's would be: the stand-in's programs must not see them.
                env=kept | settings | {"AWS_PROFILE": "nobody-has-this", "AWS_SESSION_TOKEN": "x"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return Run(tmp_path, ports, process)

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def until(run: Run, wait_for: Any, what: str, condition: Any, seconds: float = 90) -> None:
    def holds() -> bool:
        assert run.process.poll() is None, run.output()
        try:
            return bool(condition(run.live()))
        except (requests.RequestException, IndexError):
            return False

    wait_for(what, holds, seconds)


def test_slow_starts_of_instances_break_their_target_notify_and_fail_the_run(access, wait_for):
    run = access("35s")
    until(run, wait_for, "the steady phase", lambda live: live["phase"] == "steady")
    fault = {"kind": "cold_start", "routes": "POST /authorize", "delay_ms": 3500, "jitter_ms": 200}
    assert requests.put(f"{run.url('SERVICE')}/faults", json=[fault], timeout=10).status_code == 200
    began = time.time()
    assert run.process.wait(RUN_SECONDS) == 10, run.output()
    judgement = run.judgement()
    print(f"\n{judgement['reason']}; notified: {run.notified()}; {time.time() - began:.0f} s after the fault")
    assert judgement["status"] == "FAIL", run.output()
    assert judgement["value"] > 3
    assert ("ServerTargetBreached", TARGET) in run.notified(), run.output()


def test_without_aws_its_target_is_no_data_and_the_load_goes_on(access, wait_for):
    run = access("25s")
    until(run, wait_for, "the steady phase", lambda live: live["phase"] == "steady")
    run.program("reference.aws").kill()
    until(run, wait_for, "the verdict to wait", lambda live: live["settling"])
    assert run.process.wait(RUN_SECONDS) == 12, run.output()
    assert "waiting for CloudWatch to settle" in run.output()
    statuses = {each["target"]: each["status"] for each in run.result()["judgements"]}
    print(f"\n{run.judgement()['reason']}; {statuses}")
    assert statuses.pop(TARGET) == "NO DATA"
    assert set(statuses.values()) == {"PASS"}
    assert run.judgement()["reason"].startswith("CloudWatch's logs were known until ")
    assert "cold starts and metrics of AWS end here, and targets on them are NO DATA" in run.output()


def test_ctrl_c_ends_the_waiting_and_not_the_report(access, wait_for):
    run = access("20s")
    until(run, wait_for, "the steady phase", lambda live: live["phase"] == "steady")
    run.program("reference.aws").kill()
    until(run, wait_for, "the verdict to wait", lambda live: live["settling"])
    programs = run.pids()
    run.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    code = run.process.wait(RUN_SECONDS)
    print(f"\nexit {code} {time.monotonic() - began:.1f} s after Ctrl-C; {run.judgement()['reason']}")
    assert time.monotonic() - began < 20
    assert code == 12, run.output()
    assert "interrupted by hand" in run.judgement()["reason"]
    assert not [program for program in programs if program.is_running()]
