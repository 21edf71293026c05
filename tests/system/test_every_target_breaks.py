"""Each system passes under its default profile, and each target of it breaks under a fault that is injected.

What a person does, with nothing in between: the runner with a stack of its own, and PUT /faults while it runs. A run
takes 40 seconds or more, so the runs are in the long tier; that the table names every target is checked always.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from swarmscope.edge.files import load_system
from swarmscope.settings import Settings
from swarmscope.targets import Moment

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 240


@dataclass(frozen=True)
class Case:
    """A fault, and the targets that must miss their limits for it."""

    system: str
    name: str
    faults: tuple[dict[str, Any], ...]
    breaks: frozenset[str]
    duration: str = "35s"
    healthy: frozenset[str] = field(default_factory=frozenset)
    """Targets that must hold all the same: the fault is not theirs."""

    def __str__(self) -> str:
        return f"{self.system}-{self.name}"


def case(system: str, name: str, breaks: list[str], *faults: dict[str, Any], **options: Any) -> Case:
    """A row of the table."""
    options["healthy"] = frozenset(options.get("healthy", ()))
    return Case(system, name, faults, frozenset(breaks), **options)


SLOW = {"kind": "delay", "delay_ms": 1500}
ERRORS = {"kind": "error", "probability": 0.5, "status": 500}
HANG = {"kind": "hang"}

CASES = [
    case("triggers", "slow", ["post-events-p95", "get-inbox-p95"], SLOW, healthy=["all-error-rate"]),
    case("triggers", "errors", ["all-error-rate"], ERRORS, healthy=["post-events-p95"]),
    case("triggers", "hang", ["post-events-rps-quick", "post-events-p95", "all-error-rate"], HANG),
    case(
        "metrics",
        "slow",
        [f"any-api-v1-{group}-p95" for group in ("auth-any", "metrics-any", "dashboard-any", "admin-any")],
        SLOW,
        healthy=["any-api-v1-any-error-rate", "tenant-leaks", "uptime"],
        duration="40s",
    ),
    case(
        "metrics",
        "slow-visits",
        ["journey-visit-p95"],
        {"kind": "delay", "delay_ms": 450},
        healthy=["journey-visit-error-rate"],
        duration="50s",
    ),
    case(
        "metrics",
        "errors",
        ["any-api-v1-any-error-rate", "journey-visit-error-rate", "uptime"],
        ERRORS,
        healthy=["events-missing", "events-doubled"],
    ),
    case("metrics", "hang", ["any-api-v1-any-rps-quick"], HANG, healthy=["tenant-leaks"]),
    case(
        "metrics", "leak", ["tenant-leaks"], {"kind": "leak", "probability": 0.05}, healthy=["events-missing"]
    ),
    case(
        "metrics",
        "lose",
        ["events-missing"],
        {"kind": "lose", "probability": 0.2},
        healthy=["events-doubled", "tenant-leaks"],
    ),
    case(
        "metrics",
        "double",
        ["events-doubled"],
        {"kind": "double", "probability": 0.2},
        healthy=["events-missing", "tenant-leaks"],
    ),
    case(
        "metrics",
        "unverifiable",
        ["events-unverified", "events-verified"],
        {"kind": "error", "status": 503, "routes": "GET /api/v1/metrics/receipts/*"},
        healthy=["uptime"],
    ),
    case("metrics", "slow-queries", ["database-pool"], {"kind": "slow_query", "delay_ms": 250}),
]
SYSTEMS = sorted(path.parent.name for path in ROOT.glob("scenarios/*/targets.yaml"))


@dataclass
class Stack:
    """The runner's own stack in a folder of its own."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    @property
    def service(self) -> str:
        return f"http://127.0.0.1:{self.ports['SWARMSCOPE_SERVICE_PORT']}"

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def live(self) -> dict[str, Any]:
        port = self.ports["SWARMSCOPE_EXPORTER_PORT"]
        return dict(requests.get(f"http://127.0.0.1:{port}/live", timeout=5).json())

    def result(self) -> dict[str, Any]:
        (path,) = (self.folder / "reports").glob("*/result.json")
        return dict(json.loads(path.read_text()))

    def notified(self) -> set[tuple[str, str]]:
        """(alert, target) of every firing alert that the receiver was sent."""
        lines = (self.folder / "state/receiver/notifications.jsonl").read_text().splitlines()
        return {
            (alert["labels"]["alertname"], alert["labels"].get("target", ""))
            for record in map(json.loads, lines)
            for alert in record.get("alerts", ())
            if alert.get("status") == "firing"
        }


@pytest.fixture
def run(tmp_path, free_port) -> Iterator[Any]:
    """Starts `swarmscope run` for a system."""
    started: list[subprocess.Popen[bytes]] = []

    def start(system: str, duration: str) -> Stack:
        names = [f"SWARMSCOPE_{name.upper()}" for name in Settings.__slots__ if name.endswith("_port")]
        ports = {name: free_port() for name in names}
        settings = {name: str(port) for name, port in ports.items()}
        settings |= {"SWARMSCOPE_STATE": f"{tmp_path}/state", "SWARMSCOPE_REPORTS": f"{tmp_path}/reports"}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SWARMSCOPE_", "LOCUST"))
        }
        kept.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "swarmscope.edge.cli", "run", f"--system={system}"]
        command += [f"--duration={duration}"] if duration else []
        with (tmp_path / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=kept | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return Stack(tmp_path, ports, process)

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_steady(stack: Stack, wait_for: Any) -> None:
    def steady() -> bool:
        assert stack.process.poll() is None, stack.output()
        return any(each["phase"] == "steady" for each in stack.live()["runs"])

    wait_for("the steady phase", steady, 90)


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {judgement["target"]: judgement["status"] for judgement in result["judgements"]}


def test_the_table_breaks_every_target_of_every_default_profile():
    for name in SYSTEMS:
        system = load_system(ROOT, name)
        judged = {target.id for target in system.targets_under(system.default_profile)}
        broken = {target for each in CASES if each.system == name for target in each.breaks}
        assert judged - broken == set(), f"{name}: no case breaks these"
        assert broken - judged == set(), f"{name}: no such targets under {system.default_profile}"


@pytest.mark.long
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_healthy_service_meets_its_targets(system, run):
    stack = run(system, "")
    assert stack.process.wait(RUN_SECONDS) == 0, stack.output()
    result = stack.result()
    assert result["verdict"] == "PASS"
    assert set(statuses(result).values()) == {"PASS"}
    assert [alert["name"] for alert in result["alerts"]] == []


@pytest.mark.long
@pytest.mark.parametrize("each", CASES, ids=str)
def test_a_fault_breaks_its_targets_and_each_notifies(each, run, wait_for):
    stack = run(each.system, each.duration)
    wait_for_steady(stack, wait_for)
    answer = requests.put(f"{stack.service}/faults", json=list(each.faults), timeout=10)
    assert answer.status_code == 200, answer.text
    injected = time.time()
    code = stack.process.wait(RUN_SECONDS)
    result, system = stack.result(), load_system(ROOT, each.system)
    status = statuses(result)
    print(f"\n{each}: exit {code}, " + ", ".join(f"{target} {word}" for target, word in status.items()))
    missed = {target for target, word in status.items() if word == "FAIL"}
    assert each.breaks <= missed, stack.output()
    assert not each.healthy & missed, stack.output()
    assert code == 10, stack.output()
    watched = {target.id for target in system.targets if target.at is Moment.WINDOW}
    fired = {
        alert["labels"].get("target"): alert["started"] - injected
        for alert in result["alerts"]
        if alert["labels"].get("target")
    }
    assert each.breaks & watched <= set(fired), (fired, stack.output())
    assert each.breaks & watched <= {target for _, target in stack.notified()}
