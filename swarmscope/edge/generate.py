"""Writes and checks every generated file: what follows from the targets files and from the code's own tables.

To add one: write a pure function `(Sequence[System]) -> dict[path, text]` in the core and add it to GENERATORS, one
line. Paths are relative to the checkout, with `/`. Each text must carry `document.origin(source)` in a comment near its
top (no version, no time), and must not depend on the order of a set or on the clock. Everything else follows: the
file is written, checked for drift, and removed when nothing makes it any more. Names with `.generated.` in them show
from afar what not to edit.

    python -m swarmscope.edge.generate          # write
    python -m swarmscope.edge.generate --check  # write nothing; exit code 20 when something is out of date
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from swarmscope.alerting.alertmanager_config import shipped_alertmanager_config
from swarmscope.alerting.rule_files import alerting_files
from swarmscope.aws import policies
from swarmscope.aws.document import cloudwatch_metrics_page
from swarmscope.dashboards.files import dashboard_files
from swarmscope.document import MARK, exit_codes_page, metrics_page
from swarmscope.edge.files import known_systems, load_system
from swarmscope.errors import ConfigurationError, ExitCode, Problem, SwarmscopeError
from swarmscope.report import schema_text
from swarmscope.targets import System
from swarmscope.targets.schema import schema_files

Generator = Callable[[Sequence[System]], Mapping[str, str]]

GENERATORS: tuple[Generator, ...] = (
    schema_files,
    lambda _systems: {"docs/metrics.md": metrics_page()},
    lambda _systems: {"docs/exit-codes.md": exit_codes_page()},
    lambda _systems: {policies.PATH: policies.policy_page()},
    lambda _systems: {"docs/cloudwatch-metrics.md": cloudwatch_metrics_page()},
    lambda _systems: {"swarmscope/report/result.schema.generated.json": schema_text()},
    alerting_files,
    lambda _systems: {"alerts/alertmanager.yml": shipped_alertmanager_config()},
    lambda _systems: dashboard_files(),
)
"""Every generator there is; the order does not matter."""

_HEADER = re.compile(rb"Generated from [^\n]+ " + re.escape(MARK.encode()))
_TOP = 5
"""Lines within which a generated file says that it is one."""
_ELSEWHERE = frozenset({"reports", "build", "dist", "node_modules", "__pycache__"})
"""Folders that hold no source, like every folder whose name starts with a dot."""
_HINT = "run `make generate` and commit what it changes"


def generated_files(
    systems: Sequence[System], generators: Sequence[Generator] = GENERATORS
) -> dict[str, str]:
    """What every generated file must hold, by path."""
    files: dict[str, str] = {}
    for generator in generators:
        made = generator(systems)
        twice = sorted(files.keys() & made.keys())
        if twice:
            raise ValueError(f"two generators make {', '.join(twice)}")
        files.update(made)
    return files


def load_systems(root: Path) -> list[System]:
    """Every system of the checkout, by name; raises ConfigurationError with the problems of all of them."""
    systems: list[System] = []
    problems: list[Problem] = []
    for name in known_systems(root):
        try:
            systems.append(load_system(root, name))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return systems


def write_generated(root: Path, generators: Sequence[Generator] = GENERATORS) -> list[str]:
    """Bring every generated file up to date; returns what was done, one sentence each (empty: nothing to do).

    A file that carries the header of generated files and that nothing makes any more is removed; one that only has
    `.generated.` in its name is left for a person to judge.
    """
    files = generated_files(load_systems(root), generators)
    done = []
    for path, text in sorted(files.items()):
        if _bytes(root / path) != text.encode():
            _write(root / path, text)
            done.append(f"wrote {path}")
    for path in _orphans(root, files):
        if _has_header(root / path):
            (root / path).unlink()
            done.append(f"removed {path}: nothing generates it any more")
    return done


def check_generated(root: Path, generators: Sequence[Generator] = GENERATORS) -> list[str]:
    """What is out of date: changed, missing and orphaned files, one sentence each; empty when all is well."""
    files = generated_files(load_systems(root), generators)
    findings = []
    for path, text in sorted(files.items()):
        found = _bytes(root / path)
        if found is None:
            findings.append(f"{path} is missing")
        elif found != text.encode():
            findings.append(f"{path} differs from what its source gives: {_first_difference(found, text)}")
    findings += [f"{path} is generated by nothing: remove it" for path in _orphans(root, files)]
    return findings


def _orphans(root: Path, files: Mapping[str, str]) -> list[str]:
    return sorted(path for path in _sources(root) if path not in files and _looks_generated(root / path))


def _sources(root: Path) -> Iterator[str]:
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name[0] != "." and name not in _ELSEWHERE]
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()


def _looks_generated(path: Path) -> bool:
    return ".generated." in path.name or _has_header(path)


def _has_header(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # The limit is for binaries, which may have no lines.
            return any(_HEADER.search(file.readline(1000)) for _ in range(_TOP))
    except OSError:
        return False


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError([Problem(str(path), "", f"cannot be read: {error.strerror}")]) from error


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole: whoever reads it meanwhile sees the old text or the new."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            file.write(text.encode())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError([Problem(str(path), "", f"cannot be written: {error.strerror}")]) from error


def _first_difference(found: bytes, wanted: str) -> str:
    old, new = found.decode(errors="replace").splitlines(), wanted.splitlines()
    for number, (line, expected) in enumerate(zip(old, new, strict=False), start=1):
        if line != expected:
            return f'line {number} should be "{expected.strip()[:80]}"'
    if len(old) == len(new):
        return "its line ends are not those of Unix"
    return f"it has {len(old)} lines instead of {len(new)}"


def main(arguments: Sequence[str] | None = None, root: Path | None = None) -> int:
    """The command line: writes, or with --check says what is out of date."""
    parser = argparse.ArgumentParser(prog="python -m swarmscope.edge.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    options = parser.parse_args(arguments)
    root = root or Path.cwd()
    try:
        lines = check_generated(root) if options.check else write_generated(root)
    except SwarmscopeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for line in lines:
        print(line)
    if not lines:
        print("generated files are up to date")
    elif options.check:
        print(f"  hint: {_HINT}")
        return ExitCode.BAD_CONFIGURATION
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
