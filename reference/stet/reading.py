"""Reads requests: bounded bodies, tenants, ids, moments and page parameters; every problem of a request at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request

from reference.json_bodies import body_within, parse_json

MOST_BYTES = 64 * 1024
"""Of a request body."""
TENANT = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
IDENTIFIER = r"^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}$"
"""Of subjects, fields, actors, readers and systems. No spaces: readers are stored in one text, between spaces."""
CORRECTION_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
MOMENT = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$"
_FINE = re.compile(r"\.(\d{1,9})")


class Invalid(ValueError):
    """The request can be read but makes no sense; carries every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(slots=True)
class Reader:
    """Takes values out of a request and remembers what was wrong; `end` raises it all at once."""

    problems: list[str] = field(default_factory=list)

    def end(self) -> None:
        """Raise Invalid when anything was wrong."""
        if self.problems:
            raise Invalid(self.problems)

    def tenant(self, request: Request) -> str:
        """The X-Tenant-Id header."""
        given = request.headers.get("x-tenant-id", "")
        if not matches(TENANT, given):
            self.problems.append("X-Tenant-Id: expected 1 to 64 letters, digits, '.', '_' or '-'")
        return given

    def identifier(self, where: str, value: Any) -> str:
        """An id of the caller's own."""
        if isinstance(value, str) and matches(IDENTIFIER, value):
            return value
        self.problems.append(
            f"{where}: expected 1 to 128 letters, digits or ._:@/+-, a letter or digit first"
        )
        return ""

    def members(self, where: str, value: Any, names: Iterable[str]) -> Mapping[str, Any]:
        """An object with exactly these members."""
        prefix = f"{where}." if where else ""
        names = tuple(names)
        if not isinstance(value, dict):
            self.problems.append(f"{where or 'body'}: expected an object with {', '.join(names)}")
            return {}
        self.problems += [
            f"{prefix}{json.dumps(name)[1:-1]}: unknown field" for name in value if name not in names
        ]
        return value

    def moment(self, where: str, value: Any) -> int:
        """A date and time with its zone, as Unix milliseconds."""
        if isinstance(value, str) and matches(MOMENT, value):
            # fromisoformat takes 3 or 6 digits of a second and no leap second.
            text = _FINE.sub(lambda found: f".{found[1][:6]:<06}", value).upper().replace(" ", "T")
            try:
                # In UTC, where the years that exist end sooner on one side.
                return milliseconds(datetime.fromisoformat(text).astimezone(UTC))
            except (ValueError, OverflowError):
                pass
        self.problems.append(f"{where}: expected a date and time with its zone, such as 2026-01-31T12:00:00Z")
        return 0

    def limit(self, request: Request, most: int, default: int) -> int:
        """How many entries a page may have."""
        given = request.query_params.get("limit", str(default))
        if given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= most:
            return int(given)
        self.problems.append(f"limit: expected a whole number from 1 to {most}")
        return default

    def cursor(self, request: Request, pattern: str) -> str:
        """Where the page before ended; "" for the first."""
        given = request.query_params.get("cursor")
        if given is None:
            return ""
        if not matches(pattern, given):
            self.problems.append("cursor: expected the next_cursor of an earlier answer")
        return given


def matches(pattern: str, text: str) -> bool:
    """Whether all of a text is of this form; `$` alone would let a line end through."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII) is not None


async def read_json(request: Request) -> Any:
    """The body's JSON; raises TooLarge as soon as that is known, or NotJSON."""
    return parse_json(await body_within(request, MOST_BYTES))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Unix milliseconds, exact."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000


def written(unix_milliseconds: int) -> str:
    """A moment as answers show it."""
    moment = _EPOCH + timedelta(milliseconds=unix_milliseconds)
    return f"{moment.isoformat(timespec='milliseconds')[:-6]}Z"
