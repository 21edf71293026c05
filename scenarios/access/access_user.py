"""What all users of the Access Management API share: a token each, and how answers are read and counted."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from locust import between
from locust.exception import StopTest

from scenarios.clients import ServiceUser, check_before_load, count_as_rate_limited, seconds_to_rest
from scenarios.credentials import (
    LOCAL,
    MissingCredential,
    credential_list,
    environment_name,
    is_this_machine,
    variable_of,
)

logger = logging.getLogger(__name__)

SYSTEM = "access"
CREDENTIAL = "token"
"""Its name in environments.yaml."""
LOCAL_ORGANISATION = "local-load-test"
"""The reference service's public organisation; its users are user-0 to user-49."""
LOCAL_USERS = 50
TOKEN_SECONDS = 3600
REMEMBERED = 500
"""Ids of each kind; enough that users do not all ask for the same one."""
TOKENS = "/v1/tokens"

Wanted = Callable[[Any], Any]
"""Reads what is wanted from an answer's JSON; raises ValueError, KeyError or TypeError when it is not there."""


class Known:
    """Ids that this process has seen and may use, shared by its users: they are of one organisation."""

    def __init__(self) -> None:
        self.permissions: deque[str] = deque(maxlen=REMEMBERED)
        self.teams: deque[str] = deque(maxlen=REMEMBERED)
        self.own_permissions: deque[str] = deque(maxlen=REMEMBERED)
        """Made by this run, and so free to be changed and deleted."""
        self.own_teams: deque[str] = deque(maxlen=REMEMBERED)
        self.deleted: deque[str] = deque(maxlen=REMEMBERED)

    def was_deleted(self, path: str) -> bool:
        """Whether a path is of something that a user has deleted, or is deleting just now."""
        return any(part in self.deleted for part in path.split("/"))


class AccessUser(ServiceUser):
    """A user with a token: an environment variable's, or one that the local service hands out."""

    abstract = True
    pause = staticmethod(between(0.1, 0.5))

    _turns: Iterator[int] = itertools.count()
    known = Known()
    _refusal_reported = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            tokens = given_tokens(environment)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        self.random = Random()
        self.number = next(AccessUser._turns)
        self.rest = 0.0
        """Seconds that the service has asked this user to stay away."""
        self._token = tokens[self.number % len(tokens)] if tokens else ""
        self._token_ends = float("inf") if tokens else 0.0

    def wait_time(self) -> float:
        """Seconds until the next task: the user's own pause, or the rest that the service asked for if longer."""
        # Rested here and not inside the task, so that a user that rests can be stopped at once.
        rest, self.rest = self.rest, 0.0
        return float(max(rest, self.pause(self)))

    @property
    def token(self) -> str:
        """The user's token, fetched or renewed when need be; "" when the service gives none."""
        if time.time() >= self._token_ends:
            # Counted as a request of its own; a user without a token can do nothing else.
            wish = {
                "organisation": LOCAL_ORGANISATION,
                "user": f"user-{self.number % LOCAL_USERS}",
                "role": "admin",
                "expires_in": TOKEN_SECONDS,
            }
            self._token = self._ask("POST", TOKENS, TOKENS, _token, wish) or ""
            self._token_ends = time.time() + 0.9 * TOKEN_SECONDS if self._token else 0.0
        return self._token

    def call(  # as FastHttpUser's own calls: method, path, name, then what it is about
        self,
        method: str,
        path: str,
        name: str,
        wanted: Wanted,
        json: Any = None,
        *,
        accept: tuple[int, ...] = (),
    ) -> Any:
        """Send a request with the token; returns what `wanted` reads from a success, None for any other answer.

        Statuses to `accept` are expected refusals: successes, of which nothing is read.
        """
        token = self.token
        if not token:
            return None
        return self._ask(method, path, name, wanted, json, token=token, accept=accept)

    def _ask(
        self,
        method: str,
        path: str,
        name: str,
        wanted: Wanted,
        json: Any,
        *,
        token: str = "",
        accept: tuple[int, ...] = (),
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with self.client.request(
            method, path, name=name, json=json, headers=headers, catch_response=True
        ) as response:
            if count_as_rate_limited(response):
                self.rest = seconds_to_rest(response)
                return None
            # One user may delete what another is just asking for: that it is gone is no failure of the service.
            if response.status_code in accept or (
                response.status_code == 404 and method != "DELETE" and self.known.was_deleted(path)
            ):
                response.success()
                return None
            if response.status_code in (401, 403):
                self._report_refusal(response.status_code)
            if not 200 <= response.status_code < 300:
                return None  # Locust counts it as failed, with the status or the broken connection as reason.
            try:
                return wanted(None if response.status_code == 204 else response.json())
            except (ValueError, KeyError, TypeError, IndexError):
                response.failure(
                    f"{name} answered {response.status_code} with a body that is not what was asked for"
                )
        return None

    def report_wrong(self, name: str, problem: str) -> None:
        """Count a failure that no single answer shows: answers that contradict each other."""
        self.environment.events.request.fire(
            request_type="CHECK",
            name=name,
            response_time=0,
            response_length=0,
            exception=ValueError(problem),
            context={},
        )

    def _report_refusal(self, status: int) -> None:
        # Every such request is a failure of its own; what to do about it is said once.
        if not AccessUser._refusal_reported:
            AccessUser._refusal_reported = True
            logger.error(
                "The service refuses the token with %d: check that %s holds a valid token of an administrator.",
                status,
                variable_of(CREDENTIAL, SYSTEM, environment_name(self.environment)),
            )


def given_tokens(locust_environment: Any) -> tuple[str, ...]:
    """The tokens to use in turn; none where the local service hands them out. Raises MissingCredential."""
    environment = environment_name(locust_environment)
    tokens = credential_list(CREDENTIAL, SYSTEM, environment)
    if not tokens and not (environment == LOCAL and is_this_machine(locust_environment.host)):
        variable = variable_of(CREDENTIAL, SYSTEM, environment)
        where = f"environment {environment!r}" if environment else locust_environment.host
        raise MissingCredential(
            f"No token for {where}: {variable} is not set.",
            f"export {variable}=<JWT>; several, separated by commas, are used in turn",
        )
    return tokens


check_before_load(given_tokens)


def id_of(document: Any) -> str:
    """The id of what was made or read."""
    found = document["id"]
    if not isinstance(found, str):
        raise TypeError("an id is text")
    return found


def ids_of(document: Any, name: str) -> list[str]:
    """The ids in a page of a list."""
    return [id_of(item) for item in document[name]]


def anything(document: Any) -> Any:
    """No more than that it is JSON (or that there is no body)."""
    return document


def _token(document: Any) -> str:
    token = document["access_token"]
    if not isinstance(token, str) or not token:
        raise TypeError("a token is text")
    return token
