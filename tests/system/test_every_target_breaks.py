"""Each system passes under its default profile, and each target of it breaks under a fault that is injected.

What a person does, with nothing in between: the runner with a stack of its own, and PUT /faults while it runs. A run
takes 40 seconds or more, so the runs are in the long tier; that the table names every target is checked always.
"""

import contextlib
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
import psycopg
import pytest
import requests

from swarmscope.edge.files import load_system
from swarmscope.settings import Settings
from swarmscope.targets import Moment
from tests.system.fault_table import CASES, ELSEWHERE

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 240
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
        return dict(requests.get(f"http://127.0.0.1:{port}/live", timeout=30).json())

    def database(self) -> str:
        """The address that Locust was given."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if url := child.environ().get("DATABASE_URL"):
                    return url
        raise AssertionError("no process of the stack knows a database")

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
        broken |= set(ELSEWHERE.get(name, {}))
        assert judged - broken == set(), f"{name}: no case breaks these"
        assert broken - judged == set(), f"{name}: no such targets under {system.default_profile}"


@pytest.mark.parametrize(("target", "file"), [each for some in ELSEWHERE.values() for each in some.items()])
def test_what_breaks_elsewhere_is_named_there(target, file):
    assert target in (ROOT / file).read_text(encoding="utf-8")


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
    time.sleep(each.good_seconds)
    injected = time.time()
    if each.faults:
        answer = requests.put(f"{stack.service}/faults", json=list(each.faults), timeout=10)
        assert answer.status_code == 200, answer.text
    if each.sql:
        time.sleep(4)  # so that there are rows of this run
        with psycopg.connect(stack.database(), autocommit=True) as connection:
            for statement in each.sql:
                connection.execute(statement.encode())
    code = stack.process.wait(RUN_SECONDS)
    result, system = stack.result(), load_system(ROOT, each.system)
    status = statuses(result)
    print(f"\n{each}: exit {code}, " + ", ".join(f"{target} {word}" for target, word in status.items()))
    missed = {target for target, word in status.items() if word == "FAIL"}
    assert each.breaks <= missed, stack.output()
    assert not each.healthy & missed, stack.output()
    assert code == 10, stack.output()
    watched = {target.id for target in system.targets if target.at is not Moment.END}
    fired = {
        alert["labels"].get("target"): alert["started"] - injected
        for alert in result["alerts"]
        if alert["labels"].get("target")
    }
    assert each.breaks & watched <= set(fired), (fired, stack.output())
    assert each.breaks & watched <= {target for _, target in stack.notified()}
