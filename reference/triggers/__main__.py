"""`python -m reference.triggers`: serves the API, or manages its keys (`keys create`, `keys list`, `keys revoke`)."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from reference.aws_reporter import AwsReporter
from reference.backends import open_backend
from reference.database import Database, DatabaseError
from reference.service import (
    Service,
    add_aws_option,
    add_database_option,
    add_service_options,
    command_faults,
    serve,
)
from reference.triggers import keys
from reference.triggers.app import TriggersAPI, now_ms
from reference.triggers.keys import DEFAULT_PER_MINUTE, KeyProblem, KeyStore, Role
from swarmscope.errors import ExitCode

NAME = "triggers"
TITLE = "Triggers API"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "keys":
            return asyncio.run(_manage_keys(options))
        service = Service(NAME, TITLE, options.database)
        command_faults(service, options.fault, options.faults_from)
        if options.aws:
            # Keys are found in a cache nearly always, and are another table's.
            keys_are = frozenset({"find_key", "list_keys", "create_key", "revoke_key"})
            service.report_to(AwsReporter(options.aws, NAME, "triggers-events", without=keys_are))
        api = TriggersAPI(service)
        app = api.application(faults_may_be_switched=options.faults)
        open_state = partial(api.open_state, local_key=options.local_key, empty=options.empty)
        return serve(service, app, open_state, options.host, options.port)
    except (DatabaseError, KeyProblem) as error:
        print(error, file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m reference.triggers", description="The reference Triggers API of Swarmscope."
    )
    add_service_options(parser, NAME)
    add_aws_option(parser)
    parser.add_argument(
        "--local-key",
        action="store_true",
        help=f"accept the public key {keys.LOCAL_KEY!r} without a practical limit; for this machine only",
    )
    commands = parser.add_subparsers(dest="command", metavar="keys")
    actions = commands.add_parser("keys", help="manage API keys").add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a key and print it, once")
    create.add_argument("--user-id", required=True)
    create.add_argument("--user-email", required=True)
    create.add_argument("--role", default=Role.CREATOR.value, choices=[role.value for role in Role])
    create.add_argument(
        "--rate-limit",
        type=int,
        default=DEFAULT_PER_MINUTE,
        help="requests per minute (default: %(default)s)",
    )
    listing = actions.add_parser("list", help="list keys, without the keys themselves")
    revoke = actions.add_parser("revoke", help="revoke a key")
    revoke.add_argument("key_id", help="the id that list shows")
    for action in (create, listing, revoke):
        add_database_option(action, NAME, default=False)
    return parser


async def _manage_keys(options: argparse.Namespace) -> int:
    database = Database(open_backend(options.database, NAME))
    await database.open(keys.SCHEMA)
    actions: dict[str, Callable[[KeyStore, argparse.Namespace], Awaitable[int]]] = {
        "create": _create_key,
        "list": _list_keys,
        "revoke": _revoke_key,
    }
    try:
        return await actions[options.action](KeyStore(database, time.monotonic, now_ms), options)
    finally:
        await database.close()


async def _create_key(store: KeyStore, options: argparse.Namespace) -> int:
    key, entry = await store.create(options.user_id, options.user_email, options.role, options.rate_limit)
    print(f"Key {entry.id} for {entry.user_id}; it is not shown again:", file=sys.stderr)
    print(key)
    return ExitCode.PASS


async def _list_keys(store: KeyStore, _: argparse.Namespace) -> int:
    row = "{:<14}{:<24}{:<32}{:<10}{:>12}  {:<22}{}"
    print(row.format("id", "user", "e-mail", "role", "per minute", "created", "revoked"))
    for key in await store.all():
        revoked = "" if key.revoked_at is None else _moment(key.revoked_at)
        print(
            row.format(
                key.id,
                key.user_id,
                key.user_email,
                key.role,
                key.rate_limit,
                _moment(key.created_at),
                revoked,
            ).rstrip()
        )
    return ExitCode.PASS


async def _revoke_key(store: KeyStore, options: argparse.Namespace) -> int:
    if await store.revoke(options.key_id):
        print(f"Key {options.key_id} is revoked.")
        return ExitCode.PASS
    print(f"There is no key {options.key_id!r}.", file=sys.stderr)
    return ExitCode.BAD_CONFIGURATION


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
