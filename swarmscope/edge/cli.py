"""The `swarmscope` command: runs load tests with everything around them, and keeps their files in order.

Run it from the checkout: it starts what lies there. Every error that a user can cause is a message, a hint and a
documented exit code; a traceback is a bug of ours.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from swarmscope.edge.environment import read_dotenv, read_settings
from swarmscope.edge.quick import add_options as add_quick_options
from swarmscope.edge.quick import run_quick
from swarmscope.edge.stack.generator import LoadRequest, is_checkout, split_arguments
from swarmscope.errors import ConfigurationError, ExitCode, Problem, SwarmscopeError

PLAIN_WIDTH = 160
"""Columns where there is no terminal to fit: a log that folds its tables reads badly."""

_EXAMPLES = """\
examples:
  swarmscope run --system triggers --profile baseline
  swarmscope run --system triggers --host http://127.0.0.1:3000 --duration 2m --users 50
  swarmscope up --system triggers        # then open Locust's web UI; swarmscope down ends it
  swarmscope run --system triggers -- --tags inbox --loglevel DEBUG   # after --: Locust's own options

exit codes: swarmscope exit-codes. Ports and folders: SWARMSCOPE_* variables or .env, see .env.example.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is errors.ExitCode's (or 3, of a --check-* option of locust-plugins)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What stands after `--` is Locust's, whatever it looks like.
    given, for_locust = (
        (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    )
    options = _parser().parse_args(given)
    errors = _console(sys.stderr)
    try:
        root = Path.cwd()
        environ = {**read_dotenv(root / ".env"), **os.environ}
        # Child processes and libraries look there, too.
        os.environ.update(environ)
        return int(options.command(options, for_locust, root, environ))
    except SwarmscopeError as error:
        errors.print(Text(str(error)), soft_wrap=True)
        return error.exit_code
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        return ExitCode.INTERRUPTED


def _console(file: object = None) -> Console:
    console = Console(file=file or sys.stdout, highlight=False)  # type: ignore[arg-type]
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    return console


class _Parser(argparse.ArgumentParser):
    """Ends with our own exit code: argparse's 2 is Locust's word for something else."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.BAD_CONFIGURATION, f"{self.prog}: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="swarmscope",
        description="Load tests with live metrics, alerts and an exact verdict.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, handler: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
        )
        sub.set_defaults(command=handler)
        return sub

    _load_options(command("run", _run, "run one load test, headless, and end with its verdict as exit code"))
    _load_options(command("up", _up, "start the stack in the background, with Locust's web UI"))
    command("down", _down, "stop what `up` left running")
    command("status", _status, "say what of the background stack runs")
    check = command(
        "check", _check, "validate targets and environments of every system, or of the ones named"
    )
    check.add_argument("systems", nargs="*", metavar="SYSTEM")
    generate = command("generate", _generate, "write rules, alerts and documents from the targets files")
    generate.add_argument("--check", action="store_true", help="write nothing; say what is out of date")
    new = command("new", _new, "write the folder of a new system under scenarios/")
    new.add_argument("name", metavar="NAME", help="lower case, digits and underscores: checkout")
    new.add_argument("--host", default="", help="where its service is (default: http://127.0.0.1:8000)")
    quick = command(
        "quick", _quick, "time one request for seconds, without set-up, and print its percentiles"
    )
    add_quick_options(quick)
    queries = command("queries", _queries, "show what the PostgreSQL of DATABASE_URL is doing")
    queries.add_argument(
        "--watch", type=_seconds, metavar="SECONDS", help="show it again and again, until Ctrl-C"
    )
    command("exit-codes", _exit_codes, "print every exit code and its meaning")
    command("doctor", _doctor, "say what this machine has of what the stack needs")
    # Not for people, and so not in the help: the process behind `up`.
    hidden = commands.add_parser("_hold", allow_abbrev=False)
    _load_options(hidden)
    hidden.set_defaults(command=_hold)
    return parser


def _load_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--system", default="", help="a folder of scenarios/; needed when there are several")
    parser.add_argument(
        "--profile", default="", help="load profile of its targets.yaml (default: the file's)"
    )
    parser.add_argument(
        "--environment", default="", help="where the service is, by name in environments.yaml"
    )
    parser.add_argument(
        "--host", default="", help="where the service is, as an address; no reference service then"
    )
    parser.add_argument(
        "--duration", default="", metavar="TIME", help="90s, 5m, 1h30m (default: the profile's)"
    )
    parser.add_argument("--users", type=_number, help="users at the peak (default: the profile's)")
    parser.add_argument(
        "--processes", type=_number, help="Locust processes; -1: one for each core (default: one)"
    )
    parser.add_argument(
        "--locust-args", default="", metavar="'…'", help="further options for Locust, as one text"
    )


def _number(text: str) -> int | None:
    # `make` passes its variables on as they are, and most are empty.
    try:
        return int(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected a whole number, got "{text}"') from None


def _seconds(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected a number of seconds, got "{text}"') from None


def _request(options: argparse.Namespace, for_locust: Sequence[str], root: Path) -> LoadRequest:
    if not is_checkout(root):
        hint = "run this in the folder that has locustfile.py and scenarios/"
        raise ConfigurationError([Problem(str(root), "", "there is no load test here", hint)])
    try:
        arguments = [*split_arguments(options.locust_args), *for_locust]
    except ValueError as error:
        raise ConfigurationError([Problem("--locust-args", "", f"{error}".lower())]) from error
    return LoadRequest(
        system=options.system or _only_system(root),
        profile=options.profile,
        host=options.host,
        environment=options.environment,
        duration=options.duration,
        users=options.users,
        processes=options.processes,
        arguments=arguments,
    )


def _only_system(root: Path) -> str:
    from swarmscope.edge.files import known_systems  # noqa: PLC0415 (pydantic is slow to import: --help is not)

    known = known_systems(root)
    if len(known) == 1:
        return known[0]
    raise ConfigurationError(
        [Problem("--system", "", f"choose a system: {', '.join(known) or 'there is none'}", "--system NAME")]
    )


def _run(
    options: argparse.Namespace, for_locust: Sequence[str], root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.run import run_load  # noqa: PLC0415

    return run_load(root, _request(options, for_locust, root), read_settings(environ), environ, _console())


def _up(
    options: argparse.Namespace, for_locust: Sequence[str], root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.background import up  # noqa: PLC0415

    request = _request(options, for_locust, root)
    holder = (sys.executable, "-m", "swarmscope.edge.cli", "_hold", *_as_arguments(request))
    return up(root, request, read_settings(environ), environ, _console(), holder=holder)


def _hold(
    options: argparse.Namespace, for_locust: Sequence[str], root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.background import hold  # noqa: PLC0415

    return hold(root, _request(options, for_locust, root), read_settings(environ), environ)


def _as_arguments(request: LoadRequest) -> list[str]:
    """The request as it is typed, so that the process in the background reads it the way we did."""
    named = {
        "--system": request.system,
        "--profile": request.profile,
        "--environment": request.environment,
        "--host": request.host,
        "--duration": request.duration,
        "--users": request.users,
        "--processes": request.processes,
    }
    typed = [f"{option}={value}" for option, value in named.items() if value not in ("", None)]
    return [*typed, "--", *request.arguments]


def _down(
    _options: argparse.Namespace, _for_locust: Sequence[str], _root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.background import down  # noqa: PLC0415

    return down(read_settings(environ), _console())


def _status(
    _options: argparse.Namespace, _for_locust: Sequence[str], _root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.background import status  # noqa: PLC0415

    return status(read_settings(environ), _console())


def _doctor(
    _options: argparse.Namespace, _for_locust: Sequence[str], _root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.stack.doctor import doctor  # noqa: PLC0415

    return doctor(read_settings(environ), environ, _console())


def _check(
    options: argparse.Namespace, _for_locust: Sequence[str], root: Path, _environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.files import known_systems, load_environments, load_system  # noqa: PLC0415

    problems: list[Problem] = []
    console = _console()
    for name in options.systems or known_systems(root):
        try:
            system = load_system(root, name)
            environments = load_environments(root, name)
        except ConfigurationError as error:
            problems += error.problems
        else:
            console.print(
                f"{name}: {len(system.targets)} targets, {len(system.profiles)} load profiles, "
                f"{len(environments)} environments"
            )
    if problems:
        raise ConfigurationError(problems)
    return ExitCode.PASS


def _generate(
    options: argparse.Namespace, _for_locust: Sequence[str], root: Path, _environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.generate import main as generate  # noqa: PLC0415

    return generate(["--check"] if options.check else [], root)


def _new(
    options: argparse.Namespace, _for_locust: Sequence[str], root: Path, _environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.scaffold import new_system  # noqa: PLC0415

    console = _console()
    for path in new_system(root, options.name, options.host or None):
        console.print(f"wrote {path.relative_to(root) if path.is_absolute() else path}")
    console.print(
        f"Next: say what it must hold in scenarios/{options.name}/targets.yaml and what users do in users.py; "
        f"then `make generate` and `make run SYSTEM={options.name}`.",
        soft_wrap=True,
    )
    return ExitCode.PASS


def _quick(
    options: argparse.Namespace, _for_locust: Sequence[str], _root: Path, _environ: Mapping[str, str]
) -> int:
    return run_quick(options)


def _queries(
    options: argparse.Namespace, _for_locust: Sequence[str], _root: Path, environ: Mapping[str, str]
) -> int:
    from swarmscope.edge.database_views import show_queries  # noqa: PLC0415
    from swarmscope.edge.stack.postgresql import own_url  # noqa: PLC0415

    url = environ.get("DATABASE_URL", "") or own_url(read_settings(environ))
    return show_queries(url, _console(), options.watch)


def _exit_codes(*_: object) -> int:
    for code in ExitCode:
        print(f"{code.value:>3}  {code.name:<20}  {code.meaning}")
    print(
        "  1  (Locust's own)        Locust failed before it could give a verdict; the runner reports 25 for it."
    )
    print(
        "  3  (locust-plugins' own)  A --check-rps, --check-fail-ratio or --check-avg-response-time was not met."
    )
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
