"""`python -m reference.stet`: serves the API."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from reference.database import DatabaseError
from reference.service import Service, add_service_options, command_faults, serve
from reference.stet.app import StetAPI
from swarmscope.errors import ExitCode

NAME = "stet"
TITLE = "STET API"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        service = Service(NAME, TITLE, options.database)
        command_faults(service, options.fault, options.faults_from)
        api = StetAPI(service)
        app = api.application(faults_may_be_switched=options.faults)
        return serve(service, app, partial(api.open_state, empty=options.empty), options.host, options.port)
    except DatabaseError as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.stet",
        description="The reference STET API of Swarmscope. X-Tenant-Id keeps tenants apart; it proves nothing: like "
        "the API that it stands for, the service has no log-in, so keep it on this machine.",
    )
    add_service_options(parser, NAME)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help="changes nothing here: there is no credential that a local load test would need",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
