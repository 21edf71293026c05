"""Users of the STET API: the same mix of reads, writes and enforcement at several paces, and one for the throughput.

Also runs in plain Locust: `locust -f scenarios/stet/users.py TenPerSecondUser --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar

from locust.exception import StopTest

from exporters.scenario_metrics import counter
from scenarios.clients import ServiceUser, check_before_load, count_as_rate_limited
from scenarios.credentials import (
    LOCAL,
    MissingCredential,
    credential_list,
    environment_name,
    is_this_machine,
    variable_of,
)
from scenarios.stet import sample_corrections as samples
from scenarios.stet.pacing import Schedule

logger = logging.getLogger(__name__)

SYSTEM = "stet"
CREDENTIAL = "tenant_id"
"""Its name in environments.yaml."""
LOCAL_TENANT = "00000000-0000-0000-0000-000000000001"
"""The seed's test tenant; offered only to the local environment on this machine."""
RETRY_SHARE = 0.05
"""Of the corrections sent: repeats of one that was acknowledged, as after an answer that got lost on its way."""
REMEMBERED = 1000
"""Acknowledged corrections per tenant that may be repeated."""
RETRY_NAME = "/v1/corrections (retry)"
"""Counted apart: a repeat stores nothing and is quick, and must not flatter the latency of what is stored."""
HISTORY_LIMITS = (10, 20, 50)

GIVEN_UP = counter(
    "stet_requests_given_up_total",
    "Requests that were due and never sent, because the answers before them were too late.",
)
WRONG_REPLAYS = counter(
    "stet_wrong_replays_total",
    "Repeated corrections whose answer named another correction than the first time.",
)

Wanted = Callable[[Any], Any]
"""Reads what is wanted from an answer's JSON; raises ValueError, KeyError or TypeError when it is not there."""
Acknowledged = deque[tuple[samples.Document, str]]


class StetUser(ServiceUser):
    """What every kind of user shares: a tenant, a schedule, and one method for each kind of request."""

    abstract = True
    per_second: ClassVar[float] = 1.0
    """Requests that one user sends."""

    _turns: Iterator[int] = itertools.count()
    _acknowledged: dict[str, Acknowledged] = {}  # noqa: RUF012  # shared on purpose: they belong to tenants, not to users

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            tenants = tenant_ids(environment)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        tenant = tenants[next(StetUser._turns) % len(tenants)]
        self.known = StetUser._acknowledged.setdefault(tenant, deque(maxlen=REMEMBERED))
        self.random = Random()
        self._schedule = Schedule(self.per_second, time.perf_counter, self.random.random())
        self._given_up = 0
        self._headers = {"X-Tenant-Id": tenant}

    def on_start(self) -> None:
        """Begin the schedule when the user starts, which may be long after it was made."""
        self._schedule = Schedule(self.per_second, time.perf_counter, self.random.random())

    def wait_time(self) -> float:
        """Seconds until the next request is due."""
        seconds = self._schedule.wait()
        if self._schedule.given_up != self._given_up:
            GIVEN_UP.add(self._schedule.given_up - self._given_up)
            self._given_up = self._schedule.given_up
        return seconds

    def call(self, method: str, path: str, name: str, wanted: Wanted, json: Any = None) -> Any:
        """Send a request; returns what `wanted` reads from a success, None for any other answer.

        A WrongAnswer that it raises is a failure by its own words.
        """
        with self.client.request(
            method, path, name=name, json=json, headers=self._headers, catch_response=True
        ) as response:
            # Counted from when the request was due, not from when the answer before it let it go.
            response.request_meta["response_time"] += 1000 * self._schedule.late
            if count_as_rate_limited(response) or not 200 <= response.status_code < 300:
                return None  # Locust counts it as failed, with the status or the broken connection as reason.
            try:
                return wanted(response.json())
            except WrongAnswer as wrong:
                response.failure(str(wrong))
            except (ValueError, KeyError, TypeError):
                response.failure(
                    f"{name} answered {response.status_code} with a body that is not what was asked for"
                )
        return None

    def read_facts(self) -> None:
        """GET /v1/facts of a random subject."""
        path = f"/v1/facts?subject_type=user&subject_id={samples.subject(self.random)}"
        self.call("GET", f"{path}&requester_id={samples.REQUESTER}", "/v1/facts", _anything)

    def read_history(self) -> None:
        """GET /v1/history of a random subject, its newest page."""
        path = f"/v1/history?subject_type=user&subject_id={samples.subject(self.random)}"
        limit = self.random.choice(HISTORY_LIMITS)
        self.call("GET", f"{path}&requester_id={samples.REQUESTER}&limit={limit}", "/v1/history", _anything)

    def correct(self) -> None:
        """POST /v1/corrections: a new one, or now and then one that the service has acknowledged already."""
        if self.known and self.random.random() < RETRY_SHARE:
            self._repeat(*self.random.choice(self.known))
            return
        document = samples.correction(self.random)
        correction_id = self.call("POST", "/v1/corrections", "/v1/corrections", _id, json=document)
        if correction_id is not None:
            self.known.append((document, correction_id))

    def _repeat(self, document: samples.Document, first: str) -> None:
        def same(answer: Any) -> str:
            again = _id(answer)
            if again != first:
                WRONG_REPLAYS.add()
                raise WrongAnswer("a repeated correction was answered with another id: it was stored twice")
            return again

        self.call("POST", "/v1/corrections", RETRY_NAME, same, json=document)

    def beat(self) -> None:
        """POST /v1/enforcement/heartbeat of a random system."""
        document = samples.heartbeat(self.random, datetime.now(UTC))
        self.call("POST", "/v1/enforcement/heartbeat", "/v1/enforcement/heartbeat", _anything, json=document)

    def read_status(self) -> None:
        """GET /v1/enforcement/status."""
        self.call("GET", "/v1/enforcement/status", "/v1/enforcement/status", _anything)

    def read_escalation(self) -> None:
        """GET /v1/enforcement/escalation."""
        self.call("GET", "/v1/enforcement/escalation", "/v1/enforcement/escalation", _anything)


class WrongAnswer(Exception):
    """An answer that looks right and is not; its text is the failure's."""


class MixedUser(StetUser):
    """The seed's mix: 50 % reads (facts before history, 2 to 1), 40 % writes, 10 % enforcement (2 : 2 : 1)."""

    abstract = True
    tasks: ClassVar[Mapping[Callable[..., None], int]] = {
        StetUser.read_facts: 50,
        StetUser.read_history: 25,
        StetUser.correct: 60,
        StetUser.beat: 6,
        StetUser.read_status: 6,
        StetUser.read_escalation: 3,
    }


class ThreePerSecondUser(MixedUser):
    """As fast as the seed's own Locust user, which pauses 0.1 to 0.5 s."""

    per_second = 3.0


class FivePerSecondUser(MixedUser):
    """The pace of the soak test."""

    per_second = 5.0


class TenPerSecondUser(MixedUser):
    """The pace of normal load, and of a user in plain Locust."""

    per_second = 10.0
    weight = 10


class TwentyPerSecondUser(MixedUser):
    """The pace of peak load."""

    per_second = 20.0


class ThroughputUser(StetUser):
    """The mix of the seed's table of throughputs: 500, 1000, 500, 200, 200 and 100 requests per second."""

    per_second = 25.0
    tasks: ClassVar[Mapping[Callable[..., None], int]] = {
        StetUser.correct: 5,
        StetUser.read_facts: 10,
        StetUser.read_history: 5,
        StetUser.beat: 2,
        StetUser.read_status: 2,
        StetUser.read_escalation: 1,
    }


def tenant_ids(locust_environment: Any) -> tuple[str, ...]:
    """The tenants to work as; raises MissingCredential when there is none."""
    environment = environment_name(locust_environment)
    tenants = credential_list(CREDENTIAL, SYSTEM, environment)
    if not tenants and environment in (LOCAL, "ci") and is_this_machine(locust_environment.host):
        tenants = (LOCAL_TENANT,)
    if not tenants:
        variable = variable_of(CREDENTIAL, SYSTEM, environment)
        where = f"environment {environment!r}" if environment else locust_environment.host
        raise MissingCredential(
            f"No tenant for {where}: {variable} is not set.",
            f"export {variable}=<id>; several, separated by commas, are used in turn",
        )
    return tenants


check_before_load(tenant_ids)


def _id(document: Any) -> str:
    """The id of a correction; services that call it correction_id are understood too."""
    correction_id = document["id"] if "id" in document else document["correction_id"]
    if not isinstance(correction_id, str | int):
        raise TypeError("a correction's id is text or a number")
    return str(correction_id)


def _anything(document: Any) -> Any:
    return document
