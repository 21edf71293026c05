"""Reads SWARMSCOPE_* variables (and a `.env` file) into Settings: every problem at once, nothing guessed.

The environment is passed in; only `read_dotenv` touches a file. The process' own variables win over `.env`, as with
Docker Compose, which reads the same file.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from swarmscope.errors import ConfigurationError, Problem
from swarmscope.settings import Settings

PREFIX = "SWARMSCOPE_"
SOURCE = "environment"

OTHER_OWNERS = (
    "SWARMSCOPE_PROMETHEUS_URL",
    "SWARMSCOPE_DASHBOARDS_URL",
    "SWARMSCOPE_STOP_TOKEN",
    "SWARMSCOPE_STOP_TOKEN_FILE",
    "SWARMSCOPE_LOCAL_HOSTS",
    "SWARMSCOPE_CLOUDWATCH_NAMESPACE",
)
"""Variables that are not settings of the local stack: options of Locust, the secret that stops a run (or its
file), and the hosts beside this machine that public local credentials are offered to."""

_NAMES = {PREFIX + field.name.upper(): field.name for field in fields(Settings)}
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that these variables ask for; an empty variable means its default.

    Raises ConfigurationError with every problem: unknown names, ports that are no ports or used twice, and so on.
    """
    problems: list[Problem] = []
    values: dict[str, str | int] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in OTHER_OWNERS:
            continue
        if variable not in _NAMES:
            problems.append(_unknown(variable))
            continue
        text = environ[variable].strip()
        if text:
            name = _NAMES[variable]
            value, problem = _value(variable, name, text)
            values[name] = value
            if problem:
                problems.append(problem)
    if not problems:
        problems = _clashes(values)
    if problems:
        raise ConfigurationError(problems)
    return Settings(**values)  # type: ignore[arg-type]


def read_dotenv(path: Path) -> dict[str, str]:
    """The assignments of a `.env` file: `NAME=value` lines, `#` comments, values in quotes or not, no expansion.

    A file that does not exist is empty. Raises ConfigurationError for lines that are no assignment.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(str(path), "", f"cannot be read: {error}")]) from error
    problems = []
    values = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(stripped)
        if match is None:
            # The line itself is not shown: it may hold half a secret.
            problems.append(Problem(str(path), "", "expected NAME=value", "comments start with #", number))
            continue
        values[match[1]] = _unquoted(match[2])
    if problems:
        raise ConfigurationError(problems)
    return values


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] in "\"'" and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.sub(r"(^|\s)#.*", "", text).strip()


def _unknown(variable: str) -> Problem:
    nearest = get_close_matches(variable, _NAMES, n=1, cutoff=0.75)
    hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(sorted(_NAMES))}"
    return Problem(SOURCE, variable, "no such setting", hint)


def _value(variable: str, name: str, text: str) -> tuple[str | int, Problem | None]:
    if name.endswith("_port"):
        if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
            return int(text), None
        return 0, Problem(SOURCE, variable, f'expected a port from 1 to 65535, got "{text}"')
    form = _FORMS.get(name)
    if form is None or form.fits(text):
        return text, None
    got = f', got "{text}"' if form.may_be_shown else ""
    return text, Problem(SOURCE, variable, f"expected {form.expected}{got}", form.hint)


@dataclass(frozen=True, slots=True)
class _Form:
    """What the text of a setting must look like."""

    fits: Callable[[str], bool]
    expected: str
    hint: str
    may_be_shown: bool = True


def _matches(pattern: str) -> Callable[[str], bool]:
    return lambda text: re.fullmatch(pattern, text) is not None


def _is_ipv4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


_FORMS = {
    "bind": _Form(
        _is_ipv4,
        "an IPv4 address such as 127.0.0.1",
        "127.0.0.1 serves this machine only, 0.0.0.0 everybody who can reach it",
    ),
    "retention": _Form(
        _matches(r"[1-9][0-9]*(h|d|w|y)"),
        "a duration such as 30d",
        "durations are a whole number with h, d, w or y",
    ),
    "service_metrics": _Form(
        _matches(r"[^:/\s]+:[0-9]{1,5}"), "host:port", "the service's /metrics page is scraped there"
    ),
    "remote_write": _Form(
        _matches(r"https?://[^/\s,][^\s,]*(\s*,\s*https?://[^/\s,][^\s,]*)*"),
        "an http or https address",
        "several with commas between",
        may_be_shown=False,  # an address may hold a password
    ),
}


def _clashes(values: Mapping[str, str | int]) -> list[Problem]:
    ports: Mapping[str, str | int] = {**asdict(Settings()), **values}
    by_port: dict[int, list[str]] = {}
    for variable, name in sorted(_NAMES.items()):
        if name.endswith("_port"):
            by_port.setdefault(int(ports[name]), []).append(variable)
    return [
        Problem(SOURCE, " and ".join(variables), f"both use port {port}", "give each a port of its own")
        for port, variables in sorted(by_port.items())
        if len(variables) > 1
    ]
