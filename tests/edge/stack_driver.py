"""Runs the stack around a small stand-in for Locust: stack_driver.py run|up|hold SECONDS EXIT_CODE [WORDS …].

Everything else is real: the checks, Prometheus, Alertmanager, the receiver, the reference service, signals, the end.
"""

import os
import sys
from pathlib import Path

from rich.console import Console

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.background import hold, up
from swarmscope.edge.stack.generator import LoadRequest
from swarmscope.edge.stack.run import run_load
from swarmscope.errors import SwarmscopeError
from swarmscope.settings import Settings

ROOT = Path(os.environ.get("STACK_DRIVER_ROOT") or Path(__file__).resolve().parents[2])
STAND_IN = Path(__file__).with_name("locust_stand_in.py")


def stand_in(request: LoadRequest, run: str, settings: Settings, *, headless: bool) -> tuple[str, ...]:
    web_ui = [] if headless else [str(settings.locust_port)]
    return (sys.executable, str(STAND_IN), str(settings.exporter_port), run, *sys.argv[2:], *web_ui)


def main() -> int:
    command, request, settings = sys.argv[1], LoadRequest("triggers", ""), read_settings(os.environ)
    if command == "hold":
        return hold(ROOT, request, settings, os.environ, command_of=stand_in)
    console = Console(width=140, highlight=False)
    if command == "up":
        holder = (sys.executable, __file__, "hold", *sys.argv[2:])
        return up(ROOT, request, settings, os.environ, console, holder=holder)
    return run_load(ROOT, request, settings, os.environ, console, command_of=stand_in)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SwarmscopeError as error:
        print(error)
        sys.exit(error.exit_code)
