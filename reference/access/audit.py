"""The audit: every change and every authorization decision, written with what it is about, and queries on it."""

# ruff: noqa: S608  # what is put into SQL here are this module's own column names
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from reference.access.answers import Page
from reference.access.callers import Caller
from reference.database import Database, Execute, Row
from reference.ids import SortableIds

# Ids sort by time, so one index per filter serves the filter, the time range, the order and the cursor.
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS audit (
        id TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS audit_of_org ON audit (org, id)",
    "CREATE INDEX IF NOT EXISTS audit_by_actor ON audit (org, actor, id)",
    "CREATE INDEX IF NOT EXISTS audit_by_action ON audit (org, action, id)",
    "CREATE INDEX IF NOT EXISTS audit_by_resource ON audit (org, resource, id)",
)
FORGET = ("DROP TABLE IF EXISTS audit",)
_INSERT = "INSERT INTO audit (id, org, actor, action, resource, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)"
LAST_MS = 2**48 - 1


class Action(StrEnum):
    """What is recorded."""

    AUTHORIZE = "authorize"
    CREATE_PERMISSION = "permission.create"
    UPDATE_PERMISSION = "permission.update"
    DELETE_PERMISSION = "permission.delete"
    CREATE_TEAM = "team.create"
    UPDATE_TEAM = "team.update"
    DELETE_TEAM = "team.delete"
    ADD_MEMBER = "member.add"
    REMOVE_MEMBER = "member.remove"
    CREATE_INVITATION = "invitation.create"
    ACCEPT_INVITATION = "invitation.accept"
    DECLINE_INVITATION = "invitation.decline"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which entries are asked for; "" and None ask for all. The range is from (included) to (excluded)."""

    actor: str = ""
    action: str = ""
    resource: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class Audit:
    """Writes entries, alone or within the transaction of what they tell of, and finds them."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._ids = SortableIds(now_ms)

    async def decision(self, caller: Caller, resource: str, outcome: str, **detail: str) -> None:
        """Record an authorization decision."""
        entry = self._entry(caller, Action.AUTHORIZE, resource, outcome, detail)
        await self._database.write("insert_audit", _INSERT, *entry)

    async def change(
        self, execute: Execute, caller: Caller, action: Action, resource: str, **detail: str
    ) -> None:
        """Record a change, within its transaction."""
        await execute(_INSERT, *self._entry(caller, action, resource, "success", detail))

    def _entry(
        self, caller: Caller, action: Action, resource: str, outcome: str, detail: dict[str, str]
    ) -> tuple[str, ...]:
        entry_id, _ = self._ids.next()
        written = json.dumps(detail, separators=(",", ":"))
        return entry_id, caller.organisation, caller.user, action.value, resource, outcome, written

    async def find(self, organisation: str, filters: Filters, page: Page) -> list[dict[str, Any]]:
        """Entries from the newest to the oldest: a page, and one more where there is one."""
        where, values = ["org = ?", "id >= ?", "id < ?"], [organisation, *_id_range(filters, page)]
        for column in ("actor", "action", "resource"):
            if text := getattr(filters, column):
                where.append(f"{column} = ?")
                values.append(text)
        rows = await self._database.fetch(
            "list_audit",
            "SELECT id, actor, action, resource, outcome, detail FROM audit "
            f"WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?",
            *values,
            page.limit + 1,
        )
        return [_as_dict(row) for row in rows]


def _id_range(filters: Filters, page: Page) -> tuple[str, str]:
    """The ids of the time range, from the first to the one after the last; the cursor ends it sooner."""
    since = _first_id(filters.since_ms or 0)
    until = _first_id(LAST_MS if filters.until_ms is None else filters.until_ms)
    return since, min(until, page.cursor) if page.cursor else until


def _first_id(milliseconds: int) -> str:
    """The smallest id that an entry of this millisecond can have."""
    return str(UUID(int=min(milliseconds, LAST_MS) << 80))


def _as_dict(row: Row) -> dict[str, Any]:
    milliseconds = UUID(row[0]).int >> 80
    return {
        "id": row[0],
        "at": moment(milliseconds),
        "actor": row[1],
        "action": row[2],
        "resource": row[3],
        "outcome": row[4],
        "detail": json.loads(row[5]),
    }


def moment(milliseconds: int) -> str:
    """Unix milliseconds as ISO 8601."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
