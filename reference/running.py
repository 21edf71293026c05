"""Runs a reference service as a process of its own on a free port, for tests and benchmarks."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 10.0
_ROOT = Path(__file__).resolve().parent.parent


class DidNotStart(RuntimeError):
    """The service ended, or said nothing, before it served."""


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def running(module: str, *arguments: str, prefix: Sequence[str] = ()) -> Iterator[Running]:
    """Start `python -m module --port 0 arguments…`, and stop it at the end; `prefix` may be `taskset -c 0`."""
    command = [*prefix, sys.executable, "-m", module, "--port", "0", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line.strip())
        lines.put("")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield Running(_address(lines, module), process)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        if process.stdout is not None:
            process.stdout.close()


def _address(lines: queue.Queue[str], module: str) -> str:
    while True:
        try:
            line = lines.get(timeout=START_SECONDS)
        except queue.Empty:
            raise DidNotStart(f"{module} said nothing for {START_SECONDS:.0f} s") from None
        if not line:
            raise DidNotStart(f"{module} ended before it served")
        if line.startswith("http://"):
            return line
