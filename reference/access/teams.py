"""Teams and their members, in the database. Every operation sees one organisation's only."""

# ruff: noqa: S608  # what is put into SQL here are this module's own column names
from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from reference.access.answers import LONGEST_NAME, USER, Page, invalid, is_text, only
from reference.access.audit import Action, Audit, moment
from reference.access.callers import Caller
from reference.database import Database, Execute, Row
from reference.ids import SortableIds

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS teams (
        id TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        name TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        updated_at BIGINT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS teams_of_org ON teams (org, id)",
    """CREATE TABLE IF NOT EXISTS members (
        id TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        team_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        role TEXT NOT NULL,
        joined_at BIGINT NOT NULL,
        UNIQUE (team_id, user_id)
    )""",
    "CREATE INDEX IF NOT EXISTS members_of_team ON members (team_id, id)",
    "CREATE INDEX IF NOT EXISTS teams_of_user ON members (org, user_id)",
)
FORGET = ("DROP TABLE IF EXISTS teams", "DROP TABLE IF EXISTS members")
_TEAM = "id, name, created_at, updated_at"
_MEMBER = "id, user_id, role, joined_at"


class TeamRole(StrEnum):
    """What somebody is in a team."""

    MEMBER = "member"
    LEAD = "lead"


def parse_team(document: Mapping[str, Any]) -> str:
    """The name of a new team; refuses the object with every problem."""
    problems: list[str] = []
    only(document, ("name",), problems)
    if not is_text(document.get("name")):
        problems.append(f"name: expected 1 to {LONGEST_NAME} characters, no control characters")
    if problems:
        raise invalid(*problems)
    return str(document["name"])


def parse_member(document: Mapping[str, Any]) -> tuple[str, TeamRole]:
    """A new member's user and role; refuses the object with every problem."""
    problems: list[str] = []
    only(document, ("user", "role"), problems)
    user, role = document.get("user"), document.get("role", TeamRole.MEMBER)
    if not (isinstance(user, str) and USER.fullmatch(user)):
        problems.append("user: expected a user's id")
    if role not in list(TeamRole):
        problems.append("role: expected member or lead")
    if problems:
        raise invalid(*problems)
    return str(user), TeamRole(role)


class TeamStore:
    """Teams and members; what is changed is recorded in the audit."""

    def __init__(self, database: Database, audit: Audit, now_ms: Callable[[], int]) -> None:
        self._database, self._audit, self._now_ms = database, audit, now_ms
        self._ids = SortableIds(now_ms)

    async def listing(self, organisation: str, page: Page) -> list[dict[str, Any]]:
        """Teams, oldest first: a page, and one more where there is one."""
        rows = await self._database.fetch(
            "list_teams",
            f"SELECT {_TEAM} FROM teams WHERE org = ? AND id > ? ORDER BY id LIMIT ?",
            organisation, page.cursor, page.limit + 1,
        )  # fmt: skip
        return [_as_team(row) for row in rows]

    async def get(self, organisation: str, team_id: str) -> dict[str, Any] | None:
        """One team with the number of its members, or None."""
        rows = await self._database.fetch(
            "get_team",
            f"""SELECT {_TEAM}, (SELECT COUNT(*) FROM members WHERE team_id = teams.id)
            FROM teams WHERE org = ? AND id = ?""",
            organisation, team_id,
        )  # fmt: skip
        return _as_team(rows[0]) | {"members": rows[0][4]} if rows else None

    async def create(self, caller: Caller, name: str) -> dict[str, Any]:
        """Store a team."""
        team_id, now = self._ids.next()

        async def work(execute: Execute) -> list[Row]:
            rows = await execute(
                f"INSERT INTO teams (org, {_TEAM}) VALUES (?, ?, ?, ?, ?) RETURNING {_TEAM}",
                caller.organisation, team_id, name, now, now,
            )  # fmt: skip
            await self._audit.change(execute, caller, Action.CREATE_TEAM, f"team:{team_id}", name=name)
            return rows

        return _as_team((await self._database.transaction("create_team", work))[0])

    async def update(self, caller: Caller, team_id: str, name: str) -> dict[str, Any] | None:
        """Give a team another name; None when there is no such team."""

        async def work(execute: Execute) -> list[Row]:
            rows = await execute(
                f"UPDATE teams SET name = ?, updated_at = ? WHERE org = ? AND id = ? RETURNING {_TEAM}",
                name, self._now_ms(), caller.organisation, team_id,
            )  # fmt: skip
            if rows:
                await self._audit.change(execute, caller, Action.UPDATE_TEAM, f"team:{team_id}", name=name)
            return rows

        rows = await self._database.transaction("update_team", work)
        return _as_team(rows[0]) if rows else None

    async def delete(self, caller: Caller, team_id: str) -> bool:
        """Delete a team with its members, its invitations, and the permissions that name it."""

        async def work(execute: Execute) -> bool:
            rows = await execute(
                "DELETE FROM teams WHERE org = ? AND id = ? RETURNING id", caller.organisation, team_id
            )
            if rows:
                await execute("DELETE FROM members WHERE team_id = ?", team_id)
                await execute("DELETE FROM invitations WHERE team_id = ?", team_id)
                await execute(
                    "DELETE FROM permissions WHERE org = ? AND subject = ?",
                    caller.organisation, f"team:{team_id}",
                )  # fmt: skip
                await self._audit.change(execute, caller, Action.DELETE_TEAM, f"team:{team_id}")
            return bool(rows)

        return await self._database.transaction("delete_team", work)

    async def members(self, organisation: str, team_id: str, page: Page) -> list[dict[str, Any]]:
        """Members, those who joined first first: a page, and one more where there is one."""
        rows = await self._database.fetch(
            "list_members",
            f"""SELECT {_MEMBER} FROM members WHERE team_id = ? AND org = ? AND id > ?
            ORDER BY id LIMIT ?""",
            team_id, organisation, page.cursor, page.limit + 1,
        )  # fmt: skip
        return [_as_member(row) for row in rows]

    async def add_member(
        self, caller: Caller, team_id: str, user: str, role: TeamRole
    ) -> dict[str, Any] | None:
        """Make a user a member; None when the user is one already."""

        async def work(execute: Execute) -> list[Row]:
            rows = await self.join(execute, caller.organisation, team_id, user, role)
            if rows:
                await self._audit.change(
                    execute, caller, Action.ADD_MEMBER, f"team:{team_id}", user=user, role=role.value
                )
            return rows

        rows = await self._database.transaction("add_member", work)
        return _as_member(rows[0]) if rows else None

    async def join(
        self, execute: Execute, organisation: str, team_id: str, user: str, role: str
    ) -> list[Row]:
        """Within a transaction: the new member's row, none when the user is a member or the team is gone."""
        member_id, now = self._ids.next()
        return await execute(
            f"""INSERT INTO members (org, team_id, {_MEMBER})
            SELECT org, id, ?, ?, ?, CAST(? AS BIGINT) FROM teams WHERE org = ? AND id = ?
            ON CONFLICT (team_id, user_id) DO NOTHING RETURNING {_MEMBER}""",
            member_id, user, str(role), now, organisation, team_id,
        )  # fmt: skip

    async def remove_member(self, caller: Caller, team_id: str, user: str) -> bool:
        """Whether the user was a member."""

        async def work(execute: Execute) -> bool:
            rows = await execute(
                "DELETE FROM members WHERE team_id = ? AND org = ? AND user_id = ? RETURNING id",
                team_id, caller.organisation, user,
            )  # fmt: skip
            if rows:
                await self._audit.change(execute, caller, Action.REMOVE_MEMBER, f"team:{team_id}", user=user)
            return bool(rows)

        return await self._database.transaction("remove_member", work)


def _as_team(row: Row) -> dict[str, Any]:
    return {"id": row[0], "name": row[1], "created_at": moment(row[2]), "updated_at": moment(row[3])}


def _as_member(row: Row) -> dict[str, Any]:
    return {"id": row[0], "user": row[1], "role": row[2], "joined_at": moment(row[3])}
