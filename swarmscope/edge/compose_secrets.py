"""Makes the secrets of the compose stack on its first start, and refuses settings that would leave it open.

    python -m swarmscope.edge.compose_secrets --folder /run/swarmscope

Runs once before everything else, as the user of our image. What it writes lies in a volume: never in an image, an
environment variable or a log. A secret that is there stays; `docker compose down -v` forgets them all.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from swarmscope.errors import ConfigurationError, ExitCode, Problem

BIND, ANONYMOUS, PASSWORD_FILE = "SWARMSCOPE_BIND", "GRAFANA_ANONYMOUS", "GRAFANA_ADMIN_PASSWORD_FILE"
LEAST_CHARACTERS = 12
GUESSED_FIRST = frozenset({"admin", "password", "grafana", "swarmscope", "changeme", "administrator"})
DATABASE_USER = "swarmscope"
TELL_GRAFANA = (
    "docker compose exec grafana sh -c "
    "'grafana cli admin reset-admin-password --password-from-stdin < /run/swarmscope/grafana-password'"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make what is missing; the exit code is errors.ExitCode's."""
    parser = argparse.ArgumentParser(prog="python -m swarmscope.edge.compose_secrets", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the secrets are kept")
    options = parser.parse_args(arguments)
    try:
        make_secrets(options.folder, os.environ)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("secrets are ready; Grafana's administrator is admin, and his password is shown by:")
    print("  docker compose exec grafana cat /run/swarmscope/grafana-password")
    return ExitCode.PASS


def make_secrets(folder: Path, environ: Mapping[str, str]) -> None:
    """Write every secret that is not there yet; raises ConfigurationError for settings that would leave a door open.

    An empty password file is none: compose mounts /dev/null where the user names no file.
    """
    given = environ.get(PASSWORD_FILE, "").strip()
    password = _read(given) if given else ""
    problems = _open_doors(environ, given, password)
    if problems:
        raise ConfigurationError(problems)
    try:
        # Read by programs of other users: whoever has the volume may read it, and only this stack has.
        database = _keep(folder / "postgres-password", secrets.token_urlsafe(32), 0o444)
        _keep(folder / "stop-token", secrets.token_urlsafe(32), 0o444)
        shown = folder / "grafana-password"
        kept = _keep(shown, password or secrets.token_urlsafe(16), 0o444)
        if password and kept != password:
            shown.unlink()
            _keep(shown, password, 0o444)
            # Its database has the first one; only Grafana itself can change that.
            print(f"Grafana keeps its first password until: {TELL_GRAFANA}")
        # libpq reads it only when nobody else can.
        _keep(folder / "pgpass", f"*:*:*:{DATABASE_USER}:{database}", 0o600)
    except OSError as error:
        problem = Problem(str(folder), "", f"secrets cannot be kept here: {error.strerror or error}")
        raise ConfigurationError([problem]) from error


def _open_doors(environ: Mapping[str, str], given: str, password: str) -> list[Problem]:
    problems = []
    if password and (len(password) < LEAST_CHARACTERS or password.lower() in GUESSED_FIRST):
        message = f"expected a password of at least {LEAST_CHARACTERS} characters that nobody guesses first"
        problems.append(Problem(given, "", message, "leave the variable out, and one is made up"))
    bind = environ.get(BIND, "").strip() or "127.0.0.1"
    try:
        is_open = not ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return [
            *problems,
            Problem("environment", BIND, f'expected an address such as 127.0.0.1, got "{bind}"'),
        ]
    if is_open and environ.get(ANONYMOUS, "true").strip().lower() != "false":
        message = f"must be false where {BIND} is {bind}: everybody who reaches this machine could look in"
        problems.append(Problem("environment", ANONYMOUS, message, f"{ANONYMOUS}=false, or {BIND}=127.0.0.1"))
    return problems


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(
            path,
            "",
            f"cannot be read: {getattr(error, 'strerror', error)}",
            f"{PASSWORD_FILE} names it; user {os.getuid()} of the container must be able to read it",
        )
        raise ConfigurationError([problem]) from error


def _keep(path: Path, text: str, mode: int) -> str:
    """What the file holds; `text` when it is not there yet."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(f"{text}\n")
    return text


if __name__ == "__main__":
    sys.exit(main())
