"""`python -m reference.metrics.live_service`: the live channels alone, for trying out and measuring WebSockets."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence

from reference.database import DatabaseError
from reference.metrics.live import PATH, live_routes
from reference.service import Service, add_service_options, command_faults, serve
from reference.tokens import LOCAL_SECRET, Tokens
from swarmscope.errors import ExitCode

NAME = "metrics"
TITLE = "Live channels of the External Metrics Web Service"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m reference.metrics.live_service", description=TITLE)
    add_service_options(parser, NAME)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help="accept tokens that are signed with the public local secret; for this machine only",
    )
    options = parser.parse_args(arguments)
    try:
        service = Service(NAME, TITLE, options.database)
        command_faults(service, options.fault, options.faults_from)
        # Without the local secret nobody can sign a token: there is no login here.
        tokens = Tokens(NAME, LOCAL_SECRET if options.local_key else secrets.token_hex())
        openapi = {
            "openapi": "3.1.0",
            "info": {
                "title": TITLE,
                "version": "1",
                "description": f"{service.notice} A WebSocket at {PATH}.",
            },
            "paths": {},
        }
        app = service.application(
            live_routes(service, tokens), openapi, {}, faults_may_be_switched=options.faults
        )

        async def open_state() -> None:
            await service.database.open(())

        return serve(service, app, open_state, options.host, options.port)
    except DatabaseError as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
