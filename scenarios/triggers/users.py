"""Users of the Triggers API: a realistic mix, and one that only sends, as fast as it can.

Also runs in plain Locust: `locust -f scenarios/triggers/users.py TriggersAPIUser --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

from locust import between, task
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
from scenarios.triggers.sample_events import sample_event

logger = logging.getLogger(__name__)

SYSTEM = "triggers"
CREDENTIAL = "api_key"
"""Its name in environments.yaml."""
LOCAL_KEY = "local-load-test"
"""The reference service's public key; offered only to the local environment on this machine."""
REMEMBERED_EVENTS = 1000
"""Per key; enough that users do not all ask for the same event."""
INBOX_LIMITS = (10, 20, 50)

Wanted = Callable[[Any], Any]
"""Reads what is wanted from an answer's JSON; raises ValueError, KeyError or TypeError when it is not there."""


class KnownEvents:
    """Ids of events that one API key has sent and can see, shared by the users that have this key."""

    def __init__(self) -> None:
        self.readable: deque[str] = deque(maxlen=REMEMBERED_EVENTS)
        self.unacknowledged: deque[str] = deque(maxlen=REMEMBERED_EVENTS)

    def add(self, ids: Iterable[str]) -> None:
        """Remember ids that the service named."""
        for event_id in ids:
            self.readable.append(event_id)
            self.unacknowledged.append(event_id)


class TriggersUser(ServiceUser):
    """What both kinds of user share: an API key each, and sending an event."""

    abstract = True

    _turns: Iterator[int] = itertools.count()
    _known: dict[str, KnownEvents] = {}  # noqa: RUF012  # shared on purpose: events belong to keys, not to users
    _key_reported = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            keys = api_keys(environment)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        key = keys[next(TriggersUser._turns) % len(keys)]
        self.known = TriggersUser._known.setdefault(key, KnownEvents())
        self.random = Random()
        self.rest = 0.0
        """Seconds that the service has asked this user to stay away."""
        self._headers = {"Authorization": f"Bearer {key}"}

    def call(self, method: str, path: str, name: str, wanted: Wanted, json: Any = None) -> Any:
        """Send a request; returns what `wanted` reads from a success, None for any other answer.

        Every answer is counted as what it is: a success, a failure with its reason, or a 429 apart.
        """
        with self.client.request(
            method, path, name=name, json=json, headers=self._headers, catch_response=True
        ) as response:
            if count_as_rate_limited(response):
                self.rest = seconds_to_rest(response)
                return None
            if response.status_code in (401, 403):
                self._report_key(response.status_code)
            if not 200 <= response.status_code < 300:
                return None  # Locust counts it as failed, with the status or the broken connection as reason.
            try:
                return wanted(response.json())
            except (ValueError, KeyError, TypeError):
                response.failure(
                    f"{name} answered {response.status_code} with a body that is not what was asked for"
                )
        return None

    def create_event(self) -> None:
        """POST /events."""
        event_id = self.call("POST", "/events", "/events", wanted=_id, json=sample_event(self.random))
        if event_id is not None:
            self.known.add([event_id])

    def _report_key(self, status: int) -> None:
        # Every such request is a failure of its own; what to do about it is said once.
        if not TriggersUser._key_reported:
            TriggersUser._key_reported = True
            logger.error(
                "The service refuses the API key with %d: check that %s holds a valid key that may write.",
                status,
                variable_of(CREDENTIAL, SYSTEM, environment_name(self.environment)),
            )


class TriggersAPIUser(TriggersUser):
    """Realistic use: mostly sending, some reading, with pauses; stays away for as long as a 429 asks."""

    weight = 10
    _pause = staticmethod(between(0.1, 2))

    def wait_time(self) -> float:
        """Seconds until the next task: the user's own pause, or the rest that the service asked for if longer."""
        # Rested here and not inside the task, so that a user that rests can be stopped at once.
        rest, self.rest = self.rest, 0.0
        return float(max(rest, self._pause(self)))

    @task(10)
    def send_event(self) -> None:
        """Create a new event."""
        self.create_event()

    @task(3)
    def poll_inbox(self) -> None:
        """List undelivered events; what is found there can be acknowledged."""
        path = f"/inbox?limit={self.random.choice(INBOX_LIMITS)}"
        found = self.call("GET", path, "/inbox", wanted=_inbox_ids)
        if found and not self.known.unacknowledged:
            self.known.add(found)

    @task(2)
    def get_event_by_id(self) -> None:
        """Retrieve an event that is known to exist; nothing is sent while none is."""
        if self.known.readable:
            self.call("GET", f"/events/{self.random.choice(self.known.readable)}", "/events/{id}", wanted=_id)

    @task(1)
    def acknowledge_event(self) -> None:
        """Mark the oldest known event as delivered; nothing is sent while none is known."""
        if self.known.unacknowledged:
            event_id = self.known.unacknowledged.popleft()
            self.call("POST", f"/events/{event_id}/acknowledge", "/events/{id}/acknowledge", wanted=_anything)

    @task(1)
    def check_health(self) -> None:
        """Ask for the service's health."""
        self.call("GET", "/health", "/health", wanted=_anything)


class HighThroughputUser(TriggersUser):
    """Sends events with hardly a pause, 429 or not: for the breaking point and the greatest throughput."""

    weight = 1
    wait_time = between(0.01, 0.1)

    @task
    def send_event_fast(self) -> None:
        """Create a new event."""
        self.create_event()


def api_keys(locust_environment: Any) -> tuple[str, ...]:
    """The API keys to use; raises MissingCredential when there is none."""
    environment = environment_name(locust_environment)
    keys = credential_list(CREDENTIAL, SYSTEM, environment)
    if not keys and environment == LOCAL and is_this_machine(locust_environment.host):
        keys = (LOCAL_KEY,)
    if not keys:
        variable = variable_of(CREDENTIAL, SYSTEM, environment)
        where = f"environment {environment!r}" if environment else locust_environment.host
        raise MissingCredential(
            f"No API key for {where}: {variable} is not set.",
            f"export {variable}=<key>; several keys, separated by commas, are used in turn",
        )
    return keys


check_before_load(api_keys)


def _id(document: Any) -> str:
    """The id of an event; services that call it event_id are understood too."""
    event_id = document["id"] if "id" in document else document["event_id"]
    if not isinstance(event_id, str | int):
        raise TypeError("an event's id is text or a number")
    return str(event_id)


def _inbox_ids(document: Any) -> list[str]:
    """The ids in an inbox: a list of events, or an object with one under `events`."""
    return [_id(event) for event in (document["events"] if isinstance(document, dict) else document)]


def _anything(document: Any) -> Any:
    return document
