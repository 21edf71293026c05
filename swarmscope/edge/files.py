"""Finds and reads the files of the systems under scenarios/. Reads only; everything else about them is pure.

A system is a folder under scenarios/ with a targets.yaml in it; environments.yaml lies beside it.
"""

from __future__ import annotations

from pathlib import Path

from swarmscope.errors import ConfigurationError, Problem
from swarmscope.targets.choose import choose_environment, choose_profile
from swarmscope.targets.model import Environment, System
from swarmscope.targets.nearest import suggestion
from swarmscope.targets.parse import parse_environments, parse_system

__all__ = [
    "choose_environment",
    "choose_profile",
    "known_systems",
    "load_environments",
    "load_system",
]

SCENARIOS = "scenarios"
TARGETS = "targets.yaml"
ENVIRONMENTS = "environments.yaml"


def known_systems(root: Path) -> list[str]:
    """The names of all systems of the checkout, sorted."""
    folder = root / SCENARIOS
    if not folder.is_dir():
        return []
    try:
        return sorted(path.name for path in folder.iterdir() if (path / TARGETS).is_file())
    except OSError as error:
        raise ConfigurationError([Problem(SCENARIOS, "", f"cannot be read: {error.strerror}")]) from error


def load_system(root: Path, name: str) -> System:
    """The system of this name.

    Raises ConfigurationError with every problem of its targets.yaml, or naming the systems that there are.
    """
    source = _source(root, name, TARGETS)
    system = parse_system(_read(root, source), source)
    if system.name != name:
        message = f'expected "{name}", the name of the folder, got "{system.name}"'
        raise ConfigurationError(
            [Problem(source, "system", message, f"write system: {name}, or rename the folder")]
        )
    return system


def load_environments(root: Path, name: str) -> dict[str, Environment]:
    """The environments of the system of this name; raises ConfigurationError with every problem of the file."""
    source = _source(root, name, ENVIRONMENTS)
    return parse_environments(_read(root, source), source)


def _source(root: Path, name: str, file: str) -> str:
    """The path of a system's file within the checkout, as messages show it."""
    # Only the name of a folder: never a way out of scenarios/.
    if not name.isidentifier() or not (root / SCENARIOS / name).is_dir():
        known = known_systems(root)
        hint = suggestion(name, known, "systems") if known else "`make new NAME=checkout` writes a first one"
        raise ConfigurationError([Problem(SCENARIOS, "", f'no system "{name}"', hint)])
    return f"{SCENARIOS}/{name}/{file}"


def _read(root: Path, source: str) -> str:
    try:
        return (root / source).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        problem = Problem(source, "", "there is no such file", "docs/targets.md shows what belongs in it")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problem = Problem(source, "", "is not UTF-8 text", "save it as UTF-8", line)
    except OSError as error:
        problem = Problem(source, "", f"cannot be read: {error.strerror}")
    raise ConfigurationError([problem]) from None
