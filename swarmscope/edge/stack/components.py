"""Finds the programs that the stack is made of and asks each for its version; says how to install what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from swarmscope.errors import ComponentMissing

VERSION_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Component:
    """A program that must be on this machine."""

    title: str
    names: tuple[str, ...]
    """What it may be called: Debian renames some."""
    package: str
    """Debian's and Ubuntu's package."""
    minimum: tuple[int, int]
    """The oldest version that our configuration and rules are valid in."""
    folders: str = ""
    """Where it is looked for beside the PATH, with wildcards; of several the newest."""


@dataclass(frozen=True, slots=True)
class FoundComponent:
    """A component as it is installed here."""

    title: str
    path: str
    version: tuple[int, ...]

    @property
    def written_version(self) -> str:
        """`2.42.0`."""
        return ".".join(str(number) for number in self.version)


PROMETHEUS = Component("Prometheus", ("prometheus",), "prometheus", (2, 42))
ALERTMANAGER = Component(
    "Alertmanager", ("prometheus-alertmanager", "alertmanager"), "prometheus-alertmanager", (0, 25)
)
REQUIRED = (PROMETHEUS, ALERTMANAGER)
POSTGRESQL = Component("PostgreSQL", ("postgres",), "postgresql", (14, 0), "/usr/lib/postgresql/*/bin")
"""Only for systems that need one."""
NODE_EXPORTER = Component(
    "node exporter",
    ("prometheus-node-exporter", "node_exporter"),
    "prometheus-node-exporter",
    (1, 3),
)
POSTGRES_EXPORTER = Component(
    "PostgreSQL exporter",
    ("prometheus-postgres-exporter", "postgres_exporter"),
    "prometheus-postgres-exporter",
    (0, 10),
)


def find(component: Component, path: str | None = None) -> FoundComponent | None:
    """The component as installed on `path` (default PATH), or None; its version is empty when it tells none."""
    for name in component.names:
        program = shutil.which(name, path=path)
        if program is not None:
            return FoundComponent(component.title, str(Path(program).absolute()), _version(program))
    beside = [found for found in _in_folders(component) if found.version]
    return max(beside, key=lambda found: found.version, default=None)


def _in_folders(component: Component) -> list[FoundComponent]:
    if not component.folders:
        return []
    # PTH207: pathlib's glob takes no absolute patterns.
    paths = [path for name in component.names for path in glob(f"{component.folders}/{name}")]  # noqa: PTH207
    return [FoundComponent(component.title, path, _version(path)) for path in paths]


def require(components: Sequence[Component] = REQUIRED, path: str | None = None) -> dict[str, FoundComponent]:
    """Every component by title; raises ComponentMissing naming all that are missing or too old."""
    found: dict[str, FoundComponent] = {}
    wrong: list[str] = []
    packages: list[str] = []
    for component in components:
        here = find(component, path)
        if here is None:
            wrong.append(f"{component.title} is not installed (no {' or '.join(component.names)} on PATH)")
            packages.append(component.package)
        elif here.version[:2] < component.minimum:
            least = ".".join(map(str, component.minimum))
            version = here.written_version or "of unknown version"
            wrong.append(f"{component.title} {version} at {here.path} is too old: {least} or later is needed")
            packages.append(component.package)
        else:
            found[component.title] = here
    if wrong:
        raise ComponentMissing(
            "\n".join(wrong),
            f"on Debian 12 and Ubuntu 24.04: sudo apt-get install --no-install-recommends {' '.join(packages)}; "
            "`make run` does so by itself, and `docker compose up` needs no installation",
        )
    return found


def _version(program: str) -> tuple[int, ...]:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    # Old Prometheus wrote its version to standard error.
    found = re.search(r"(?:version|\(PostgreSQL\)) (\d+)\.(\d+)(?:\.(\d+))?", answer.stdout + answer.stderr)
    return tuple(int(number) for number in found.groups() if number is not None) if found else ()
