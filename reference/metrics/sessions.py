"""Who is logged in: access tokens of minutes, refresh tokens that work once, sessions that can be ended."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable

from reference.database import Database
from reference.metrics.accounts import User
from reference.metrics.web import Principal, unauthorised
from reference.tokens import TokenProblem, Tokens

ACCESS_SECONDS = 15 * 60
SESSION_SECONDS = 24 * 3600
REFRESH_TOKEN = re.compile(r"[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS auth_sessions (
        id TEXT PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        refresh_digest TEXT NOT NULL,
        expires_at BIGINT NOT NULL,
        revoked_at BIGINT
    )""",
)


class Sessions:
    """Sessions in the database; those that have ended are also remembered, so that no request asks for them."""

    def __init__(self, database: Database, tokens: Tokens, now_ms: Callable[[], int]) -> None:
        self._database, self._tokens, self._now_ms = database, tokens, now_ms
        self._ended: dict[str, int] = {}
        """Session → until when its last access token may live, Unix milliseconds."""

    async def open(self) -> None:
        """Remember the sessions that were ended before a restart."""
        since = self._now_ms() - ACCESS_SECONDS * 1000
        rows = await self._database.fetch(
            "list_ended_sessions", "SELECT id, revoked_at FROM auth_sessions WHERE revoked_at > ?", since
        )
        self._ended = {session: ended + ACCESS_SECONDS * 1000 for session, ended in rows}

    async def begin(self, user: User) -> dict[str, object]:
        """A new session, as login answers it."""
        session, refresh = secrets.token_hex(8), secrets.token_urlsafe(32)
        await self._database.write(
            "add_session",
            """INSERT INTO auth_sessions (id, tenant_id, user_id, refresh_digest, expires_at)
            VALUES (?, ?, ?, ?, ?)""",
            session, user.tenant_id, user.id, _digest(refresh), self._now_ms() + SESSION_SECONDS * 1000,
        )  # fmt: skip
        return self.answer(user, session, refresh)

    async def refresh(self, token: str) -> tuple[str, str, str] | None:
        """Exchange a refresh token: (user, session, new refresh token); None when it is not valid.

        A token that was used before ends its session: either the user or a thief has the newer one.
        """
        if not REFRESH_TOKEN.fullmatch(token):
            return None
        session, _, secret = token.partition(".")
        fresh = secrets.token_urlsafe(32)
        rows = await self._database.write(
            "refresh_session",
            """UPDATE auth_sessions SET refresh_digest = ?
            WHERE id = ? AND refresh_digest = ? AND revoked_at IS NULL AND expires_at > ? RETURNING user_id""",
            _digest(fresh), session, _digest(secret), self._now_ms(),
        )  # fmt: skip
        if not rows:
            await self.end(session)
            return None
        return rows[0][0], session, fresh

    def answer(self, user: User, session: str, refresh: str) -> dict[str, object]:
        """What login and refresh answer."""
        claims = {"tenant": user.tenant_id, "role": user.role, "email": user.email, "sid": session}
        return {
            "access_token": self._tokens.issue(user.id, ACCESS_SECONDS, claims),
            "refresh_token": f"{session}.{refresh}",
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "user_id": user.id,
            "tenant_id": user.tenant_id,
            "role": user.role,
        }

    async def end(self, session: str) -> None:
        """End a session: its tokens are refused from now on."""
        now = self._now_ms()
        rows = await self._database.write(
            "end_session",
            "UPDATE auth_sessions SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ? RETURNING id",
            now, session,
        )  # fmt: skip
        if rows:
            self._ended[session] = now + ACCESS_SECONDS * 1000
        if len(self._ended) > 10_000:
            self._ended = {one: until for one, until in self._ended.items() if until > now}

    def read(self, token: str) -> Principal:
        """Who an access token is of; raises Refused."""
        try:
            claims = self._tokens.read(token)
        except TokenProblem as problem:
            raise unauthorised(f"{str(problem).capitalize()}.") from None
        wanted = (claims["sub"], *(claims.get(key) for key in ("tenant", "email", "role", "sid")))
        if not all(isinstance(claim, str) and claim for claim in wanted):
            raise unauthorised("This is no access token.")
        if claims["sid"] in self._ended:
            raise unauthorised("The session has ended.")
        return Principal(*wanted)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
