import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

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
    eventually(lambda: marked() == [], seconds=5)
    left = marked()
    for line in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(int(line.partition(":")[0])).kill()
    assert left == []


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> bool:
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


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Ports that are free now, all different, from below the range that systems give to clients."""

    def choose(count: int) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < count:
            port = 10_000 + int.from_bytes(os.urandom(2), "big") % 20_000
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in chosen:
                chosen.append(port)
        return chosen

    return choose


class Runner:
    """Starts the driver in a folder and with ports of its own."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
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
        return self.start(*arguments, command=command).wait(60)

    def beside(self, ports: list[int]) -> "Runner":
        """One that uses the same folder."""
        other = Runner(self.output.parent, ports)
        other.output = self.output.with_name("output-beside")
        return other

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
def runner(tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]) -> Iterator[Runner]:
    runner = Runner(tmp_path, free_ports(len(PORTS)))
    yield runner
    for process in runner.started:
        if process.poll() is None:
            process.kill()
            process.wait()
