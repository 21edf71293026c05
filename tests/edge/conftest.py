import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
import yaml
from rich.console import Console

from tests.edge.stack_driver import ROOT_VARIABLE, drive
from tests.ports import free_port

MARK = "LEFTOVER_MARK"
DRIVER = Path(__file__).with_name("stack_driver.py")
ROOT = DRIVER.parents[2]
PORTS = (
    "SERVICE",
    "LOCUST",
    "EXPORTER",
    "PROMETHEUS",
    "ALERTMANAGER",
    "RECEIVER",
    "GRAFANA",
    "POSTGRESQL",
    "NODE_EXPORTER",
    "POSTGRES_EXPORTER",
    "CLOUDWATCH_EXPORTER",
    "AWS_STAND_IN",
)

Marked = Callable[[], list[str]]


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Marks every process that the test starts; calling it lists those that still run. None may be left at the end."""
    value = uuid.uuid4().hex
    monkeypatch.setenv(MARK, value)

    def marked() -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.pid != os.getpid() and process.environ().get(MARK) == value
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid}: {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found

    yield marked
    eventually(lambda: marked() == [], seconds=30)
    left = marked()
    for line in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(line.partition(":")[0])).kill()
    assert left == []


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether the condition comes true in time; the time is generous, because machines are shared."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., bool]:
    return eventually


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """Ports that are free now, all different."""
    return lambda count: [free_port() for _ in range(count)]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our project, but that nothing is read from AWS: half of what starts a stack costs goes into its two programs."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    environments = folder / "scenarios" / "triggers" / "environments.yaml"
    written = yaml.safe_load(environments.read_text(encoding="utf-8"))
    del written["environments"]["local"]["aws"]
    environments.write_text(yaml.safe_dump(written), encoding="utf-8")
    return folder


def write_project(folder: Path) -> None:
    """The files that a stack reads, with the system's own to be changed."""
    for name in ("reference", "prometheus", "alerts", "locustfile.py"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "scenarios" / "triggers", folder / "scenarios" / "triggers")


class Runner:
    """Runs stacks of a project in a folder and with ports of its own."""

    def __init__(self, folder: Path, project: Path, ports: list[int]) -> None:
        self.ports = dict(zip(PORTS, ports, strict=True))
        self.state = folder / "state"
        self.output = folder / "output"
        self.environ = {
            **os.environ,
            **{f"SWARMSCOPE_{name}_PORT": str(port) for name, port in self.ports.items()},
            "SWARMSCOPE_STATE": str(self.state),
            "SWARMSCOPE_REPORTS": str(folder / "reports"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONUNBUFFERED": "1",
            ROOT_VARIABLE: str(project),
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self, *arguments: object, command: str = "run", ignore_sigint: bool = False
    ) -> subprocess.Popen[bytes]:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignore_sigint else None
        try:
            with self.output.open("wb") as output:
                process = subprocess.Popen(
                    [sys.executable, str(DRIVER), command, *map(str, arguments)],
                    env=self.environ,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
        finally:
            if before is not None:
                signal.signal(signal.SIGINT, before)
        self.started.append(process)
        return process

    def run(self, *arguments: object, command: str = "run") -> int:
        """The same in this process, which has loaded all that; not for who is sent a signal or leaves a child."""
        with pytest.MonkeyPatch.context() as patch, self.output.open("w", encoding="utf-8") as output:
            for name in os.environ.keys() - self.environ.keys():
                patch.delenv(name)
            for name, value in self.environ.items():
                patch.setenv(name, value)
            console = Console(file=output, width=140, highlight=False)
            return drive(command, [str(each) for each in arguments], self.environ, console)

    def beside(self, ports: list[int]) -> "Runner":
        """One that uses the same folder."""
        other = Runner(self.output.parent, Path(self.environ[ROOT_VARIABLE]), ports)
        other.output = self.output.with_name("output-beside")
        return other

    def end_load(self) -> None:
        """Let the stand-in for Locust end by itself."""
        requests.get(f"http://127.0.0.1:{self.ports['EXPORTER']}/end", timeout=30).close()

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def log(self, name: str) -> str:
        return (self.state / "logs" / f"{name}.log").read_text(encoding="utf-8")

    def pid_of(self, program: str) -> int:
        folder = str(self.state)
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if program in line and folder in line:
                return process.pid
        raise AssertionError(f"{program} does not run")


@pytest.fixture
def runner(
    tmp_path: Path, project: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> Iterator[Runner]:
    runner = Runner(tmp_path, project, free_ports(len(PORTS)))
    yield runner
    for process in runner.started:
        if process.poll() is None:
            process.kill()
            process.wait()
