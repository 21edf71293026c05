"""Real parts for the system tests: Prometheus, Alertmanager, receiver, reference services, Locust itself.

One small stack per test file; every Locust run and reference service of it gets free ports of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from swarmscope.alerting.alertmanager_config import alertmanager_config
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.alerting.receivers import Receivers
from swarmscope.names import Job
from tests.ports import free_port
from tests.small_project import make_project
from tests.system.probe import FILES, SYSTEM

ROOT = Path(__file__).resolve().parents[2]
LOCUST = [sys.executable, "-m", "locust"]
DEADLINE = 120.0


@pytest.fixture(scope="session", name="free_port")
def free_port_fixture() -> Callable[[], int]:
    return free_port


@pytest.fixture(scope="session", name="wait_for")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for


def wait_for(what: str, check: Callable[[], Any], timeout: float = DEADLINE, interval: float = 0.1) -> Any:
    """The first truthy answer of `check`; connection errors count as not yet."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            answer = check()
        except requests.RequestException:
            answer = None
        if answer:
            return answer
        time.sleep(interval)
    raise AssertionError(f"{what}: not within {timeout:.0f} s")


def answers(url: str) -> Callable[[], bool]:
    return lambda: requests.get(url, timeout=2).status_code < 500


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Process:
    """A child in a process group of its own, with its output in a file."""

    popen: subprocess.Popen[bytes]
    log: Path

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, timeout: float = DEADLINE) -> int:
        return self.popen.wait(timeout)

    def stop(self, sig: int = signal.SIGTERM) -> None:
        for step in (sig, signal.SIGKILL):
            if self.popen.poll() is not None:
                break
            os.killpg(self.popen.pid, step)
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                continue


@dataclass
class Service:
    """A reference service with faults on command."""

    url: str
    process: Process

    def fault(self, *faults: dict[str, Any]) -> None:
        answer = requests.put(f"{self.url}/faults", json=list(faults), timeout=30)
        assert answer.status_code < 300, answer.text

    def heal(self) -> None:
        assert requests.delete(f"{self.url}/faults", timeout=30).status_code < 300


@dataclass
class Run:
    """One Locust run."""

    id: str
    process: Process
    reports: Path
    exporter_port: int
    stack: Stack
    workers: list[Process] = field(default_factory=list)

    @property
    def exporter(self) -> str:
        return f"http://127.0.0.1:{self.exporter_port}"

    def live(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.exporter}/live", timeout=30).json())

    def wait_for_phase(self, phase: str, timeout: float = DEADLINE) -> None:
        def reached() -> bool:
            assert self.process.popen.poll() is None, self.process.output()
            return phase in json.dumps(self.live())

        wait_for(f"phase {phase} of {self.id}", reached, timeout)

    def finish(self, timeout: float = 120.0) -> int:
        """Wait for the run's own end; returns its exit code."""
        code = self.process.wait(timeout)
        for worker in self.workers:
            worker.wait(120)  # who misses its master's goodbye waits a minute for its heartbeat
        return code

    def result(self) -> dict[str, Any]:
        path = self.reports / self.id / "result.json"
        assert path.exists(), self.process.output()
        return dict(json.loads(path.read_text()))

    def doubts(self) -> list[str]:
        """The reasons to distrust the load, but for a generator that a busy machine made late: that one is rightly
        INVALID, and says nothing about what is tested here."""
        return [each for each in self.result()["invalid"] if "event loop" not in each]

    def notifications(self, **labels: str) -> list[dict[str, Any]]:
        """(alert, received_at) of this run from the receiver, oldest first."""
        kept = requests.get(
            f"{self.stack.receiver}/api/notifications", params={"run": self.id}, timeout=5
        ).json()
        kept = kept["notifications"] if isinstance(kept, dict) else kept
        found = [
            {**alert, "received_at": datetime.fromisoformat(notification["received_at"]).timestamp()}
            for notification in kept
            if notification["kind"] == "notification"
            for alert in notification["alerts"]
            if alert["labels"].get("run") == self.id
            and all(alert["labels"].get(key) == value for key, value in labels.items())
        ]
        return sorted(found, key=lambda alert: float(alert["received_at"]))


@dataclass
class Stack:
    """Prometheus, Alertmanager and receiver, and what is started beside them."""

    folder: Path
    project: Path
    """A checkout with one more system, `probe`."""
    prometheus: str
    alertmanager: str
    receiver: str
    scrape_file: Path
    stoppable_port: int
    """The exporter that the receiver asks to stop runs."""
    processes: list[Process] = field(default_factory=list)
    _exporters: list[int] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, command: list[str], **environment: str) -> Process:
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            popen = subprocess.Popen(
                command,
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.environ.get("TEST_PP", "") + f":{self.project}:{ROOT}",
                    "NO_PROXY": "*",
                    **environment,
                },
            )
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def service(self, name: str, *arguments: str) -> Service:
        """A reference service of the Triggers API of its own."""
        port = free_port()
        database = self.folder / f"{name}.sqlite"
        command = [sys.executable, "-m", "reference.triggers", "--port", str(port), "--faults", "--local-key"]
        process = self.start(name, [*command, "--database", str(database), *arguments])
        url = f"http://127.0.0.1:{port}"
        wait_for(f"service {name}", lambda: listens(port))  # one that hangs from the start never answers
        return Service(url, process)

    def locust(
        self,
        name: str,
        *arguments: str,
        workers: int = 0,
        exporter_port: int = 0,
        headless: bool = True,
        system: str = SYSTEM,
        **environment: str,
    ) -> Run:
        """A Locust run that this stack's Prometheus scrapes."""
        exporter_port, master_port = exporter_port or free_port(), free_port()
        self._exporters.append(exporter_port)
        reports = self.folder / "reports"
        run = f"{name}-{time.time_ns()}"
        bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", str(master_port)]
        master = ["--master", "--expect-workers", str(workers), *bind] if workers else []
        if "--processes" in arguments:
            master = bind
        command = [*LOCUST, "--system", system, "--run-id", run, "--only-summary"]
        command += ["--headless"] if headless else []
        command += ["--exporter-port", str(exporter_port), "--prometheus-url", self.prometheus]
        command += ["--reports-dir", str(reports), *master, *arguments]
        if "--processes" in arguments:
            command += ["--master-port", str(master_port)]
        self._scrape()
        process = self.start(f"{name}-locust", command, **environment)
        join = [
            "--worker",
            "--system",
            system,
            "--master-host",
            "127.0.0.1",
            "--master-port",
            str(master_port),
        ]
        started = [self.start(f"{name}-worker{i}", [*LOCUST, *join], **environment) for i in range(workers)]
        return Run(run, process, reports, exporter_port, self, started)

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = requests.get(
            f"{self.prometheus}/api/v1/query", params={"query": expression}, timeout=10
        ).json()
        assert answer["status"] == "success", answer
        return list(answer["data"]["result"])

    def _scrape(self) -> None:
        # Written beside and renamed: Prometheus must never read half a file.
        with self._lock:
            targets = [{"targets": [f"127.0.0.1:{port}" for port in self._exporters]}]
            draft = self.scrape_file.with_suffix(".draft")
            draft.write_text(json.dumps(targets))
            draft.rename(self.scrape_file)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack for the tests of one file: left running for those after it, its rules would cost a tenth of a core."""
    for program in ("prometheus", "prometheus-alertmanager"):
        assert shutil.which(program), f"{program} is not installed: make test installs it"
    folder = tmp_path_factory.mktemp("stack")
    ports = {name: free_port() for name in ("prometheus", "alertmanager", "receiver")}
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    project = make_project(folder, SYSTEM, FILES)
    scrape_file = folder / "exporters.json"
    scrape_file.write_text("[]")
    config = prometheus_config(
        targets={Job.LOCUST: ["127.0.0.1:1"]},
        alertmanagers=[f"127.0.0.1:{ports['alertmanager']}"],
        rule_files=[
            str(project / "alerts/*.generated.yml"),
            str(project / "prometheus/rules/*.generated.yml"),
        ],
    )
    # Exporters come and go in the tests, so Prometheus reads them from a file instead of a fixed list.
    parsed = yaml.safe_load(config)
    (job,) = (job for job in parsed["scrape_configs"] if job["job_name"] == Job.LOCUST)
    del job["static_configs"]
    job["file_sd_configs"] = [{"files": [str(scrape_file)], "refresh_interval": "1s"}]
    config = yaml.safe_dump(parsed)
    (folder / "prometheus.yml").write_text(config)
    (folder / "alertmanager.yml").write_text(
        alertmanager_config(
            Receivers(), receiver_url=url["receiver"], template_glob=str(ROOT / "alerts/templates/*.tmpl")
        )
    )
    stoppable = free_port()
    stack = Stack(
        folder, project, url["prometheus"], url["alertmanager"], url["receiver"], scrape_file, stoppable
    )
    try:
        receiver = [sys.executable, "-m", "swarmscope.edge.receiver", "--port", str(ports["receiver"])]
        stop = ["--locust", f"http://127.0.0.1:{stoppable}", "--grace", "1"]
        stack.start("receiver", [*receiver, "--state", str(folder / "receiver"), *stop])
        stack.start(
            "alertmanager",
            [
                "prometheus-alertmanager",
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
                "--cluster.listen-address=",
            ],
        )
        stack.start(
            "prometheus",
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/prometheus",
                f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            ],
        )
        wait_for("receiver", answers(f"{stack.receiver}/-/healthy"))
        wait_for("alertmanager", answers(f"{stack.alertmanager}/-/ready"))
        wait_for(
            "prometheus", lambda: requests.get(f"{stack.prometheus}/-/ready", timeout=2).status_code == 200
        )
        yield stack
    finally:
        stack.stop()
