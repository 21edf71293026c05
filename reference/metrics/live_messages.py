"""The messages of /api/v1/live: JSON objects with a `type`, read with every problem said in words. No I/O."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
PUBLISHER = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
PUBLISHER_EXPECTED = "publisher: expected at most 64 of A-Z a-z 0-9 _ . : -"
MOST_SEQUENCE = 2**53 - 1
"""The greatest whole number that every JSON reader keeps."""


class BadMessage(ValueError):
    """A message that cannot be understood; says what was expected, without quoting it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Authenticate:
    """The first message of a connection that has no token in its address."""

    token: str
    publisher: str
    """How the connection's publications are to be signed; "" leaves it to the service."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """From now on, the channel's messages come to this connection."""

    channel: str


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """They no longer do."""

    channel: str


@dataclass(frozen=True, slots=True)
class Publish:
    """To everyone else who has subscribed to the channel."""

    channel: str
    sequence: int
    data: str
    """As JSON, written once for all who get it."""


Incoming = Authenticate | Subscribe | Unsubscribe | Publish


def read(text: str) -> Incoming:
    """A client's message; raises BadMessage."""
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("not_json", "The message is not JSON.") from None
    if not isinstance(message, dict):
        raise BadMessage("invalid", "A message is an object with a type.")
    match message.get("type"):
        case "publish":
            sequence = message.get("sequence")
            if type(sequence) is not int or not 1 <= sequence <= MOST_SEQUENCE:
                raise BadMessage("invalid", f"sequence: expected a whole number from 1 to {MOST_SEQUENCE}")
            if "data" not in message:
                raise BadMessage("invalid", "data: missing")
            try:
                # NaN and infinities are read by Python alone.
                data = json.dumps(message["data"], separators=(",", ":"), allow_nan=False)
            except (ValueError, RecursionError):
                raise BadMessage("invalid", "data: not a JSON value") from None
            return Publish(_channel(message), sequence, data)
        case "subscribe":
            return Subscribe(_channel(message))
        case "unsubscribe":
            return Unsubscribe(_channel(message))
        case "authenticate":
            token, publisher = message.get("token"), message.get("publisher", "")
            if not isinstance(token, str):
                raise BadMessage("invalid", "token: expected text")
            if not isinstance(publisher, str) or (publisher and not PUBLISHER.fullmatch(publisher)):
                raise BadMessage("invalid", PUBLISHER_EXPECTED)
            return Authenticate(token, publisher)
    raise BadMessage("invalid", "type: expected authenticate, subscribe, unsubscribe or publish")


def _channel(message: dict[str, Any]) -> str:
    channel = message.get("channel")
    if not isinstance(channel, str) or not CHANNEL.fullmatch(channel):
        raise BadMessage(
            "invalid", "channel: expected at most 100 of A-Z a-z 0-9 _ . : -, a letter or digit first"
        )
    return channel


def ready(tenant: str, publisher: str) -> str:
    """The token was accepted."""
    return _write(type="ready", tenant=tenant, publisher=publisher)


def subscribed(channel: str, subscribers: int) -> str:
    """From here on, no message of the channel is missing on this connection."""
    return _write(type="subscribed", channel=channel, subscribers=subscribers)


def unsubscribed(channel: str, delivered: int) -> str:
    """Nothing more comes; `delivered` messages were sent on this subscription, so that the client can compare."""
    return _write(type="unsubscribed", channel=channel, delivered=delivered)


# The two that are written thousands of times a second. Channels and publishers need no escapes.


def acknowledged(channel: str, sequence: int, subscribers: int) -> str:
    """A publication was taken, and is on its way to so many subscribers."""
    return (
        f'{{"type":"acknowledged","channel":"{channel}","sequence":{sequence},"subscribers":{subscribers}}}'
    )


def delivery(publication: Publish, publisher: str) -> str:
    """A publication as every subscriber gets it."""
    return (
        f'{{"type":"message","channel":"{publication.channel}","publisher":"{publisher}",'
        f'"sequence":{publication.sequence},"data":{publication.data}}}'
    )


def problem(code: str, detail: str, publication: Publish | None = None) -> str:
    """Something was not done; says which publication, where it was one."""
    which = {"channel": publication.channel, "sequence": publication.sequence} if publication else {}
    return _write(type="error", code=code, detail=detail, **which)


def _write(**message: Any) -> str:
    return json.dumps(message, separators=(",", ":"))
