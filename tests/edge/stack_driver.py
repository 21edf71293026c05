"""Runs `run_load` with a small stand-in for Locust: stack_driver.py SECONDS EXIT_CODE [WORDS …].

Everything else is real: the checks, Prometheus, Alertmanager, the receiver, the reference service, signals, the end.
"""

import os
import sys
from pathlib import Path

from rich.console import Console

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.generator import LoadRequest
from swarmscope.edge.stack.run import run_load
from swarmscope.errors import SwarmscopeError
from swarmscope.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("locust_stand_in.py")


def stand_in(request: LoadRequest, run: str, settings: Settings, *, headless: bool) -> tuple[str, ...]:
    assert headless
    return (sys.executable, str(STAND_IN), str(settings.exporter_port), run, *sys.argv[1:])


if __name__ == "__main__":
    try:
        sys.exit(
            run_load(
                ROOT,
                LoadRequest("triggers", ""),
                read_settings(os.environ),
                os.environ,
                Console(width=140, highlight=False),
                command_of=stand_in,
            )
        )
    except SwarmscopeError as error:
        print(error)
        sys.exit(error.exit_code)
