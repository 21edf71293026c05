"""Runs plain Locust in a process of its own (it patches the one that imports it), until something has happened.

from tests.scenarios.locust_runs import ask, clean_environment, run_until, start
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90


@dataclass
class Ran:
    """What a finished Locust left."""

    code: int | None
    stats: dict[str, dict[str, Any]]
    """`METHOD name` → Locust's own statistics."""
    log: str
    output: str
    """Everything that it printed."""


def clean_environment(*more: str, **variables: str) -> dict[str, str]:
    """This process' environment without what Locust, or a scenario (prefixes in `more`), would read from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST", *more))}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


class Mother:
    """The process that forks Locusts: locust_mother.py."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(Path(__file__).with_name("locust_mother.py"))]
        self._process = subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdin=theirs)
        theirs.close()

    def ask(self, order: dict[str, Any]) -> Any:
        """What it answers to an order."""
        self._orders.send(json.dumps(order).encode())
        answer = self._orders.recv(1000)
        assert answer, "the mother process of all Locusts is dead"
        return json.loads(answer)

    def end(self) -> None:
        """Let it go."""
        self._orders.close()
        self._process.wait()


@cache
def mother() -> Mother:
    """The one of this test process; its first Locust starts it, and the end of the tests ends it."""
    return Mother()


class Forked:
    """A process that the mother has forked, in a session of its own."""

    def __init__(self, environment: Mapping[str, str], *arguments: str, program: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp())
        os.mkfifo(self._folder / "alive")
        self._alive = os.open(self._folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
        order = {"arguments": arguments, "program": program, "environment": dict(environment)}
        self.pid = mother().ask({**order, "folder": str(self._folder)})
        begun, _, _ = select.select([self._alive], [], [], PATIENCE_SECONDS)
        assert begun, "the fork does not begin"
        os.read(self._alive, 1)
        self.code: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it lives."""
        if self.code is None:
            self.code = mother().ask({"ended": self.pid})
        return self.code

    def terminate(self) -> None:
        """Ask it to end in order."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def communicate(self, timeout: float = PATIENCE_SECONDS) -> tuple[str, str]:
        """What it and the processes that it forked had printed when the last of them was gone."""
        gone, _, _ = select.select([self._alive], [], [], timeout)
        assert gone, "it does not end"
        while self.poll() is None:
            time.sleep(0.005)
        return (self._folder / "output").read_text(), (self._folder / "log").read_text()

    def end(self) -> None:
        """Leave nothing of it behind, whatever happened."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        while self.poll() is None:
            time.sleep(0.005)
        os.close(self._alive)
        shutil.rmtree(self._folder)


@contextlib.contextmanager
def start(environment: Mapping[str, str], *arguments: str, program: str = "") -> Iterator[Forked]:
    """`locust arguments…` (or some lines of Python instead) until the end of the context."""
    forked = Forked(environment, *arguments, program=program)
    try:
        yield forked
    finally:
        forked.end()


def ask(program: str, environment: Mapping[str, str]) -> Any:
    """What some lines of Python assign to `answer`, in a process of their own."""
    with start(environment, program=f"import json\n{program}\nprint(json.dumps(answer))\n") as asked:
        output, log = asked.communicate()
        assert asked.code == 0, log
    return json.loads(output)


def run_until(
    until: Callable[[], bool], locustfile: object, *arguments: str, users: int, environment: dict[str, str]
) -> Ran:
    """Run it until a condition holds or it ends by itself, then stop it as Ctrl-C would.

    Ended by what has happened, not by time: on a busy machine a second may hold no request at all.
    """
    command = (
        "-f", str(locustfile), "--headless", "--json", "-u", str(users), "-r", str(users), *arguments,
    )  # fmt: skip
    with start(environment, *command) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while process.poll() is None and not until():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            time.sleep(0.05)
        process.terminate()
        output, log = process.communicate()
        return Ran(process.code, stats(output), log, output + log)


def stats(output: str) -> dict[str, dict[str, Any]]:
    """`METHOD name` → Locust's own statistics, from what --json prints."""
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if line in ("[", "[]")), None)
    # A scenario may print after Locust's list.
    entries = json.JSONDecoder().raw_decode("\n".join(lines[start:]))[0] if start is not None else []
    return {f"{entry['method']} {entry['name']}": entry for entry in entries}
