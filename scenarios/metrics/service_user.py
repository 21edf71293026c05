"""What every HTTP user of the metrics service shares: an account, checked answers, events that are verified."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from locust.exception import StopTest

from scenarios.clients import ServiceUser, count_as_rate_limited
from scenarios.credentials import MissingCredential, environment_name, variable_of
from scenarios.metrics.accounts import SYSTEM, USERS, accounts, pick_account
from scenarios.metrics.consistency import unmeasured, verify
from scenarios.metrics.isolation import NotOwned, TenantLeak, check_tenant
from scenarios.metrics.ledger import Ledger
from scenarios.metrics.sample_data import batch_size, event, pick_region, usage_session

logger = logging.getLogger(__name__)

Wanted = Callable[[Any], Any]
"""Reads what is wanted from an answer's JSON; raises ValueError, KeyError, TypeError or TenantLeak."""
LOGIN, REFRESH = "/api/v1/auth/login", "/api/v1/auth/refresh"
REFRESH_AT = 0.8
"""Share of an access token's life after which it is exchanged."""


class Unexpected(ValueError):
    """An answer that is not what was asked for; the message quotes nothing of it."""


class MetricsUser(ServiceUser):
    """A user of one tenant, logged in."""

    abstract = True

    account_kind = USERS
    _refusal_reported = False

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.random = Random()
        try:
            self.account = pick_account(accounts(environment, self.account_kind), self.random)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        self.region = pick_region(self.random)
        self.source = f"{type(self).__name__}-{uuid.uuid4().hex[:16]}"
        self.ledger = Ledger()
        self._sessions_sent = 0
        self._token = self._refresh_token = ""
        self._renew_at = 0.0

    def on_start(self) -> None:
        """Log in, as the first thing that a user does."""
        self.log_in()

    def on_stop(self) -> None:
        """Verify that everything that was acknowledged is there, once; not part of the load."""
        verify(self, self.source, self.ledger)

    # Requests

    def call(self, method: str, path: str, name: str, wanted: Wanted, json: Any = None) -> Any:
        """Send a request as this user; returns what `wanted` reads from a success, None for any other answer."""
        if not self._token or time.monotonic() >= self._renew_at:
            self.renew()
        if not self._token:
            return None
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._send(method, path, name, wanted, json=json, headers=headers)

    def read(self, path: str, name: str, wanted: Wanted = lambda document: document) -> Any:
        """GET something of the own tenant: an answer with anything of another one is a failure, and counted."""

        def checked(document: Any) -> Any:
            check_tenant(document, self.account.tenant)
            return wanted(document)

        return self.call("GET", path, name, checked)

    def _send(self, method: str, path: str, name: str, wanted: Wanted, **options: Any) -> Any:
        with self.client.request(method, path, name=name, catch_response=True, **options) as response:
            if count_as_rate_limited(response):
                return None
            if response.status_code in (401, 403):
                self._token = ""  # The next request logs in anew.
                self._report_refusal(response.status_code)
            if not 200 <= response.status_code < 300:
                return None  # Locust counts it as failed, with the status or the broken connection as reason.
            try:
                return wanted(response.json() if response.status_code != 204 else {})
            except (TenantLeak, Unexpected, NotOwned) as problem:
                response.failure(problem)
            except (ValueError, KeyError, TypeError, AttributeError):
                response.failure(Unexpected(f"{name} answered with a body that is not what was asked for"))
        return None

    # Being logged in

    def log_in(self) -> bool:
        """POST /auth/login; whether this user is logged in now."""
        credentials = {"email": self.account.email, "password": self.account.password}
        return bool(self._send("POST", LOGIN, LOGIN, self._take_tokens, json=credentials))

    def renew(self) -> bool:
        """Exchange the refresh token, or log in where there is none."""
        token, self._refresh_token = self._refresh_token, ""
        if not self._token or not token:
            return self.log_in()
        return bool(self._send("POST", REFRESH, REFRESH, self._take_tokens, json={"refresh_token": token}))

    def log_out(self) -> bool:
        """POST /auth/logout; whether the service has ended the session."""
        ended = self.call("POST", "/api/v1/auth/logout", "/api/v1/auth/logout", lambda _: True)
        self.forget_token()
        return bool(ended)

    def quiet_token(self) -> str:
        """An access token for questions beside the load."""
        if not self._token:
            credentials = {"email": self.account.email, "password": self.account.password}
            self._take_tokens(json.loads(unmeasured(self, "POST", LOGIN, credentials)))
        return self._token

    def forget_token(self) -> None:
        """Log in anew before the next request."""
        self._token = self._refresh_token = ""

    def _take_tokens(self, document: Any) -> bool:
        check_tenant(document, self.account.tenant)
        self._token, self._refresh_token = document["access_token"], document["refresh_token"]
        self._renew_at = time.monotonic() + float(document["expires_in"]) * REFRESH_AT
        return True

    def _report_refusal(self, status: int) -> None:
        # Every such request is a failure of its own; what to do about it is said once.
        if not MetricsUser._refusal_reported:
            MetricsUser._refusal_reported = True
            logger.error(
                "The service refuses a user with %d: check the accounts in %s.",
                status,
                variable_of(self.account_kind, SYSTEM, environment_name(self.environment)),
            )

    # Sending events

    def make_events(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """New events with these numbers."""
        now = time.time_ns() // 1_000_000
        tenant, region = self.account.tenant, self.region
        return [event(self.random, tenant, f"{self.source}:{number}", now, region) for number in numbers]

    def send_one(self) -> int | None:
        """POST /metrics/events; the event's number once it is acknowledged."""
        numbers = self.ledger.take()
        (made,) = self.make_events(numbers)
        name = "/api/v1/metrics/events"
        if (
            self.call("POST", name, name, lambda answer: acknowledged(answer, made["id"], "stored"), made)
            is None
        ):
            return None
        self.ledger.acknowledge(numbers)
        return numbers[0]

    def send_batch(self, made: Callable[[range], list[dict[str, Any]]], size: int) -> bool:
        """POST /metrics/batch; whether every event of it is acknowledged as stored."""
        numbers = self.ledger.take(size)
        batch = made(numbers)
        name = "/api/v1/metrics/batch"

        def wanted(answer: Any) -> bool:
            results = answer["results"]
            if len(results) != size or answer["stored"] != size:
                raise Unexpected(f"{name} did not store every event as new")
            return all(
                acknowledged(result, one["id"], "stored") for result, one in zip(results, batch, strict=True)
            )

        if self.call("POST", name, name, wanted, {"events": batch}) is None:
            return False
        self.ledger.acknowledge(numbers)
        return True

    def send_some(self) -> bool:
        """A batch of a usual size."""
        return self.send_batch(self.make_events, batch_size(self.random))

    def send_again(self, number: int) -> bool:
        """POST /metrics/events with an id that is acknowledged already: the service must say so."""
        (made,) = self.make_events([number])
        name = "/api/v1/metrics/events"
        wanted: Wanted = lambda answer: acknowledged(answer, made["id"], "duplicate")  # noqa: E731
        return self.call("POST", name, f"{name} (again)", wanted, made) is not None

    def report_session(self) -> bool:
        """POST /metrics/sessions."""
        self._sessions_sent += 1
        session_id = f"{self.source}:{self._sessions_sent}"
        made = usage_session(self.random, session_id, time.time_ns() // 1_000_000, self.region)
        name = "/api/v1/metrics/sessions"
        return (
            self.call("POST", name, name, lambda answer: acknowledged(answer, session_id, "stored"), made)
            is not None
        )


def acknowledged(answer: Any, event_id: str, result: str) -> bool:
    """True for an answer that says this of this event; raises Unexpected for any other."""
    if answer["id"] != event_id or answer["result"] != result:
        raise Unexpected(f"the service does not say of the event that it is {result}")
    return True
