"""What POST /stop may ask for and how it is answered. No I/O.

The receiver of alerts stops a run whose target says `abort: true`. Only `application/json` is taken: a web page
in somebody's browser cannot send that to another origin without being let.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from enum import StrEnum

LARGEST_BODY = 65_536
"""Bytes."""


class StopAnswer(StrEnum):
    """What became of a request to stop a run: the values that `on_stop` answers with."""

    STOPPING = "stopping"
    UNKNOWN_RUN = "unknown_run"
    NOT_RUNNING = "not_running"

    @property
    def status(self) -> str:
        """The HTTP status line of this answer."""
        return _STATUS[self]


_STATUS = {
    StopAnswer.STOPPING: "202 Accepted",
    StopAnswer.UNKNOWN_RUN: "404 Not Found",
    StopAnswer.NOT_RUNNING: "409 Conflict",
}


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Which run to stop, why, and for which target."""

    run: str
    reason: str
    target: str


class BadStopRequest(ValueError):
    """The body is not what POST /stop takes; its text is for whoever sent it."""


def parse_stop(content_type: str, body: bytes) -> StopRequest:
    """Read `{"run": "…", "reason": "…", "target": "…"}`; only `run` is required. Raises BadStopRequest."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise BadStopRequest(f'Content-Type must be application/json, got "{content_type}"')
    if len(body) > LARGEST_BODY:
        raise BadStopRequest(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise BadStopRequest(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadStopRequest('expected a JSON object such as {"run": "…", "reason": "…", "target": "…"}')
    unknown = sorted(set(document) - {"run", "reason", "target"})
    if unknown:
        raise BadStopRequest(f"unknown key {unknown[0]}: expected run, reason and target")
    for key, value in document.items():
        if not isinstance(value, str):
            raise BadStopRequest(f"{key}: expected text, got {json.dumps(value)}")
    if not document.get("run"):
        raise BadStopRequest("run: missing; it is the run label of the series")
    return StopRequest(document["run"], document.get("reason", ""), document.get("target", ""))


def is_authorized(authorization: str, token: str) -> bool:
    """Whether an Authorization header carries the token; compared in constant time. No token allows everyone."""
    if not token:
        return True
    scheme, _, given = authorization.partition(" ")
    matches = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode("utf-8", "replace"))
    return matches and scheme.lower() == "bearer"
