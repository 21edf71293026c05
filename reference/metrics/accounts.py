"""Tenants and their users: stored, found by e-mail, passwords as scrypt hashes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from reference.database import Database, Row

ROLES = ("viewer", "member", "admin")
"""Reads; reads and sends; does everything within its tenant."""
DEFAULT_RETENTION_DAYS = 90
MOST_LISTED = 200

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tenants (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        retention_days INTEGER NOT NULL,
        created_at BIGINT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        email TEXT NOT NULL UNIQUE,
        password TEXT NOT NULL,
        role TEXT NOT NULL,
        created_at BIGINT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS users_of_tenant ON users (tenant_id, email)",
)

# About 5 ms of a core: a password costs a guesser something, and a load test can log in tens of users a second.
_COST = {"n": 2**11, "r": 8, "p": 1}


def hash_password(password: str) -> str:
    """What is stored of a password."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}"


def is_password(password: str, stored: str) -> bool:
    """Whether this is the password that was hashed."""
    salt, _, digest = stored.partition("$")
    found = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=bytes.fromhex(salt), **_COST)
    return hmac.compare_digest(found.hex(), digest)


_NOBODYS = hash_password(secrets.token_hex())
"""Compared with when there is no such user, so that the time does not tell."""


@dataclass(frozen=True, slots=True)
class User:
    """One user, without the password."""

    id: str
    tenant_id: str
    email: str
    role: str
    created_at: int

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "tenant_id": self.tenant_id,
            "email": self.email,
            "role": self.role,
            "created_at": self.created_at,
        }


class Accounts:
    """Tenants and users in the database."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def add_tenant(self, tenant_id: str, name: str) -> bool:
        """A new tenant; False when there is one with this id."""
        rows = await self._database.write(
            "add_tenant",
            """INSERT INTO tenants (id, name, retention_days, created_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO NOTHING RETURNING id""",
            tenant_id, name, DEFAULT_RETENTION_DAYS, self._now_ms(),
        )  # fmt: skip
        return bool(rows)

    async def tenants(self, but: str = "") -> list[str]:
        """The ids of all tenants but one."""
        rows = await self._database.fetch(
            "list_tenants", "SELECT id FROM tenants WHERE id <> ? ORDER BY id", but
        )
        return [row[0] for row in rows]

    async def tenant(self, tenant_id: str) -> dict[str, Any]:
        """One tenant, as the API shows it."""
        rows = await self._database.fetch(
            "get_tenant",
            "SELECT id, name, retention_days, created_at FROM tenants WHERE id = ?",
            tenant_id,
        )
        return {
            "tenant_id": rows[0][0], "name": rows[0][1], "retention_days": rows[0][2], "created_at": rows[0][3],
        }  # fmt: skip

    async def set_retention(self, tenant_id: str, days: int) -> None:
        """How many days a tenant's events are kept."""
        await self._database.write(
            "set_retention", "UPDATE tenants SET retention_days = ? WHERE id = ?", days, tenant_id
        )

    async def add_user(self, tenant_id: str, email: str, role: str, password: str) -> User | None:
        """A new user; None when the e-mail address is taken."""
        return await self.add_hashed(tenant_id, email, role, await asyncio.to_thread(hash_password, password))

    async def add_hashed(self, tenant_id: str, email: str, role: str, hashed: str) -> User | None:
        """A new user whose password is hashed already."""
        user = User(f"u-{secrets.token_hex(8)}", tenant_id, email, role, self._now_ms())
        rows = await self._database.write(
            "add_user",
            """INSERT INTO users (id, tenant_id, email, password, role, created_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (email) DO NOTHING RETURNING id""",
            user.id, tenant_id, email, hashed, role, user.created_at,
        )  # fmt: skip
        return user if rows else None

    async def users(self, tenant_id: str) -> list[User]:
        """A tenant's users by e-mail address."""
        rows = await self._database.fetch(
            "list_users",
            "SELECT id, tenant_id, email, role, created_at FROM users WHERE tenant_id = ? ORDER BY email LIMIT ?",
            tenant_id, MOST_LISTED,
        )  # fmt: skip
        return [_user(row) for row in rows]

    async def get(self, user_id: str) -> User | None:
        """A user by id."""
        rows = await self._database.fetch(
            "get_user", "SELECT id, tenant_id, email, role, created_at FROM users WHERE id = ?", user_id
        )
        return _user(rows[0]) if rows else None

    async def log_in(self, email: str, password: str) -> User | None:
        """The user whose e-mail address and password these are."""
        rows = await self._database.fetch(
            "find_user",
            "SELECT id, tenant_id, email, role, created_at, password FROM users WHERE email = ?",
            email,
        )
        stored = rows[0][5] if rows else _NOBODYS
        right = await asyncio.to_thread(is_password, password, stored)
        return _user(rows[0]) if rows and right else None


def _user(row: Row | Sequence[Any]) -> User:
    return User(row[0], row[1], row[2], row[3], row[4])
