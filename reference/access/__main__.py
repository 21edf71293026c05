"""`python -m reference.access`: serves the API, or prints a token for it (`token`)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from reference.access.app import AccessAPI
from reference.access.callers import Role, caller_of
from reference.access.sample_data import ORGANISATION
from reference.access.token_endpoint import LONGEST_TOKEN_SECONDS
from reference.aws_reporter import AwsReporter
from reference.cold_starts import StartUp
from reference.database import DatabaseError
from reference.lambda_functions import LambdaFunctions
from reference.service import Service, add_aws_option, add_service_options, command_faults, serve
from reference.tokens import LOCAL_SECRET, TokenProblem, Tokens
from swarmscope.errors import ExitCode

NAME = "access"
TITLE = "Access Management API"
SECRET_VARIABLE = "ACCESS_JWT_SECRET"  # noqa: S105  # the variable's name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    secret = LOCAL_SECRET if options.local_key else os.environ.get(SECRET_VARIABLE, "")
    try:
        tokens = Tokens(NAME, secret)
    except ValueError as error:
        print(
            f"{SECRET_VARIABLE}: {error}; set it, or start with --local-key on this machine", file=sys.stderr
        )
        return ExitCode.BAD_CONFIGURATION
    if options.command == "token":
        return _print_token(tokens, options)
    start_up = StartUp(options.init_ms, options.init_jitter_ms, options.idle_seconds)
    try:
        with ExitStack() as files:
            service = Service(NAME, TITLE, options.database)
            _log_to(service.faults.functions, options.lambda_log, files)
            command_faults(service, options.fault, options.faults_from)
            if options.aws:
                service.report_to(
                    AwsReporter(
                        options.aws, NAME, "access-table", {("POST", "/authorize"): "access-authorizer"}
                    )
                )
            api = AccessAPI(service, tokens, start_up)
            app = api.application(local_key=options.local_key, faults_may_be_switched=options.faults)
            open_state = partial(api.open_state, local_key=options.local_key, empty=options.empty)
            return serve(service, app, open_state, options.host, options.port)
    except (DatabaseError, OSError) as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


def _log_to(functions: LambdaFunctions, path: str, files: ExitStack) -> None:
    """Cold starts' REPORT lines to standard error, or all invocations' to a file."""
    if path:
        # By lines, so that who follows the file reads whole ones.
        file = files.enter_context(Path(path).open("a", encoding="utf-8", buffering=1))  # noqa: SIM115
        functions.log = lambda line: _ignore(file.write(f"{line}\n"))
    else:
        functions.log_cold_start = lambda line: print(line, file=sys.stderr, flush=True)


def _ignore(_: int) -> None:
    pass


def _print_token(tokens: Tokens, options: argparse.Namespace) -> int:
    seconds = options.minutes * 60
    token = tokens.issue(options.user, seconds, {"org": options.organisation, "role": options.role})
    try:
        caller_of(tokens, token)
    except TokenProblem as problem:
        print(f"Such a token would be refused: {problem}.", file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION
    print(token)
    return ExitCode.PASS


def _number(least: float, most: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least:g} to {most:g}, got {text!r}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.access", description="The reference Access Management API of Swarmscope."
    )
    add_service_options(parser, NAME)
    add_aws_option(parser)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help=f"sign tokens with a public secret, hand them out at /v1/tokens, and fill the organisation "
        f"{ORGANISATION!r}; for this machine only (otherwise ${SECRET_VARIABLE} signs)",
    )
    function = parser.add_argument_group("the authorizer as a Lambda function")
    function.add_argument(
        "--init-ms", type=_number(0, 60_000), default=275.0, metavar="MS",
        help="time that a new instance takes to start (default: %(default)g)",
    )  # fmt: skip
    function.add_argument(
        "--init-jitter-ms", type=_number(0, 60_000), default=125.0, metavar="MS",
        help="how far that varies either way (default: %(default)g)",
    )  # fmt: skip
    function.add_argument(
        "--idle-seconds", type=_number(0.001, 86_400), default=300.0, metavar="S",
        help="after which an idle instance is gone (default: %(default)g)",
    )  # fmt: skip
    function.add_argument(
        "--lambda-log", default="", metavar="FILE",
        help="append every invocation's REPORT line here (default: those of cold starts to standard error)",
    )  # fmt: skip
    token = parser.add_subparsers(dest="command", metavar="token").add_parser("token", help="print a token")
    token.add_argument("--organisation", required=True)
    token.add_argument("--user", required=True)
    token.add_argument("--role", default=Role.ADMIN.value, choices=[role.value for role in Role])
    token.add_argument(
        "--minutes", type=_number(1, LONGEST_TOKEN_SECONDS / 60), default=60.0,
        help="how long it is valid (default: %(default)g)",
    )  # fmt: skip
    token.add_argument(
        "--local-key",
        action="store_true",
        default=argparse.SUPPRESS,
        help="sign for a service that was started with --local-key",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
