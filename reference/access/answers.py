"""What handlers read from requests, and the refusals that they raise when it is not there. Every problem at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from reference.json_bodies import NotJSON, TooLarge, body_within, parse_json

MOST_BYTES = 64 * 1024
"""Of a request body."""
MOST_LISTED = 100
DEFAULT_LISTED = 50
LONGEST_NAME = 200
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Of everything that the service gives an id to."""
USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
"""Ids of users, which others give."""


class Refusal(Exception):
    """Ends a handler with an answer that is no success."""

    def __init__(self, status: int, code: str, detail: str, *problems: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.headers = status, {name.replace("_", "-"): text for name, text in headers.items()}
        self.body: dict[str, Any] = {"code": code, "detail": detail}
        if problems:
            self.body["problems"] = list(problems)

    def answer(self) -> JSONResponse:
        """As the client sees it."""
        return JSONResponse(self.body, self.status, headers=self.headers)


def invalid(*problems: str) -> Refusal:
    """The body or a parameter makes no sense."""
    return Refusal(422, "invalid", "The body or a parameter is not valid.", *problems)


def not_found(what: str) -> Refusal:
    """Not there, or another organisation's: who asks cannot tell the two apart."""
    return Refusal(404, "not_found", f"Your organisation has no such {what}.")


def unauthorised(detail: str) -> Refusal:
    """The token is missing or must not be accepted."""
    return Refusal(401, "unauthorised", detail, WWW_Authenticate="Bearer")


def is_text(value: Any, longest: int = LONGEST_NAME) -> bool:
    """Whether it is text that every database can hold: no control characters, no half surrogate pairs."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= longest
        and not any(
            character < " " or "\x7f" <= character < "\xa0" or "\ud800" <= character <= "\udfff"
            for character in value
        )
    )


async def body_of(request: Request) -> dict[str, Any]:
    """The body's object; refuses one that is too long as soon as that is known."""
    try:
        document = parse_json(await body_within(request, MOST_BYTES))
    except TooLarge:
        raise _too_large() from None
    except NotJSON as error:
        raise Refusal(400, "not_json", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid("body: expected an object")
    return document


def only(document: Mapping[str, Any], known: Collection[str], problems: list[str]) -> None:
    """Note the fields that nobody reads."""
    # The name is the client's: shown only where it can be.
    problems.extend(f"{key if is_text(key) else '?'}: unknown field" for key in document if key not in known)


def _too_large() -> Refusal:
    # The rest of the body stays unread, so the connection cannot be used again.
    return Refusal(413, "too_large", f"A request body may have {MOST_BYTES} bytes.", Connection="close")


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int
    cursor: str
    """The id that the last page ended with; "" for the first page."""


def page_of(request: Request, problems: list[str]) -> Page:
    """`limit` and `cursor`; notes what is wrong with them."""
    limit = request.query_params.get("limit", str(DEFAULT_LISTED))
    cursor = request.query_params.get("cursor", "")
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= MOST_LISTED):
        problems.append(f"limit: expected a whole number from 1 to {MOST_LISTED}")
        limit = "1"
    if cursor and not ID.fullmatch(cursor):
        problems.append("cursor: expected the next_cursor of an earlier answer")
    return Page(int(limit), cursor)


def only_page_of(request: Request) -> Page:
    """`limit` and `cursor` of a list that takes nothing else."""
    problems: list[str] = []
    page = page_of(request, problems)
    if problems:
        raise invalid(*problems)
    return page


def filter_of(request: Request, name: str, problems: list[str]) -> str:
    """A filter on equal text; "" when it is not asked for."""
    text = request.query_params.get(name, "")
    if text and not is_text(text):
        problems.append(f"{name}: expected at most {LONGEST_NAME} characters, no control characters")
    return text


def moment_of(request: Request, name: str, problems: list[str]) -> int | None:
    """A time in Unix milliseconds; None when it is not asked for."""
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError
        return max(0, int(moment.timestamp() * 1000))
    except (ValueError, OverflowError):
        problems.append(f"{name}: expected a time with its zone, such as 2026-01-23T12:00:00Z")
        return None


def listed(items: list[dict[str, Any]], page: Page, name: str) -> JSONResponse:
    """A page of a list, from one item more than the page holds."""
    more = len(items) > page.limit
    shown = items[: page.limit]
    return JSONResponse({name: shown, "next_cursor": shown[-1]["id"] if more else None})
