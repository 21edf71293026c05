"""Events: what a valid one is, and how they are stored, listed and acknowledged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reference.database import Database, Row
from reference.ids import SortableIds
from reference.json_bodies import parse_json

MOST_BYTES = 256 * 1024
"""Of a request body."""
LONGEST_TYPE = 255
MOST_LISTED = 100
DEFAULT_LISTED = 50
EVENT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS events (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        event_type TEXT NOT NULL,
        payload TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        delivered_at BIGINT
    )""",
    # The inbox is this index: its cost does not grow with what was delivered.
    "CREATE INDEX IF NOT EXISTS events_inbox ON events (owner, id) WHERE delivered_at IS NULL",
)


# Dropped, not deleted row by row: millions of rows are gone at once, and no dead ones are left behind.
FORGET = ("DROP TABLE IF EXISTS events",)


class Invalid(ValueError):
    """The body is JSON, but not an event; carries every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A valid event, as a client sent it."""

    event_type: str
    payload: str
    """JSON text, ASCII only."""


def parse_event(body: bytes) -> NewEvent:
    """Read a request body; raises NotJSON or Invalid."""
    document = parse_json(body)
    if not isinstance(document, dict):
        raise Invalid(["body: expected an object with event_type and payload"])
    problems = [f"{key}: unknown field" for key in document if key not in ("event_type", "payload")]
    event_type = document.get("event_type")
    if (
        not isinstance(event_type, str)
        or not 1 <= len(event_type) <= LONGEST_TYPE
        or not _storable(event_type)
    ):
        problems.append(f"event_type: expected 1 to {LONGEST_TYPE} characters, no control characters")
    if not isinstance(document.get("payload"), dict):
        problems.append("payload: expected an object")
    if problems:
        raise Invalid(problems)
    return NewEvent(document["event_type"], json.dumps(document["payload"], separators=(",", ":")))


def _storable(text: str) -> bool:
    # Half of a surrogate pair is legal in JSON's escapes and in no encoding.
    return not any(
        character < " " or "\x7f" <= character < "\xa0" or "\ud800" <= character <= "\udfff"
        for character in text
    )


class EventStore:
    """Events in the database. Every operation sees the owner's events only."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self._ids = SortableIds(now_ms)

    async def add(self, owner: str, event: NewEvent) -> str:
        """Store an event; returns it as JSON, without its payload."""
        event_id, created_at = self._ids.next()
        await self._database.write(
            "insert_event",
            "INSERT INTO events (id, owner, event_type, payload, created_at) VALUES (?, ?, ?, ?, ?)",
            event_id, owner, event.event_type, event.payload, created_at,
        )  # fmt: skip
        return _as_json((event_id, event.event_type, None, created_at, None))

    async def inbox(self, owner: str, limit: int, after: str) -> str:
        """The oldest undelivered events after a cursor ("" for the start), as JSON with the next cursor."""
        rows = await self._database.fetch(
            "list_inbox",
            """SELECT id, event_type, payload, created_at, delivered_at FROM events
            WHERE owner = ? AND delivered_at IS NULL AND id > ? ORDER BY id LIMIT ?""",
            owner, after, limit + 1,
        )  # fmt: skip
        following = f'"{rows[limit - 1][0]}"' if len(rows) > limit else "null"
        return f'{{"events":[{",".join(map(_as_json, rows[:limit]))}],"next_cursor":{following}}}'

    async def get(self, owner: str, event_id: str) -> str | None:
        """One event as JSON; None when the owner has no such event."""
        rows = await self._database.fetch(
            "get_event",
            "SELECT id, event_type, payload, created_at, delivered_at FROM events WHERE id = ? AND owner = ?",
            event_id, owner,
        )  # fmt: skip
        return _as_json(rows[0]) if rows else None

    async def acknowledge(self, owner: str, event_id: str) -> str | None:
        """Mark as delivered, once: later calls change nothing. The event without payload, or None."""
        rows = await self._database.write(
            "acknowledge_event",
            """UPDATE events SET delivered_at = COALESCE(delivered_at, ?) WHERE id = ? AND owner = ?
            RETURNING id, event_type, created_at, delivered_at""",
            self._now_ms(), event_id, owner,
        )  # fmt: skip
        return _as_json((rows[0][0], rows[0][1], None, *rows[0][2:])) if rows else None


def _as_json(row: Row) -> str:
    """Written by hand because the payload is JSON text already: reading it to write it again would cost most."""
    event_id, event_type, payload, created_at, delivered_at = row
    status = "undelivered" if delivered_at is None else "delivered"
    delivered = "null" if delivered_at is None else f'"{_moment(delivered_at)}"'
    shown: Any = "" if payload is None else f'"payload":{payload},'
    return (
        f'{{"id":"{event_id}","event_type":{json.dumps(event_type)},{shown}"status":"{status}",'
        f'"created_at":"{_moment(created_at)}","delivered_at":{delivered}}}'
    )


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
