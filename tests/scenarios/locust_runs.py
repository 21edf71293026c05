"""Runs plain Locust in a process of its own (it patches the one that imports it), until something has happened.

from tests.scenarios.locust_runs import clean_environment, run_until
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90


@dataclass
class Ran:
    """What a finished Locust left."""

    code: int
    stats: dict[str, dict[str, Any]]
    """`METHOD name` → Locust's own statistics."""
    log: str
    output: str
    """Everything that it printed."""


def clean_environment(*more: str, **variables: str) -> dict[str, str]:
    """This process' environment without what Locust, or a scenario (prefixes in `more`), would read from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST", *more))}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


def run_until(
    until: Callable[[], bool], locustfile: object, *arguments: str, users: int, environment: dict[str, str]
) -> Ran:
    """Run it until a condition holds or it ends by itself, then stop it as Ctrl-C would.

    Ended by what has happened, not by time: on a busy machine a second may hold no request at all.
    """
    command = [
        sys.executable, "-m", "locust", "-f", str(locustfile), "--headless", "--json",
        "-u", str(users), "-r", str(users), *arguments,
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while process.poll() is None and not until():
                assert time.monotonic() < deadline, "what the test waits for did not happen"
                time.sleep(0.05)
            process.terminate()
            output, log = process.communicate(timeout=PATIENCE_SECONDS)
        finally:
            process.kill()
    return Ran(process.returncode, _stats(output), log, output + log)


def _stats(output: str) -> dict[str, dict[str, Any]]:
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if line in ("[", "[]")), None)
    # A scenario may print after Locust's list.
    entries = json.JSONDecoder().raw_decode("\n".join(lines[start:]))[0] if start is not None else []
    return {f"{entry['method']} {entry['name']}": entry for entry in entries}
