"""Reads JSON from request bodies: bounded, and only what JSON is. Services answer 413 and 400 in their own words."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request


class TooLarge(Exception):
    """The body is longer than it may be."""


class NotJSON(ValueError):
    """The body is not JSON; says why."""


async def body_within(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes; raises TooLarge as soon as it is known to be longer."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:12]) > most:
        raise TooLarge
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def parse_json(body: bytes) -> Any:
    """What the body says; raises NotJSON, also for the NaN and Infinity that Python's reader would take."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise NotJSON("nested too deeply") from None
    except ValueError as error:
        raise NotJSON(str(error)) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
