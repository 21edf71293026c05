"""Says what this machine has of what the stack needs: programs, versions, ports, a writable state folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from swarmscope.edge.stack.aws import AwsPart
from swarmscope.edge.stack.components import (
    NODE_EXPORTER,
    POSTGRES_EXPORTER,
    POSTGRESQL,
    REQUIRED,
    Component,
    find,
)
from swarmscope.edge.stack.folder import StateFolder
from swarmscope.edge.stack.plan import ports
from swarmscope.edge.stack.ports import taken_ports
from swarmscope.errors import ConfigurationError, ExitCode
from swarmscope.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_fine: bool
    words: str
    exit_code: ExitCode = ExitCode.PASS
    """What a run would end with for this."""


def examine(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; changes nothing but creating the state folder."""
    path = environ.get("PATH")
    version = ".".join(map(str, sys.version_info[:3]))
    findings = [Finding("Python", sys.version_info >= (3, 11), f"{version} at {sys.executable}")]
    findings += [_component(component, path) for component in REQUIRED]
    findings += [_optional(component, path, cost) for component, cost in _OPTIONAL]
    for tool, use in (("promtool", "checks rules"), ("amtool", "checks Alertmanager's configuration")):
        program = shutil.which(tool, path=path)
        findings.append(Finding(tool, True, program or f"not installed; only `make check` needs it ({use})"))
    setpriv = shutil.which("setpriv", path=path)
    without = "not installed: if a run is killed with SIGKILL, its programs live on"
    findings.append(Finding("setpriv", True, setpriv or without))
    optional = [component.title for component, _ in _OPTIONAL]
    of_aws = AwsPart("", stand_in=True)
    wanted = ports(settings, reference=True, web_ui=True, components=optional, of_aws=of_aws)
    required = ports(settings, reference=True, web_ui=True)
    taken = {each.setting: each for each in taken_ports(settings.bind, wanted)}
    for setting, (title, port) in wanted.items():
        words = str(taken[setting]) if setting in taken else f"free, for {title} ({setting})"
        # Ports of what not every stack has keep no run of the others from starting.
        is_needed = setting in required
        code = ExitCode.PORT_TAKEN if setting in taken and is_needed else ExitCode.PASS
        findings.append(Finding(f"port {port}", setting not in taken, words, code))
    folder = StateFolder(Path(settings.state).absolute())
    try:
        folder.create()
        findings.append(Finding("state folder", True, str(folder.path)))
    except ConfigurationError as error:
        findings.append(Finding("state folder", False, error.problems[0].message, error.exit_code))
    return findings


_OPTIONAL = (
    (POSTGRESQL, "systems with `needs: [postgresql]` need it, or DATABASE_URL"),
    (NODE_EXPORTER, "without it nothing is known of this machine's CPU, memory and disk"),
    (POSTGRES_EXPORTER, "without it nothing is known of what a PostgreSQL measures of itself"),
)
"""Component, and what its absence costs."""


def _optional(component: Component, path: str | None, cost: str) -> Finding:
    found = _component(component, path)
    if found.is_fine:
        return found
    return Finding(found.what, True, f"{found.words}; {cost}")


def _component(component: Component, path: str | None) -> Finding:
    found = find(component, path)
    if found is None:
        words = f"not installed; package {component.package}"
        return Finding(component.title, False, words, ExitCode.COMPONENT_MISSING)
    new_enough = found.version[:2] >= component.minimum
    least = ".".join(map(str, component.minimum))
    words = f"{found.written_version or 'unknown version'} at {found.path}"
    if not new_enough:
        return Finding(
            component.title, False, f"{words}; {least} or later is needed", ExitCode.COMPONENT_MISSING
        )
    return Finding(component.title, True, words)


def doctor(settings: Settings, environ: Mapping[str, str], console: Console) -> int:
    """Print the findings; the exit code is that of the first which would keep a run from starting."""
    findings = examine(settings, environ)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark, style = ("ok ", "green") if finding.is_fine else ("no ", "bold red")
        console.print(
            Text.assemble((mark, style), f"{finding.what:<{width}}  {finding.words}"), soft_wrap=True
        )
    return next((finding.exit_code for finding in findings if finding.exit_code), ExitCode.PASS)
