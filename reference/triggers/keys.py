"""API keys: who may call, in which role, how often. Stored as hashes; the key itself is shown once."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from reference.database import Database, Row

LOCAL_KEY = "local-load-test"
"""The key that --local-key creates: public, documented, and so for this machine only."""
LOCAL_KEY_PER_MINUTE = 1_000_000_000
DEFAULT_PER_MINUTE = 100
REMEMBERED_SECONDS = 2.0
"""How long a key is not asked of the database again, and so how long a revoked one may still pass."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS api_keys (
        id TEXT PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL,
        user_email TEXT NOT NULL,
        role TEXT NOT NULL,
        rate_limit BIGINT NOT NULL,
        created_at BIGINT NOT NULL,
        revoked_at BIGINT
    )""",
)
_SELECT = "SELECT id, user_id, user_email, role, rate_limit, created_at, revoked_at FROM api_keys"


class Role(StrEnum):
    """What a key may do with its user's events."""

    CREATOR = "creator"
    """Send, read and acknowledge."""
    VIEWER = "viewer"
    """Read only."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key, without the key itself."""

    id: str
    user_id: str
    user_email: str
    role: Role
    rate_limit: int
    """Requests per minute."""
    created_at: int
    """Unix milliseconds."""
    revoked_at: int | None = None


def digest(key: str) -> str:
    """What is stored of a key. Keys are 256 random bits, so a fast hash is as safe as a slow one."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyProblem(ValueError):
    """A key that was asked for makes no sense."""


class KeyStore:
    """The keys in the database, with a short memory so that not every request asks it."""

    def __init__(self, database: Database, monotonic: Callable[[], float], now_ms: Callable[[], int]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._now_ms = now_ms
        self._remembered: dict[str, tuple[ApiKey, float]] = {}

    async def find(self, key: str) -> ApiKey | None:
        """The key's entry, or None for one that is unknown or revoked."""
        hashed = digest(key)
        now = self._monotonic()
        remembered = self._remembered.get(hashed)
        if remembered is not None and remembered[1] > now:
            return remembered[0]
        rows = await self._database.fetch(
            "find_key", _SELECT + " WHERE digest = ? AND revoked_at IS NULL", hashed
        )
        # Only keys that exist are remembered: guesses must not fill the memory.
        if not rows:
            self._remembered.pop(hashed, None)
            return None
        found = _from_row(rows[0])
        self._remembered[hashed] = (found, now + REMEMBERED_SECONDS)
        return found

    async def create(
        self,
        user_id: str,
        user_email: str,
        role: str = Role.CREATOR,
        rate_limit: int = DEFAULT_PER_MINUTE,
        key: str = "",
    ) -> tuple[str, ApiKey]:
        """A new key (random unless given) and its entry; raises KeyProblem."""
        if not user_id.strip():
            raise KeyProblem("the user id must not be empty")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", user_email):
            raise KeyProblem(f"expected an e-mail address, got {user_email!r}")
        if role not in list(Role):
            raise KeyProblem(f"unknown role {role!r}; roles are {', '.join(Role)}")
        if rate_limit < 1:
            raise KeyProblem(f"the rate limit must be at least 1 request per minute, got {rate_limit}")
        key = key or f"trg_{secrets.token_urlsafe(32)}"
        entry = ApiKey(secrets.token_hex(6), user_id, user_email, Role(role), rate_limit, self._now_ms())
        await self._database.write(
            "create_key",
            """INSERT INTO api_keys (id, digest, user_id, user_email, role, rate_limit, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING""",
            entry.id, digest(key), user_id, user_email, entry.role.value, rate_limit, entry.created_at,
        )  # fmt: skip
        return key, entry

    async def all(self) -> list[ApiKey]:
        """Every key, oldest first, revoked ones included."""
        rows = await self._database.fetch("list_keys", _SELECT + " ORDER BY created_at, id")
        return [_from_row(row) for row in rows]

    async def revoke(self, key_id: str) -> bool:
        """Revoke a key by its id; False when there is no such key. Revoking twice changes nothing."""
        rows = await self._database.write(
            "revoke_key",
            "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ? RETURNING id",
            self._now_ms(),
            key_id,
        )
        return bool(rows)


def _from_row(row: Row) -> ApiKey:
    return ApiKey(row[0], row[1], row[2], Role(row[3]), row[4], row[5], row[6])
