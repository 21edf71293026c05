"""Where a scenario gets its credentials: environment variables, named in the system's environments.yaml.

The file names variables, never values, so that it can be committed; a value never leaves the process but in the
request that needs it. Works in plain Locust too, where the environment is what `--test-env` or LOCUST_TEST_ENV say.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from swarmscope.errors import ExitCode, SwarmscopeError
from swarmscope.targets.parse import parse_environments

LOCAL = "local"
"""The environment that is meant when none is named and the service is on this machine."""
_SCENARIOS = Path(__file__).parent
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOCAL_HOSTS = "SWARMSCOPE_LOCAL_HOSTS"
"""Names, with commas between, of hosts that stand for this machine: the reference service in docker-compose.yml."""


class MissingCredential(SwarmscopeError):
    """A credential that the scenario cannot do without is not set; names the variable, never a value."""

    exit_code = ExitCode.BAD_CONFIGURATION


def environment_name(locust_environment: Any) -> str:
    """The environment that this Locust runs against; "" when it is not named and the service is elsewhere."""
    options = locust_environment.parsed_options
    named = getattr(options, "test_env", "") or os.environ.get("LOCUST_TEST_ENV", "")
    return named or (LOCAL if is_this_machine(locust_environment.host) else "")


def is_this_machine(host: str | None) -> bool:
    """Whether a service's address is this machine's own, or one of the local stack's."""
    name = urlsplit(host or "").hostname
    ours = {each.strip() for each in os.environ.get(LOCAL_HOSTS, "").split(",")} - {""}
    return name in _LOOPBACK or name in ours


def credential(name: str, system: str, environment: str) -> str | None:
    """A credential's value, None when it is not set; `name` is the key in environments.yaml."""
    variable = variable_of(name, system, environment)
    value = os.environ.get(variable, "").strip() if variable else ""
    return value or None


def credential_list(name: str, system: str, environment: str) -> tuple[str, ...]:
    """A credential that may hold several values, separated by commas: each user takes one in turn."""
    values = (credential(name, system, environment) or "").split(",")
    return tuple(value.strip() for value in values if value.strip())


def variable_of(name: str, system: str, environment: str) -> str:
    """The environment variable that holds a credential; "" when the file names none.

    An environment that the file does not know uses the variable of the first that has this credential: a service
    given by --host alone wants the same kind of key.
    """
    known = _environments(system)
    chosen = [known[environment]] if environment in known else list(known.values())
    return next((names[name] for names in chosen if name in names), "")


@cache
def _environments(system: str) -> Mapping[str, Mapping[str, str]]:
    file = _SCENARIOS / system / "environments.yaml"
    if not file.exists():
        return {}
    known = parse_environments(file.read_text(encoding="utf-8"), f"scenarios/{system}/environments.yaml")
    return {name: environment.credentials for name, environment in known.items()}
