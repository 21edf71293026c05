"""Who may log in: users with hashed passwords, each of one customer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from reference.database import Database

T = TypeVar("T")

LOCAL_USER, LOCAL_PASSWORD = "user_a", "testpass123"  # public, documented: for this machine only
"""What --local-key lets in."""
LOCAL_CUSTOMER, LOCAL_CUSTOMER_NAME, LOCAL_CLAIMS = 1, "Test Customer", 20_000
NEIGHBOUR, NEIGHBOUR_NAME, NEIGHBOUR_CLAIMS = 2, "Neighbour", 5_000
"""A second customer that shares the tables, so that keeping them apart is work that is really done."""
REMEMBERED_SECONDS = 2.0
"""How long a user is not asked of the database again, and so how long a deleted one may still pass."""
USERNAME = re.compile(r"[A-Za-z0-9_.@+-]{1,150}")

COST, BLOCK_SIZE, PARALLEL = 2**14, 8, 1
"""scrypt: 16 MB and some 30 to 50 ms of one core for each password."""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS users (
        username TEXT PRIMARY KEY,
        password TEXT NOT NULL,
        customer_id BIGINT NOT NULL,
        is_local INTEGER NOT NULL
    )""",
)


class AccountProblem(ValueError):
    """A user that was asked for makes no sense."""


@dataclass(frozen=True, slots=True)
class User:
    """One user, without the password."""

    username: str
    customer: int


def hash_password(password: str) -> str:
    """What is stored of a password: the algorithm, its parameters, a salt and the key that they lead to."""
    salt = secrets.token_bytes(16)
    key = _key(password, salt, COST, BLOCK_SIZE, PARALLEL)
    return f"scrypt${COST}${BLOCK_SIZE}${PARALLEL}${b64encode(salt).decode()}${b64encode(key).decode()}"


def is_password(password: str, stored: str) -> bool:
    """Whether a password is the one that was hashed."""
    _, cost, block_size, parallel, salt, key = stored.split("$")
    tried = _key(password, b64decode(salt), int(cost), int(block_size), int(parallel))
    return hmac.compare_digest(tried, b64decode(key))


def _key(password: str, salt: bytes, cost: int, block_size: int, parallel: int) -> bytes:
    # Half of a surrogate pair, which JSON can hold, is no text in any encoding: it is hashed as it stands.
    secret = password.encode(errors="surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=cost, r=block_size, p=parallel, dklen=32)


class Accounts:
    """The users in the database. Hashing is left to one thread: a storm of logins waits in line there, off the loop."""

    def __init__(self, database: Database, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._remembered: dict[str, tuple[User, float]] = {}
        # scrypt lets the interpreter lock go, so the loop runs on beside it; a second thread would take its core.
        self._hasher = ThreadPoolExecutor(1, thread_name_prefix="scrypt")
        self._nobody = hash_password(secrets.token_hex(16))
        self.waiting = 0
        """Logins whose password is being hashed, or waits to be."""

    async def log_in(self, username: str, password: str) -> User | None:
        """The user, or None; a name that nobody has takes as long as a wrong password."""
        rows = []
        if USERNAME.fullmatch(username):
            rows = await self._database.fetch(
                "find_login", "SELECT username, customer_id, password FROM users WHERE username = ?", username
            )
        stored = rows[0][2] if rows else self._nobody
        self.waiting += 1
        try:
            matches = await self._hash(is_password, password, stored)
        finally:
            self.waiting -= 1
        return User(rows[0][0], rows[0][1]) if rows and matches else None

    async def find(self, username: str) -> User | None:
        """A user that has logged in before and still exists."""
        now = self._monotonic()
        remembered = self._remembered.get(username)
        if remembered is not None and remembered[1] > now:
            return remembered[0]
        rows = await self._database.fetch(
            "find_user", "SELECT username, customer_id FROM users WHERE username = ?", username
        )
        if not rows:
            self._remembered.pop(username, None)
            return None
        user = User(*rows[0])
        self._remembered[username] = (user, now + REMEMBERED_SECONDS)
        return user

    async def create(self, username: str, password: str, customer: int, *, is_local: bool = False) -> None:
        """Add a user; raises AccountProblem."""
        if not USERNAME.fullmatch(username):
            raise AccountProblem(
                f"expected a user name of 1 to 150 letters, digits and _.@+-, got {username!r}"
            )
        if username == LOCAL_USER and not is_local:
            raise AccountProblem(f"{LOCAL_USER!r} is the public user of --local-key; choose another name")
        hashed = await self._hash(hash_password, password)
        rows = await self._database.write(
            "create_user",
            """INSERT INTO users (username, password, customer_id, is_local) VALUES (?, ?, ?, ?)
            ON CONFLICT (username) DO NOTHING RETURNING username""",
            username, hashed, customer, int(is_local),
        )  # fmt: skip
        if not rows and not is_local:
            raise AccountProblem(f"there is a user {username!r} already")

    async def forget_local(self) -> None:
        """Without --local-key nobody gets in with the public password, whatever earlier runs left."""
        await self._database.write("forget_local_user", "DELETE FROM users WHERE is_local = 1")

    async def delete(self, username: str) -> bool:
        """Remove a user; False when there is none of that name."""
        rows = await self._database.write(
            "delete_user", "DELETE FROM users WHERE username = ? RETURNING username", username
        )
        return bool(rows)

    async def all(self) -> list[tuple[str, str]]:
        """(user, customer) by name."""
        rows = await self._database.fetch(
            "list_users",
            """SELECT username, name FROM users JOIN customers ON customers.id = users.customer_id
            ORDER BY username""",
        )
        return [(row[0], row[1]) for row in rows]

    async def _hash(self, function: Callable[..., T], *arguments: str) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._hasher, function, *arguments)
