"""Access tokens of live users: an environment variable's, or signed here for the reference service on this machine."""

from __future__ import annotations

import time
from typing import Any

import jwt

from scenarios.credentials import (
    LOCAL,
    MissingCredential,
    credential_list,
    environment_name,
    is_this_machine,
    variable_of,
)

SYSTEM = "metrics"
CREDENTIAL = "live_tokens"
"""Its name in environments.yaml."""
LOCAL_SECRET = "swarmscope-local-load-test-secret-key"  # noqa: S105  # the reference services' public one
LOCAL_SECONDS = 4 * 3600
"""Longer than any profile: a connection ends with its token."""


def live_token(locust_environment: Any, number: int, tenant: int) -> str:
    """The token of one user: its turn of the variable's, else a local one; raises MissingCredential."""
    environment = environment_name(locust_environment)
    tokens = credential_list(CREDENTIAL, SYSTEM, environment)
    if tokens:
        return tokens[tenant % len(tokens)]
    if environment == LOCAL and is_this_machine(locust_environment.host):
        return local_token(f"live-{number}", f"tenant-{tenant + 1:02}")
    variable = variable_of(CREDENTIAL, SYSTEM, environment) or "LIVE_TOKENS"
    where = f"environment {environment!r}" if environment else locust_environment.host
    raise MissingCredential(
        f"No access token for {where}: {variable} is not set.",
        f"export {variable}=<token>; several, separated by commas, are used in turn",
    )


def local_token(user: str, tenant: str) -> str:
    """A token for the reference service, which accepts it only with --local-key."""
    now = int(time.time())
    claims = {"iss": SYSTEM, "sub": user, "tenant": tenant, "iat": now, "exp": now + LOCAL_SECONDS}
    return jwt.encode(claims, LOCAL_SECRET, algorithm="HS256")
