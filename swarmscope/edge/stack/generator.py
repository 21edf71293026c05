"""Locust's command line for one run, and what the exit code that it ended with means."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from swarmscope.edge.stack.ports import free_port
from swarmscope.edge.stack.processes import Program
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings

LOCUST_PLUGINS_CHECK = 3
"""Exit code of locust-plugins' --check-rps, --check-fail-ratio and --check-avg-response-time."""

STOP_SECONDS = 60.0
"""What Locust gets to end its users, gather its workers' last reports, wait for a scrape and write the reports."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What the user wants Locust to do; "" and None leave it to the targets file."""

    system: str
    profile: str
    host: str = ""
    environment: str = ""
    duration: str = ""
    """As Locust takes it: `30`, `90s`, `1h30m`."""
    users: int | None = None
    processes: int | None = None
    arguments: Sequence[str] = ()
    """Further options, given to Locust as they are."""


class CommandOf(Protocol):
    """Makes the load generator's command line; Locust's, unless a test wants a quicker one."""

    def __call__(  # noqa: D102 (the class says it)
        self, request: LoadRequest, run: str, settings: Settings, *, headless: bool
    ) -> tuple[str, ...]: ...


def run_id(request: LoadRequest, stamp: str) -> str:
    """`triggers-baseline-20250101-120000`, from a `stamp` like `20250101-120000`."""
    return f"{request.system}-{request.profile}-{stamp}"


def locust_command(
    request: LoadRequest, run: str, settings: Settings, *, headless: bool, python: str = sys.executable
) -> tuple[str, ...]:
    """Plain Locust: everything here can be typed by hand."""
    # Not the `locust` script: its first line names the Python of the folder where it was installed.
    command = [python, "-m", "locust", "-f", "locustfile.py", "--system", request.system]
    command += ["--profile", request.profile]
    if headless:
        command += ["--headless", "--run-id", run]
    else:
        command += ["--web-host", settings.bind, "--web-port", str(settings.locust_port)]
    optional = (
        ("--test-env", request.environment),
        ("--host", request.host),
        ("--run-time", request.duration),
        ("--users", "" if request.users is None else str(request.users)),
        ("--processes", "" if request.processes is None else str(request.processes)),
    )
    for option, value in optional:
        if value:
            command += [option, value]
    if request.processes is not None:
        # Locust's own port for them is the same for everybody: two runs side by side would take each other's workers.
        port = str(free_port())
        command += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        command += ["--master-host", "127.0.0.1", "--master-port", port]
    command += [
        *("--exporter-port", str(settings.exporter_port)),
        *("--prometheus-url", settings.url(settings.prometheus_port)),
        *("--reports-dir", settings.reports),
    ]
    return (*command, *request.arguments)


def locust_program(
    command: Sequence[str], environment: dict[str, str], *, health_url: str = "", url: str = ""
) -> Program:
    """Locust as a program of the stack; killed runners leave it the time to end its workers by itself."""
    return Program(
        "locust",
        "Locust",
        tuple(command),
        health_url,
        environment,
        url=url,
        ready_seconds=60.0,
        stop_seconds=STOP_SECONDS,
        stop_signal=signal.SIGINT,
        death_signal="TERM",
    )


def split_arguments(text: str) -> list[str]:
    """`LOCUST_ARGS="--tags 'a b'"` as separate arguments; ValueError for a quote that is not closed."""
    return shlex.split(text)


def outcome(exit_code: int) -> ExitCode | None:
    """The documented exit code that Locust ended with; None when it ended without a verdict.

    Locust's own 1 and 2 (an error of its own, a wrong option) are no verdict, nor is death by a signal.
    """
    try:
        return ExitCode(exit_code)
    except ValueError:
        return None


def is_checkout(root: Path) -> bool:
    """Whether `root` is a folder that load can be run from."""
    return (root / "locustfile.py").is_file() and (root / "scenarios").is_dir()
