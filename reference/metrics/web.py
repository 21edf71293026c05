"""What every handler of the metrics service shares: who asks, bodies and parameters read with every problem told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference.json_bodies import NotJSON, TooLarge, body_within, parse_json

MOST_BYTES = 256 * 1024
"""Of a request body."""
NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}")
"""Of a metric."""
EMAIL = re.compile(r"[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,120}")
LABEL = re.compile(r"[a-z0-9-]{1,32}")
"""A region, or the id of a tenant."""
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""2000-01-01 and 2100-01-01: Unix milliseconds outside are seconds or nonsense."""
LARGEST_VALUE = 1e15


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking, from the access token."""

    user_id: str
    tenant_id: str
    email: str
    role: str
    session_id: str


class Refused(Exception):
    """A request that gets no answer but this."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        problems: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or code)
        self.status, self.code, self.detail, self.problems, self.headers = (
            status, code, detail, problems, headers,
        )  # fmt: skip

    def response(self) -> Response:
        """The answer."""
        body: dict[str, Any] = {"code": self.code}
        if self.detail:
            body["detail"] = self.detail
        if self.problems:
            body["problems"] = list(self.problems)
        return JSONResponse(body, self.status, headers=self.headers)


def unauthorised(detail: str) -> Refused:
    """401."""
    return Refused(401, "unauthorised", detail, headers={"WWW-Authenticate": "Bearer"})


def not_found(what: str) -> Refused:
    """404, the same for what does not exist and for what is another tenant's."""
    return Refused(404, "not_found", f"Your tenant has no such {what}.")


def invalid(problems: list[str]) -> Refused:
    """422."""
    return Refused(422, "invalid", problems=problems)


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in a request's body; raises Refused."""
    try:
        document = parse_json(await body_within(request, MOST_BYTES))
    except TooLarge:
        detail = f"A request body may have {MOST_BYTES} bytes."
        raise Refused(413, "too_large", detail, headers={"Connection": "close"}) from None
    except NotJSON as error:
        raise Refused(400, "not_json", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid(["body: expected an object"])
    return document


class Fields:
    """Reads the fields of one JSON object and collects every problem, with the path of each."""

    def __init__(
        self, document: Mapping[str, Any], known: tuple[str, ...], problems: list[str], path: str = ""
    ):
        self._document, self._path, self.problems = document, path, problems
        problems.extend(f"{path}{key[:64]!r}: unknown field" for key in document if key not in known)

    def _problem(self, key: str, expected: str) -> None:
        self.problems.append(f"{self._path}{key}: expected {expected}")

    def matching(self, key: str, pattern: re.Pattern[str], expected: str, default: str | None = None) -> str:
        """A text of this form."""
        value = self._document.get(key, default)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self._problem(key, expected)
        return ""

    def text(self, key: str, longest: int) -> str:
        """A text of 1 to `longest` characters, none of them a control character."""
        value = self._document.get(key)
        if isinstance(value, str) and 1 <= len(value) <= longest and _storable(value):
            return value
        self._problem(key, f"1 to {longest} characters, no control characters")
        return ""

    def whole(self, key: str, least: int, most: int, default: int | None = None) -> int:
        """A whole number."""
        value = self._document.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self._problem(key, f"a whole number from {least} to {most}")
        return 0

    def number(self, key: str) -> float:
        """A number that fits a double."""
        value = self._document.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_VALUE:
            return float(value)
        self._problem(key, f"a number from -{LARGEST_VALUE:.0e} to {LARGEST_VALUE:.0e}")
        return 0.0

    def one_of(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One of these words."""
        value = self._document.get(key, default)
        if isinstance(value, str) and value in choices:
            return value
        self._problem(key, f"one of {', '.join(choices)}")
        return ""

    def items(self, key: str, most: int) -> list[Any]:
        """A list of 1 to `most` items."""
        value = self._document.get(key)
        if isinstance(value, list) and 1 <= len(value) <= most:
            return value
        self._problem(key, f"a list of 1 to {most} items")
        return []

    def check(self) -> None:
        """Raise Refused when there was any problem."""
        if self.problems:
            raise invalid(self.problems[:100])


def whole_parameter(
    request: Request, key: str, bounds: tuple[int, int], default: int | None, problems: list[str]
) -> int:
    """A whole number in the query string, within (least, most)."""
    least, most = bounds
    text = request.query_params.get(key)
    if text is None and default is not None:
        return default
    if text is not None and re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) and least <= int(text) <= most:
        return int(text)
    problems.append(f"{key}: expected a whole number from {least} to {most}")
    return least


def _storable(text: str) -> bool:
    # Half of a surrogate pair is legal in JSON's escapes and in no encoding.
    return not any(c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff" for c in text)


def json_number(value: Any) -> float | int | None:
    """A database's number as JSON has it: PostgreSQL answers sums of whole numbers as Decimal."""
    if value is None or isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
