"""Permissions: what a valid one is, how they are stored, and which of them speak for a user."""

# ruff: noqa: S608  # what is put into SQL here are this module's own column names
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reference.access.answers import ID, LONGEST_NAME, USER, Page, invalid, is_text, only
from reference.access.audit import Action, Audit, moment
from reference.access.callers import Caller
from reference.access.policies import ANY, METHODS, RESOURCE, Effect, Rule
from reference.database import Database, Execute, Row
from reference.ids import SortableIds

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS permissions (
        id TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        subject TEXT NOT NULL,
        effect TEXT NOT NULL,
        method TEXT NOT NULL,
        resource TEXT NOT NULL,
        description TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS permissions_of_org ON permissions (org, id)",
    "CREATE INDEX IF NOT EXISTS permissions_of_subject ON permissions (org, subject, id)",
)
FORGET = ("DROP TABLE IF EXISTS permissions",)
_COLUMNS = "id, subject, effect, method, resource, description, created_at, updated_at"
FIELDS = ("subject", "effect", "method", "resource", "description")


@dataclass(frozen=True, slots=True)
class NewPermission:
    """A valid permission, as a client sent it."""

    subject: str
    """`user:<id>` or `team:<id>`."""
    effect: Effect
    method: str
    resource: str
    description: str


def is_subject(value: Any) -> bool:
    """Whether it is `user:<id>` or `team:<id>`."""
    if not isinstance(value, str):
        return False
    kind, _, name = value.partition(":")
    return (kind == "user" and USER.fullmatch(name) is not None) or (
        kind == "team" and ID.fullmatch(name) is not None
    )


def parse_permission(document: Mapping[str, Any]) -> NewPermission:
    """Read a request's object; refuses it with every problem."""
    problems: list[str] = []
    only(document, FIELDS, problems)
    effect, method = document.get("effect"), document.get("method")
    resource, description = document.get("resource"), document.get("description", "")
    if not is_subject(document.get("subject")):
        problems.append("subject: expected user:<id> or team:<id>")
    if effect not in list(Effect):
        problems.append("effect: expected allow or deny")
    if method not in (*METHODS, ANY):
        problems.append(f"method: expected one of {', '.join(METHODS)} or *")
    if not (isinstance(resource, str) and RESOURCE.fullmatch(resource)):
        problems.append("resource: expected a path of at most 200 characters, * for any, such as /orders/*")
    if description != "" and not is_text(description):
        problems.append(f"description: expected at most {LONGEST_NAME} characters, no control characters")
    if problems:
        raise invalid(*problems)
    return NewPermission(document["subject"], Effect(str(effect)), str(method), str(resource), description)


class PermissionStore:
    """Permissions in the database. Every operation sees one organisation's only."""

    def __init__(self, database: Database, audit: Audit, now_ms: Callable[[], int]) -> None:
        self._database, self._audit, self._now_ms = database, audit, now_ms
        self._ids = SortableIds(now_ms)

    async def rules_for(self, caller: Caller, method: str) -> list[Rule]:
        """The permissions of a user and of the user's teams that speak of a method."""
        rows = await self._database.fetch(
            "find_rules",
            """SELECT id, effect, method, resource FROM permissions
            WHERE org = ? AND method IN (?, '*') AND subject IN (
                SELECT ? UNION ALL SELECT 'team:' || team_id FROM members WHERE org = ? AND user_id = ?)""",
            caller.organisation, method, f"user:{caller.user}", caller.organisation, caller.user,
        )  # fmt: skip
        return [Rule(row[0], Effect(row[1]), row[2], row[3]) for row in rows]

    async def listing(self, organisation: str, page: Page, subject: str = "") -> list[dict[str, Any]]:
        """Permissions, oldest first: a page, and one more where there is one."""
        narrowed, values = (" AND subject = ?", [subject]) if subject else ("", [])
        rows = await self._database.fetch(
            "list_permissions",
            f"SELECT {_COLUMNS} FROM permissions WHERE org = ? AND id > ?{narrowed} ORDER BY id LIMIT ?",
            organisation, page.cursor, *values, page.limit + 1,
        )  # fmt: skip
        return [_as_dict(row) for row in rows]

    async def get(self, organisation: str, permission_id: str) -> dict[str, Any] | None:
        """One permission, or None."""
        rows = await self._database.fetch(
            "get_permission",
            f"SELECT {_COLUMNS} FROM permissions WHERE org = ? AND id = ?",
            organisation, permission_id,
        )  # fmt: skip
        return _as_dict(rows[0]) if rows else None

    async def create(self, caller: Caller, new: NewPermission) -> dict[str, Any]:
        """Store a permission."""
        permission_id, now = self._ids.next()

        async def work(execute: Execute) -> list[Row]:
            rows = await execute(
                f"""INSERT INTO permissions (org, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                RETURNING {_COLUMNS}""",
                caller.organisation, permission_id, *_values(new), now, now,
            )  # fmt: skip
            await self._record(execute, caller, Action.CREATE_PERMISSION, permission_id, new)
            return rows

        return _as_dict((await self._database.transaction("create_permission", work))[0])

    async def update(self, caller: Caller, permission_id: str, new: NewPermission) -> dict[str, Any] | None:
        """Put another permission in the place of one; None when there is none."""

        async def work(execute: Execute) -> list[Row]:
            rows = await execute(
                """UPDATE permissions SET subject = ?, effect = ?, method = ?, resource = ?, description = ?,
                updated_at = ? WHERE org = ? AND id = ? RETURNING """ + _COLUMNS,
                *_values(new), self._now_ms(), caller.organisation, permission_id,
            )  # fmt: skip
            if rows:
                await self._record(execute, caller, Action.UPDATE_PERMISSION, permission_id, new)
            return rows

        rows = await self._database.transaction("update_permission", work)
        return _as_dict(rows[0]) if rows else None

    async def delete(self, caller: Caller, permission_id: str) -> bool:
        """Whether there was one to delete."""

        async def work(execute: Execute) -> bool:
            rows = await execute(
                "DELETE FROM permissions WHERE org = ? AND id = ? RETURNING id",
                caller.organisation, permission_id,
            )  # fmt: skip
            if rows:
                resource = f"permission:{permission_id}"
                await self._audit.change(execute, caller, Action.DELETE_PERMISSION, resource)
            return bool(rows)

        return await self._database.transaction("delete_permission", work)

    async def _record(
        self, execute: Execute, caller: Caller, action: Action, permission_id: str, new: NewPermission
    ) -> None:
        await self._audit.change(
            execute, caller, action, f"permission:{permission_id}",
            subject=new.subject, effect=new.effect.value, method=new.method, path=new.resource,
        )  # fmt: skip


def _values(new: NewPermission) -> tuple[str, ...]:
    return new.subject, new.effect.value, new.method, new.resource, new.description


def _as_dict(row: Row) -> dict[str, Any]:
    shown = dict(zip(("id", *FIELDS), row, strict=False))
    return shown | {"created_at": moment(row[6]), "updated_at": moment(row[7])}
