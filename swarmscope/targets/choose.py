"""Picks the load profile and the environment that somebody asked for by name. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

from swarmscope.errors import ConfigurationError, Problem
from swarmscope.targets.model import Environment, Profile, System
from swarmscope.targets.nearest import suggestion

LOCAL = "local"
"""The environment that is meant when several are there and none is named."""


def choose_profile(system: System, name: str | None) -> Profile:
    """The load profile of this name, or the system's default; raises ConfigurationError with the nearest known one."""
    wanted = name or system.default_profile
    if wanted not in system.profiles:
        hint = suggestion(wanted, system.profiles, "profiles")
        raise ConfigurationError(
            [Problem(system.source or system.name, "profiles", f'no load profile "{wanted}"', hint)]
        )
    return system.profiles[wanted]


def choose_environment(
    environments: Mapping[str, Environment], name: str | None, source: str = "environments.yaml"
) -> Environment:
    """The environment of this name; without a name `local`, or the only one there is.

    Raises ConfigurationError that names what there is to choose from.
    """
    if name:
        if name not in environments:
            hint = suggestion(name, environments, "environments")
            raise ConfigurationError([Problem(source, "environments", f'no environment "{name}"', hint)])
        return environments[name]
    if LOCAL in environments:
        return environments[LOCAL]
    if len(environments) == 1:
        return next(iter(environments.values()))
    raise ConfigurationError(
        [
            Problem(
                source,
                "environments",
                f"name one of {', '.join(environments)}, since none is called {LOCAL}",
                "--test-env NAME, or --host with an address",
            )
        ]
    )
