"""Who the users log in as: `tenant/e-mail:password`, from the environment variable that environments.yaml names.

The tenant is part of it, so that a user knows whose data it may see without asking the service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from scenarios.clients import check_before_load
from scenarios.credentials import (
    LOCAL,
    MissingCredential,
    credential_list,
    environment_name,
    is_this_machine,
    variable_of,
)
from scenarios.metrics.sample_data import pick_by_rank

SYSTEM = "metrics"
USERS, ADMINS = "users", "admins"
"""Their names in environments.yaml."""
LOCAL_PASSWORD = "local-load-test"  # noqa: S105  # the reference service's public one, for this machine only
LOCAL_TENANTS = 20
LOCAL_MEMBERS = 6


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the service."""

    tenant: str
    email: str
    password: str = field(repr=False)


def accounts(locust_environment: Any, kind: str) -> list[Account]:
    """The accounts to use, by tenant; raises MissingCredential when there is none or one cannot be read."""
    environment = environment_name(locust_environment)
    entries = credential_list(kind, SYSTEM, environment)
    if not entries and environment == LOCAL and is_this_machine(locust_environment.host):
        return _local(kind)
    variable = variable_of(kind, SYSTEM, environment)
    hint = f"export {variable}='<tenant>/<e-mail>:<password>', several separated by commas"
    if not entries:
        where = f"environment {environment!r}" if environment else locust_environment.host
        raise MissingCredential(f"No {kind} for {where}: {variable} is not set.", hint)
    found = [_read(entry) for entry in entries]
    if None in found:
        # The entry itself is not shown: it holds a password.
        raise MissingCredential(f"Entry {found.index(None) + 1} of {variable} cannot be read.", hint)
    return [account for account in found if account is not None]


def pick_account(known: list[Account], random: Random) -> Account:
    """An account: the tenant by Zipf's law in the order in which they are named, its users alike."""
    tenants = list(dict.fromkeys(account.tenant for account in known))
    tenant = pick_by_rank(random, tenants)
    return random.choice([account for account in known if account.tenant == tenant])


def _read(entry: str) -> Account | None:
    tenant, slash, rest = entry.partition("/")
    email, colon, password = rest.partition(":")
    return Account(tenant, email, password) if slash and colon and tenant and email and password else None


def _local(kind: str) -> list[Account]:
    names = ["admin"] if kind == ADMINS else [f"member-{number}" for number in range(1, LOCAL_MEMBERS + 1)]
    return [
        Account(tenant, f"{name}@{tenant}.local.example", LOCAL_PASSWORD)
        for tenant in (f"tenant-{number:02}" for number in range(1, LOCAL_TENANTS + 1))
        for name in names
    ]


def _accounts_of_all(environment: Any) -> None:
    """Look for the accounts of every kind of user that is to run; raises MissingCredential."""
    wanted = {kind for one in environment.user_classes if (kind := getattr(one, "account_kind", ""))}
    for kind in sorted(wanted):
        accounts(environment, kind)


check_before_load(_accounts_of_all)
