"""`python -m reference.metrics`: serves the API, or makes a tenant with its first user (`tenants create`)."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from functools import partial

from reference.backends import open_backend
from reference.database import Database, DatabaseError
from reference.metrics import accounts
from reference.metrics.accounts import Accounts
from reference.metrics.api import now_ms
from reference.metrics.app import MetricsAPI
from reference.metrics.population import LOCAL_PASSWORD, TENANTS
from reference.metrics.web import EMAIL, LABEL
from reference.service import Service, add_database_option, add_service_options, command_faults, serve
from reference.tokens import LOCAL_SECRET
from swarmscope.errors import ExitCode

NAME = "metrics"
TITLE = "External Metrics Web Service"
SECRET_VARIABLE = "METRICS_TOKEN_SECRET"  # noqa: S105  # a variable's name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "tenants":
            return asyncio.run(_create_tenant(options))
        service = Service(NAME, TITLE, options.database)
        command_faults(service, options.fault, options.faults_from)
        api = MetricsAPI(service, _secret(local=options.local_key))
        app = api.application(faults_may_be_switched=options.faults)
        open_state = partial(api.open_state, local=options.local_key, empty=options.empty)
        return serve(service, app, open_state, options.host, options.port)
    except (DatabaseError, ValueError) as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


def _secret(*, local: bool) -> str:
    """What signs the access tokens; without the variable they do not outlive this process."""
    if local:
        return LOCAL_SECRET
    return os.environ.get(SECRET_VARIABLE) or secrets.token_urlsafe(48)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.metrics", description="The reference metrics service of Swarmscope."
    )
    add_service_options(parser, NAME)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help=f"{TENANTS} tenants whose users' password is the public {LOCAL_PASSWORD!r}, and tokens signed with "
        "the public local secret; for this machine only",
    )
    commands = parser.add_subparsers(dest="command", metavar="tenants")
    actions = commands.add_parser("tenants", help="manage tenants").add_subparsers(
        dest="action", required=True
    )
    create = actions.add_parser("create", help="create a tenant and its first administrator")
    create.add_argument("tenant_id", help="lower-case letters, digits and -")
    create.add_argument("--admin-email", required=True)
    create.add_argument("--name", default="", help="for people (default: the id)")
    add_database_option(create, NAME, default=False)
    return parser


async def _create_tenant(options: argparse.Namespace) -> int:
    if not LABEL.fullmatch(options.tenant_id):
        raise ValueError(
            f"expected lower-case letters, digits and - as a tenant's id, got {options.tenant_id!r}"
        )
    if not EMAIL.fullmatch(options.admin_email):
        raise ValueError(f"expected an e-mail address in lower case, got {options.admin_email!r}")
    database = Database(open_backend(options.database, NAME))
    await database.open(accounts.SCHEMA)
    try:
        store = Accounts(database, now_ms)
        password = secrets.token_urlsafe(24)
        if not await store.add_tenant(options.tenant_id, options.name or options.tenant_id):
            raise ValueError(f"There is a tenant {options.tenant_id!r} already.")
        if await store.add_user(options.tenant_id, options.admin_email, "admin", password) is None:
            raise ValueError(f"The e-mail address {options.admin_email} is taken.")
    finally:
        await database.close()
    print(f"Password of {options.admin_email}; it is not shown again:", file=sys.stderr)
    print(password)
    return ExitCode.PASS


if __name__ == "__main__":
    sys.exit(main())
