"""Invitations to a team, from their creation to an answer: accepted, declined, or expired unanswered.

    pending ──accept──▶ accepted      (the member joins in the same transaction)
       ├─────decline──▶ declined
       └───time passes▶ expired

An answer is final: whoever answers second is told what came first. The code is a secret, shown once and stored as
a hash: who has it, and belongs to the organisation, may answer.
"""

# ruff: noqa: S608  # what is put into SQL here are this module's own column names
from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reference.access.answers import USER, Page, Refusal, invalid, only
from reference.access.audit import Action, Audit, moment
from reference.access.callers import Caller, Role
from reference.access.teams import TeamRole, TeamStore
from reference.database import Database, Execute, Row
from reference.ids import SortableIds

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS invitations (
        id TEXT PRIMARY KEY,
        org TEXT NOT NULL,
        team_id TEXT NOT NULL,
        digest TEXT NOT NULL UNIQUE,
        invitee TEXT NOT NULL,
        role TEXT NOT NULL,
        status TEXT NOT NULL,
        invited_by TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        answered_by TEXT,
        answered_at BIGINT
    )""",
    "CREATE INDEX IF NOT EXISTS invitations_of_team ON invitations (team_id, id)",
)
FORGET = ("DROP TABLE IF EXISTS invitations",)
LONGEST_SECONDS = 30 * 24 * 3600
DEFAULT_SECONDS = 7 * 24 * 3600
_COLUMNS = "id, team_id, invitee, role, status, invited_by, created_at, expires_at, answered_by, answered_at"


class Status(StrEnum):
    """Where an invitation stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    """Never stored: what is pending beyond its time."""


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """A valid invitation, as a client sent it."""

    invitee: str
    """For whom it is meant: an e-mail address or a user's id."""
    role: TeamRole
    seconds: int


def parse_invitation(document: Mapping[str, Any]) -> NewInvitation:
    """Read a request's object; refuses it with every problem."""
    problems: list[str] = []
    only(document, ("invitee", "role", "expires_in"), problems)
    invitee, role = document.get("invitee"), document.get("role", TeamRole.MEMBER)
    seconds = document.get("expires_in", DEFAULT_SECONDS)
    if not (isinstance(invitee, str) and USER.fullmatch(invitee)):
        problems.append("invitee: expected an e-mail address or a user's id")
    if role not in list(TeamRole):
        problems.append("role: expected member or lead")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_SECONDS:
        problems.append(f"expires_in: expected a whole number of seconds from 1 to {LONGEST_SECONDS}")
    if problems:
        raise invalid(*problems)
    return NewInvitation(str(invitee), TeamRole(role), seconds)


def parse_answer(document: Mapping[str, Any], caller: Caller) -> str:
    """The user who joins: the caller, or whom an administrator names."""
    problems: list[str] = []
    only(document, ("user",), problems)
    user = document.get("user", caller.user)
    if not (isinstance(user, str) and USER.fullmatch(user)):
        problems.append("user: expected a user's id")
    if problems:
        raise invalid(*problems)
    if user != caller.user and caller.role is not Role.ADMIN:
        raise Refusal(403, "forbidden", "Only an administrator may accept for somebody else.")
    return str(user)


class InvitationStore:
    """Invitations in the database. Every operation sees one organisation's only."""

    def __init__(self, database: Database, audit: Audit, teams: TeamStore, now_ms: Callable[[], int]) -> None:
        self._database, self._audit, self._teams, self._now_ms = database, audit, teams, now_ms
        self._ids = SortableIds(now_ms)

    async def create(self, caller: Caller, team_id: str, new: NewInvitation) -> dict[str, Any] | None:
        """Invite somebody; the answer alone holds the code. None when there is no such team."""
        invitation_id, now = self._ids.next()
        code = secrets.token_urlsafe(24)

        async def work(execute: Execute) -> list[Row]:
            rows = await execute(
                f"""INSERT INTO invitations (org, digest, {_COLUMNS})
                SELECT org, ?, ?, id, ?, ?, 'pending', ?, CAST(? AS BIGINT), CAST(? AS BIGINT), NULL, NULL
                FROM teams WHERE org = ? AND id = ? RETURNING {_COLUMNS}""",
                digest(code), invitation_id, new.invitee, new.role.value, caller.user, now,
                now + new.seconds * 1000, caller.organisation, team_id,
            )  # fmt: skip
            if rows:
                await self._audit.change(
                    execute, caller, Action.CREATE_INVITATION, f"invitation:{invitation_id}",
                    team=team_id, invitee=new.invitee,
                )  # fmt: skip
            return rows

        rows = await self._database.transaction("create_invitation", work)
        return self._as_dict(rows[0]) | {"code": code} if rows else None

    async def listing(self, organisation: str, team_id: str, page: Page) -> list[dict[str, Any]]:
        """A team's invitations, oldest first: a page, and one more where there is one."""
        rows = await self._database.fetch(
            "list_invitations",
            f"""SELECT {_COLUMNS} FROM invitations WHERE team_id = ? AND org = ? AND id > ?
            ORDER BY id LIMIT ?""",
            team_id, organisation, page.cursor, page.limit + 1,
        )  # fmt: skip
        return [self._as_dict(row) for row in rows]

    async def find(self, organisation: str, code: str) -> dict[str, Any] | None:
        """The invitation of a code, or None."""
        rows = await self._database.fetch(
            "find_invitation",
            f"SELECT {_COLUMNS} FROM invitations WHERE digest = ? AND org = ?",
            digest(code), organisation,
        )  # fmt: skip
        return self._as_dict(rows[0]) if rows else None

    async def accept(self, caller: Caller, code: str, user: str) -> dict[str, Any] | None:
        """Accept, and make the user a member, both or neither; None when it was not pending (any more)."""

        async def work(execute: Execute) -> list[Row]:
            rows = await self._answer(execute, caller, code, Status.ACCEPTED, user)
            for row in rows:
                await self._teams.join(execute, caller.organisation, row[1], user, row[3])
                await self._audit.change(
                    execute, caller, Action.ACCEPT_INVITATION, f"invitation:{row[0]}", team=row[1], user=user
                )
            return rows

        rows = await self._database.transaction("accept_invitation", work)
        return self._as_dict(rows[0]) if rows else None

    async def decline(self, caller: Caller, code: str) -> dict[str, Any] | None:
        """Decline; None when it was not pending (any more)."""

        async def work(execute: Execute) -> list[Row]:
            rows = await self._answer(execute, caller, code, Status.DECLINED, caller.user)
            for row in rows:
                await self._audit.change(
                    execute, caller, Action.DECLINE_INVITATION, f"invitation:{row[0]}", team=row[1]
                )
            return rows

        rows = await self._database.transaction("decline_invitation", work)
        return self._as_dict(rows[0]) if rows else None

    async def _answer(
        self, execute: Execute, caller: Caller, code: str, status: Status, user: str
    ) -> list[Row]:
        # One statement decides who came first: of two that answer at once, the second finds nothing pending.
        now = self._now_ms()
        return await execute(
            f"""UPDATE invitations SET status = ?, answered_by = ?, answered_at = ?
            WHERE digest = ? AND org = ? AND status = 'pending' AND expires_at > ? RETURNING {_COLUMNS}""",
            status.value, user, now, digest(code), caller.organisation, now,
        )  # fmt: skip

    def _as_dict(self, row: Row) -> dict[str, Any]:
        status = Status(row[4])
        if status is Status.PENDING and row[7] <= self._now_ms():
            status = Status.EXPIRED
        return {
            "id": row[0],
            "team_id": row[1],
            "invitee": row[2],
            "role": row[3],
            "status": status.value,
            "invited_by": row[5],
            "created_at": moment(row[6]),
            "expires_at": moment(row[7]),
            "answered_by": row[8],
            "answered_at": None if row[9] is None else moment(row[9]),
        }


def digest(code: str) -> str:
    """What is stored of a code. Codes are 192 random bits, so a fast hash is as safe as a slow one."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
