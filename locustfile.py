"""Wires Swarmscope into Locust: settings → recorder → exporters → verdict. Run it from this folder.

    locust --system triggers --profile baseline

Everything that Locust offers works as ever; what is added is in `locust --help` under "Swarmscope". The system's
user classes come from scenarios/<system>/users.py, its targets and load profiles from targets.yaml beside it.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

from locust import User, events

from swarmscope.edge.environment import read_settings
from swarmscope.edge.locust_options import add_options, read_ahead
from swarmscope.edge.locust_wiring import wire
from swarmscope.errors import SwarmscopeError

ROOT = Path(__file__).resolve().parent

try:
    SETTINGS = read_settings(os.environ)
    CHOICE = read_ahead(ROOT, sys.argv[1:])
except SwarmscopeError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(error.exit_code)

# Locust takes the user classes that it finds among this module's names.
globals().update(
    {
        name: value
        for name, value in vars(importlib.import_module(f"scenarios.{CHOICE.system.name}.users")).items()
        if isinstance(value, type) and issubclass(value, User) and not value.abstract
    }
)


@events.init_command_line_parser.add_listener
def _on_parser(parser: object, **_: object) -> None:
    add_options(parser, CHOICE, SETTINGS)


@events.init.add_listener
def _on_init(environment: object, runner: object, web_ui: object, **_: object) -> None:
    wire(environment, runner, web_ui, CHOICE)
