"""The state folder of a stack: who uses it, where its parts keep things, and what `make up` left running in it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from swarmscope.errors import ConfigurationError, PortTaken, Problem

SAME_START_SECONDS = 1.0
"""A process' start is told to the hundredth, but moves when the system's clock is set."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """`.swarmscope`, or what SWARMSCOPE_STATE says."""

    path: Path

    @property
    def logs(self) -> Path:
        """One log a program, of the last run."""
        return self.path / "logs"

    @property
    def config(self) -> Path:
        """The configuration files that the programs read."""
        return self.path / "config"

    @property
    def record(self) -> Path:
        """What `make up` left running."""
        return self.path / "stack.json"

    def create(self) -> None:
        """Make it and its folders; raises ConfigurationError when that is not possible."""
        try:
            for folder in (self.path, self.logs, self.config):
                folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(13, os.strerror(13))
        except OSError as error:
            hint = "choose another folder with SWARMSCOPE_STATE"
            problem = Problem(
                "environment", "SWARMSCOPE_STATE", f"{self.path} cannot be used: {error.strerror}", hint
            )
            raise ConfigurationError([problem]) from error

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other stacks out of the folder; raises PortTaken when one is in it. Ends with the process."""
        self.create()
        with (self.path / "lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip()
                raise PortTaken(
                    f"another Swarmscope stack{f' (process {holder})' if holder else ''} uses {self.path}",
                    "`make down` ends one that `make up` started; a second one beside it needs SWARMSCOPE_STATE "
                    "and ports of its own",
                ) from None
            file.seek(0)
            file.truncate()
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A process as it is remembered: its id alone may mean another one by now."""

    name: str
    title: str
    pid: int
    started: float
    """Unix seconds."""
    url: str = ""
    log: str = ""

    @classmethod
    def of(cls, name: str, title: str, pid: int, url: str = "", log: str = "") -> RunningProgram:
        """Remember a process that runs now."""
        return cls(name, title, pid, psutil.Process(pid).create_time(), url, log)

    def process(self) -> psutil.Process | None:
        """The process, when it still runs and is still the same one."""
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < SAME_START_SECONDS
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack in the background: the process that holds it, and its programs."""

    holder: RunningProgram
    system: str
    profile: str
    programs: tuple[RunningProgram, ...] = field(default_factory=tuple)

    def save(self, path: Path) -> None:
        """Write it in one step, so that nobody reads half of it."""
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> RunningStack | None:
        """What was left running; None when there is no record, or one that we did not write."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            programs = tuple(RunningProgram(**each) for each in raw["programs"])
            return cls(RunningProgram(**raw["holder"]), raw["system"], raw["profile"], programs)
        except (OSError, ValueError, TypeError, KeyError):
            return None
