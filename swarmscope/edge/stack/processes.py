"""One started program of the stack: its health, its log, its end. Built on mirakuru.

mirakuru marks its children in their environment, so that even grandchildren in another process group are found and
ended, and ends them when Python exits. What it cannot do is end them when we are killed outright: where the system
has `setpriv`, the kernel is asked to do that.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mirakuru import HTTPExecutor, SimpleExecutor, TimeoutExpired
from mirakuru.exceptions import ProcessFinishedWithError

from swarmscope.errors import ComponentFailed, PortTaken

POLL_SECONDS = 0.05
HEALTH_SECONDS = 1.0
"""A health check that hangs must not use up the time that the program has to get ready."""


@dataclass(frozen=True, slots=True)
class Program:
    """How to start one program of the stack, and how to see that it is ready."""

    name: str
    """Of the log file and the state file: `prometheus`."""
    title: str
    command: tuple[str, ...]
    health_url: str
    """Answers 2xx when the program is ready; "" when starting it is enough."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Additional variables; may hold credentials, so never shown."""
    url: str = ""
    """What a person opens in a browser."""
    ready_seconds: float = 30.0
    stop_seconds: float = 5.0
    stop_signal: int = signal.SIGTERM
    death_signal: str = "KILL"
    """What the kernel sends it when we are killed."""
    needed_by_load: bool = False
    """Whether the load makes no sense without it."""
    check: Callable[[], bool] | None = None
    """Says whether it is ready, where no URL can."""
    carries_others: bool = False
    """Whether others need it from their start to their end: it is ready before they start, and ends after them."""
    is_optional: bool = False
    """Whether a run is as good without it, but for what only it can measure."""


class Interrupted(Exception):
    """The user asked to stop while something was being started."""


class Process(HTTPExecutor):  # type: ignore[misc]
    """A program of the stack in its own process group, logging to a file."""

    def __init__(self, program: Program, log: Path, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.program = program
        self.log = log
        self._interrupted = interrupted
        super().__init__(
            [*dying_with_parent(program.death_signal), *program.command],
            url=program.health_url or "http://127.0.0.1",
            method="GET",
            request_timeout=HEALTH_SECONDS,
            timeout=program.ready_seconds,
            sleep=POLL_SECONDS,
            stop_signal=program.stop_signal,
            envvars=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )

    def launch(self) -> None:
        """Start the program without waiting for it, so that a stack's programs get ready side by side."""
        if self.program.health_url and self.pre_start_check():
            raise PortTaken(f"port {self.port} ({self.program.title}) is in use", "stop what listens there")
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("wb") as output:
                self._stdout = output
                SimpleExecutor.start(self)
        except OSError as error:
            raise ComponentFailed(f"{self.program.title} cannot be started: {error}") from error

    def await_ready(self) -> None:
        """Wait until it is healthy; raises ComponentFailed with the log's last lines when that does not happen."""
        try:
            self.wait_for(self._is_ready)
        except TimeoutExpired as error:
            seconds = f"{self.program.ready_seconds:.0f} s"
            raise ComponentFailed(
                f"{self.program.title} was not ready after {seconds}{self.last_words()}",
                f"its log is {self.log}",
            ) from error

    def _is_ready(self) -> bool:
        if self._interrupted():
            raise Interrupted
        code = self.exit_code
        if code is not None:
            raise ComponentFailed(
                f"{self.program.title} {in_words(code)} while starting{self.last_words()}",
                f"its log is {self.log}",
            )
        if self.program.check is not None:
            return self.program.check()
        return not self.program.health_url or self.after_start_check()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return None if self.process is None else self.process.poll()

    @property
    def pid(self) -> int | None:
        """Its process id while it is ours to stop."""
        return None if self.process is None else self.process.pid

    def ask_to_stop(self, sig: int) -> None:
        """Send a signal to the program itself, not to its children: Locust ends its workers in its own order."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(sig)

    def end(self, at_most: float = math.inf) -> None:
        """Stop it and everything that it started: politely, and by force when that takes too long."""
        self._timeout = min(self.program.stop_seconds, at_most)
        # How it ended no longer matters, and when it mattered, exit_code has told.
        with contextlib.suppress(ProcessFinishedWithError):
            self.stop()
        # What it leaves behind, in whatever process group, has nobody left to end it.
        self.kill()

    def last_words(self, lines: int = 10) -> str:
        """The last lines of its log, each indented, to be added to a message; "" when it wrote nothing."""
        return "".join(f"\n  | {line}" for line in tail(self.log, lines))


def tail(path: Path, lines: int) -> list[str]:
    """The last non-empty lines of a text file; reads no more than its end."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 400 * lines))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def in_words(exit_code: int) -> str:
    """`ended with exit code 1`, `was ended by SIGKILL`."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was ended by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was ended by signal {-exit_code}"


def dying_with_parent(death_signal: str = "KILL") -> tuple[str, ...]:
    """A prefix that makes the kernel end the program when we are killed; empty where there is no setpriv."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", death_signal, "--") if setpriv else ()
