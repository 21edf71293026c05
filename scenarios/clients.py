"""What the scenarios' HTTP users have in common: finite timeouts, checked certificates, and how a 429 counts."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from locust import FastHttpUser, events
from locust.runners import WorkerRunner

from scenarios.credentials import MissingCredential

RATE_LIMITED = 429
LONGEST_REST_SECONDS = 60.0
"""Limits are per minute: a service that asks for a longer rest is not waited for."""


class ServiceUser(FastHttpUser):  # type: ignore[misc]
    """An HTTP user whose requests always end."""

    abstract = True

    # A request that has no answer after 30 s is a failure, not patience: a client in front of a person or a
    # trigger has given up by then, and Locust's 60 s would outlast a quick run without one finished request.
    network_timeout = 30.0
    # A connection that takes this long means a full backlog; waiting longer only hides it.
    connection_timeout = 10.0
    # Requests carry keys: they go only to a host that proves to be the one named.
    insecure = False
    # A retry inside the client would hide the failure that it retries.
    max_retries = 0


def count_as_rate_limited(response: Any) -> bool:
    """Report a 429 apart: a success under a name of its own, `/events (rate limited)`; whether it was one.

    A refusal is the service working as meant, so it must not fail the error target; and it is quick, so it must
    not flatter the latency or the rate of the requests that were let in.
    """
    if response.status_code != RATE_LIMITED:
        return False
    response.request_meta["name"] += " (rate limited)"
    response.success()
    return True


def seconds_to_rest(response: Any) -> float:
    """What Retry-After asks for, in seconds, bounded; 1 when it is missing or not a number of seconds."""
    try:
        seconds = float((response.headers or {}).get("Retry-After", ""))
    except ValueError:
        return 1.0
    if not math.isfinite(seconds):
        return 1.0
    return min(max(seconds, 0.0), LONGEST_REST_SECONDS)


def check_before_load(credentials: Callable[[Any], object]) -> None:
    """End with a message before any load where it is already known that a credential is missing.

    `credentials` is given Locust's environment and raises MissingCredential.
    """

    def check(environment: Any, runner: Any, web_ui: Any, **_: Any) -> None:
        # With the web UI the host is chosen later, and a worker's comes from its master: their users stop the test.
        if web_ui is None and environment.host and not isinstance(runner, WorkerRunner):
            try:
                credentials(environment)
            except MissingCredential as error:
                sys.stderr.write(f"{error}\n")
                sys.exit(error.exit_code)

    events.init.add_listener(check)
