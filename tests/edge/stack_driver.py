"""Runs the stack around a small stand-in for Locust: stack_driver.py run|up|hold SECONDS EXIT_CODE [WORDS …].

Everything else is real: the checks, Prometheus, Alertmanager, the receiver, the reference service, signals, the end.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.background import hold, up
from swarmscope.edge.stack.generator import CommandOf, LoadRequest
from swarmscope.edge.stack.run import run_load
from swarmscope.errors import SwarmscopeError
from swarmscope.settings import Settings

ROOT_VARIABLE = "STACK_DRIVER_ROOT"
STAND_IN = Path(__file__).with_name("locust_stand_in.py")


def stand_in(words: Sequence[str]) -> CommandOf:
    """The command line of a stand-in that is told `words`."""

    def command(request: LoadRequest, run: str, settings: Settings, *, headless: bool) -> tuple[str, ...]:
        web_ui = [] if headless else [str(settings.locust_port)]
        return (sys.executable, str(STAND_IN), str(settings.exporter_port), run, *words, *web_ui)

    return command


def drive(command: str, words: Sequence[str], environ: Mapping[str, str], console: Console) -> int:
    """The exit code of the command, whose errors are said."""
    root, request, settings = (
        Path(environ[ROOT_VARIABLE]),
        LoadRequest("triggers", ""),
        read_settings(environ),
    )
    try:
        if command == "hold":
            return hold(root, request, settings, environ, command_of=stand_in(words))
        if command == "up":
            holder = (sys.executable, __file__, "hold", *words)
            return up(root, request, settings, environ, console, holder=holder)
        return run_load(root, request, settings, environ, console, command_of=stand_in(words))
    except SwarmscopeError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(drive(sys.argv[1], sys.argv[2:], os.environ, Console(width=140, highlight=False)))
