"""Asks the service, once a user has stopped, whether everything that it acknowledged is there exactly once.

It is asked in each user's on_stop: Locust waits for it before it calls its run stopped, alone as in a worker, and so
before a worker's last report. (`test_stop` is too late: a worker may have sent its last report by then.) The questions
are not part of the load: they are asked beside Locust's measured client, a few at a time, and have a deadline.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from locust import events

from exporters.scenario_metrics import counter
from scenarios.metrics.ledger import Ledger, Outcome

logger = logging.getLogger(__name__)

CONSISTENCY = counter(
    "consistency_events_total",
    "Acknowledged events, verified after their sender has stopped: there once, missing, there more than once, "
    "or not verified.",
    ("result",),
    [("stored",), ("missing",), ("doubled",), ("unverified",)],
)
STOP_SECONDS = 5.0
"""From the stop of the run until every user has verified; longer where the profile's graceful_stop is."""
LEAST_SECONDS = 2.0
"""For a user that was late to stop. A master waits for its workers' last reports a little longer than this takes."""
PAGE = 100_000
"""Numbers asked for at once."""
AGAIN_SECONDS = 0.3
"""Between two questions when the first was not answered."""
UNAUTHORISED = 401
_TURNS = BoundedSemaphore(32)
"""More at once would only wait in the service for its connections."""


def verify(user: Any, source: str, ledger: Ledger) -> None:
    """Count what became of a user's acknowledged events; whatever goes wrong, they are counted as unverified."""
    if not ledger.owed and not ledger.given_up:
        return
    outcome = ledger.nothing_known()
    try:
        outcome = _ask_until_answered(user, source, ledger) or outcome
    finally:
        # In a `finally`, since Locust may kill this greenlet too: what was not verified must be seen.
        _count(outcome)


_stopped_at: list[float] = []
"""When the run that is ending was stopped; empty while it goes on."""


@events.test_start.add_listener  # type: ignore[untyped-decorator, unused-ignore]
def _on_test_start(**_: Any) -> None:
    _stopped_at.clear()


@events.test_stopping.add_listener  # type: ignore[untyped-decorator, unused-ignore]
def _on_test_stopping(**_: Any) -> None:
    _stopped_at.append(time.monotonic())


def _seconds_left(graceful: float | None) -> float:
    whole = max(STOP_SECONDS, graceful or 0.0)
    since = time.monotonic() - _stopped_at[-1] if _stopped_at else 0.0
    return max(LEAST_SECONDS, whole - since)


def _ask_until_answered(user: Any, source: str, ledger: Ledger) -> Outcome | None:
    """What became of the events; None when the time is over."""
    deadline, problem = time.monotonic() + _seconds_left(user.environment.stop_timeout), "no answer"
    # By the clock, not by gevent.Timeout alone: the HTTP client swallows one that is raised in it, to retry.
    while (left := deadline - time.monotonic()) > 0:
        try:
            with gevent.Timeout(left), _TURNS:
                return _ask(user, source, ledger)
        except (Exception, gevent.Timeout) as error:
            problem = type(error).__name__
            if getattr(error, "code", 0) == UNAUTHORISED:
                user.forget_token()
        gevent.sleep(AGAIN_SECONDS)
    logger.warning("events of %s could not be verified: %s", source, problem)
    return None


def _ask(user: Any, source: str, ledger: Ledger) -> Outcome:
    stored: list[Any] = []
    doubled: list[Any] = []
    for first in range(ledger.first, ledger.last + 1, PAGE):
        last = min(first + PAGE - 1, ledger.last)
        path = f"/api/v1/metrics/receipts/{source}?first={first}&last={last}"
        answer = json.loads(unmeasured(user, "GET", path))
        if answer["tenant_id"] != user.account.tenant:
            raise ValueError("another tenant's receipts")
        stored += answer["stored"]
        doubled += answer["doubled"]
    return ledger.compare(stored, doubled)


def unmeasured(user: Any, method: str, path: str, document: Any = None) -> bytes:
    """Send a request that no statistic counts; raises for anything but a success."""
    headers = {"Authorization": f"Bearer {user.quiet_token()}"} if document is None else {}
    agent = user.client.client  # the connections of the user, without Locust's measuring around them
    body = None if document is None else json.dumps(document).encode()
    response = agent.urlopen(f"{user.host}{path}", method=method, headers=headers, payload=body)
    content: bytes = response.content
    if not 200 <= response.status_code < 300:
        raise ValueError(f"status {response.status_code}")
    return content


def _count(outcome: Outcome) -> None:
    CONSISTENCY.add(outcome.stored, "stored")
    CONSISTENCY.add(outcome.missing, "missing")
    CONSISTENCY.add(outcome.doubled, "doubled")
    CONSISTENCY.add(outcome.unverified, "unverified")
