"""`python -m reference.claims`: serves the API, or manages its users (`users create`, `users list`, `users delete`)."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from reference.backends import open_backend
from reference.claims import accounts, store
from reference.claims.accounts import AccountProblem, Accounts
from reference.claims.app import ClaimsAPI
from reference.claims.logins import ACCESS_SECONDS
from reference.claims.store import ClaimStore
from reference.database import Database, DatabaseError
from reference.service import Service, add_database_option, add_service_options, command_faults, serve
from swarmscope.errors import ExitCode

NAME = "claims"
TITLE = "Claims API"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "users":
            return asyncio.run(_manage_users(options))
        service = Service(NAME, TITLE, options.database)
        command_faults(service, options.fault, options.faults_from)
        api = ClaimsAPI(service, local_key=options.local_key, access_seconds=options.access_seconds)
        app = api.application(faults_may_be_switched=options.faults)
        return serve(service, app, partial(api.open_state, empty=options.empty), options.host, options.port)
    except (DatabaseError, AccountProblem) as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.claims", description="The reference Claims API of Swarmscope."
    )
    add_service_options(parser, NAME)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help=f"let the public user {accounts.LOCAL_USER} in, password {accounts.LOCAL_PASSWORD}, with "
        f"{accounts.LOCAL_CLAIMS:,} claims; for this machine only",
    )
    parser.add_argument(
        "--access-seconds",
        type=_seconds,
        default=ACCESS_SECONDS,
        help="how long an access token is valid (default: %(default).0f)",
    )
    commands = parser.add_subparsers(dest="command", metavar="users")
    actions = commands.add_parser("users", help="manage users").add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a user and print the password, once")
    create.add_argument("--username", required=True)
    create.add_argument("--customer", required=True, help="whose claims the user sees; made if it is new")
    create.add_argument(
        "--claims", type=int, default=1000, help="claims of a new customer (default: %(default)s)"
    )
    listing = actions.add_parser("list", help="list users and their customers")
    delete = actions.add_parser("delete", help="delete a user; the customer's data stays")
    delete.add_argument("username")
    for action in (create, listing, delete):
        add_database_option(action, NAME, default=False)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"expected seconds from 1 to {24 * 3600}, got {text!r}")
    return seconds


async def _manage_users(options: argparse.Namespace) -> int:
    database = Database(open_backend(options.database, NAME))
    await database.open((*store.SCHEMA, *accounts.SCHEMA))
    actions: dict[str, Callable[[Database, argparse.Namespace], Awaitable[int]]] = {
        "create": _create_user,
        "list": _list_users,
        "delete": _delete_user,
    }
    try:
        return await actions[options.action](database, options)
    finally:
        await database.close()


async def _create_user(database: Database, options: argparse.Namespace) -> int:
    if not options.customer.strip():
        raise AccountProblem("the customer's name must not be empty")
    if not 0 <= options.claims <= 1_000_000:
        raise AccountProblem(f"a customer has from 0 to 1,000,000 claims, got {options.claims}")
    claims, users = ClaimStore(database), Accounts(database, time.monotonic)
    customer = await claims.add_customer(options.customer, options.claims)
    password = secrets.token_urlsafe(18)
    await users.create(options.username, password, customer)
    await claims.fill_customers()
    print(f"Password of {options.username}; it is not shown again:", file=sys.stderr)
    print(password)
    return ExitCode.PASS


async def _list_users(database: Database, _: argparse.Namespace) -> int:
    print(f"{'user':<32}customer")
    for username, customer in await Accounts(database, time.monotonic).all():
        print(f"{username:<32}{customer}")
    return ExitCode.PASS


async def _delete_user(database: Database, options: argparse.Namespace) -> int:
    if await Accounts(database, time.monotonic).delete(options.username):
        print(f"User {options.username} is deleted.")
        return ExitCode.PASS
    print(f"There is no user {options.username!r}.", file=sys.stderr)
    return ExitCode.BAD_CONFIGURATION


if __name__ == "__main__":
    sys.exit(main())
