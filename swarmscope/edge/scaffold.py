"""Writes the folder of a new system under scenarios/, ready to run against a plain HTTP service.

The templates lie in new_system/. What they give is read by the same parser as any other file before it is written, and
the folder appears whole or not at all. Nothing else in the checkout needs an edit.
"""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from swarmscope.edge.files import SCENARIOS, known_systems
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.targets.choose import LOCAL
from swarmscope.targets.fields import RESERVED_SYSTEMS, shown
from swarmscope.targets.parse import parse_environments, parse_system
from swarmscope.targets.texts import parse_address
from swarmscope.targets.units import NotUnderstood, Refused

DEFAULT_HOST = "http://127.0.0.1:8000"
MOST_NAME = 40
"""The name becomes part of run names, file names and labels."""

_TEMPLATES = Path(__file__).parent / "new_system"
_SUFFIX = ".tmpl"
_OWN = frozenset({"benchmarks", "exporters", "reference", "scenarios", "swarmscope", "tests"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ORDER = ("__init__.py", "users.py", "targets.yaml", "environments.yaml", "README.md")


def new_system(root: Path, name: str, host: str | None = None) -> list[Path]:
    """Write scenarios/<name>/ and return its files; `host` is the service's address (default port 8000 here).

    Raises ConfigurationError for a name that cannot be taken, an address that is none, or a folder that cannot be
    written.
    """
    problems = [*_name_problems(root, name), *_host_problems(host)]
    if problems:
        raise ConfigurationError(problems)
    texts = _texts(name, parse_address(host or DEFAULT_HOST))
    folder = root / SCENARIOS / name
    _write(folder, texts)
    return [folder / file for file in texts]


def _texts(name: str, host: str) -> dict[str, str]:
    title = name.replace("_", " ").capitalize()
    words = {
        "name": name,
        "title": title,
        "class_name": f"{name.title().replace('_', '')}User",
        "host": host,
        "environment": LOCAL if urlsplit(host).hostname in _LOOPBACK else "dev",
        "variable": f"{name.upper()}_API_KEY",
    }
    texts = {
        file: Template((_TEMPLATES / f"{file}{_SUFFIX}").read_text(encoding="utf-8")).substitute(words)
        for file in _ORDER
    }
    parse_system(texts["targets.yaml"], f"{SCENARIOS}/{name}/targets.yaml")
    parse_environments(texts["environments.yaml"], f"{SCENARIOS}/{name}/environments.yaml")
    return texts


def _name_problems(root: Path, name: str) -> list[Problem]:
    """Why a system cannot have this name; empty when it can."""
    scenarios = root / SCENARIOS
    if not scenarios.is_dir():
        hint = "run this in the folder that has locustfile.py and scenarios/"
        return [Problem(str(root), "", "there is no scenarios folder here", hint)]
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        wanted = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f"NAME={wanted}" if re.fullmatch(r"[a-z][a-z0-9_]*", wanted) else "NAME=checkout"
        expected = "expected lower-case letters, digits and _, a letter first"
        return [Problem("NAME", "", f"{expected}, got {shown(name)}", hint)]
    if len(name) > MOST_NAME:
        return [Problem("NAME", "", f"expected at most {MOST_NAME} characters, got {len(name)}")]
    if name in known_systems(root):
        return [
            Problem("NAME", "", f'there is a system "{name}" already', f"its files are in {SCENARIOS}/{name}")
        ]
    if (scenarios / name).exists() or (scenarios / f"{name}.py").exists():
        what = name if (scenarios / name).exists() else f"{name}.py"
        return [Problem("NAME", "", f"{SCENARIOS}/{what} exists already", f"NAME={name}_api")]
    taken = _taken_by(name)
    return [Problem("NAME", "", f'"{name}" is {taken}', f"NAME={name}_api")] if taken else []


def _taken_by(name: str) -> str:
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "a word of Python's own"
    if name in sys.stdlib_module_names:
        return "a module of Python's own"
    if name in _OWN or name in RESERVED_SYSTEMS:
        return "a name that Swarmscope uses itself"
    return ""


def _host_problems(host: str | None) -> list[Problem]:
    try:
        parse_address(host or DEFAULT_HOST)
    except NotUnderstood as error:
        return [Problem("HOST", "", f"expected {error.expected}, got {shown(host)}", error.hint)]
    except Refused as error:
        return [Problem("HOST", "", error.message, error.hint)]
    return []


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write beside the place and move: a folder that is written by half is a system that is broken."""
    unfinished: Path | None = None
    try:
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
        for file, text in texts.items():
            (unfinished / file).write_text(text, encoding="utf-8", newline="\n")
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError as error:
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
        where = f"{SCENARIOS}/{folder.name}"
        raise ConfigurationError([Problem(where, "", f"cannot be written: {error.strerror}")]) from error
