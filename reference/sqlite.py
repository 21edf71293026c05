"""SQLite behind the Database interface, on the event loop's own thread.

A statement here takes tens of microseconds, far less than handing it to a thread and taking the interpreter lock
back from a busy loop. All writes of one turn of the loop share one transaction and one commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from reference.database import DatabaseError, Execute, Parameters, Result, Row

SETTINGS = (
    "PRAGMA journal_mode = WAL",
    # Nothing waits for the disk: a crash of the service loses nothing, a power cut may lose a load test's data.
    # With NORMAL, every checkpoint would hold the loop, and so every request, for the disk's flush.
    "PRAGMA synchronous = OFF",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32000",
    # Checkpoints of 2 MB: small enough that none is felt.
    "PRAGMA wal_autocheckpoint = 500",
)


APPLICATION_ID = 0x53574D52
"""Marks a file as a reference service's ("SWMR")."""


def connect(path: Path) -> sqlite3.Connection:
    """A tuned connection without implicit transactions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for setting in SETTINGS:
        connection.execute(setting)
    return connection


class SQLite:
    """One connection that writes and one that reads, so that readers see only what is committed."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: sqlite3.Connection
        self._reader: sqlite3.Connection
        self._open: list[sqlite3.Connection] = []
        self._commit: asyncio.Future[None] | None = None

    async def open(self, schema: Sequence[str]) -> None:
        """Open or create the file."""
        try:
            self._refuse_foreign_file()
            self._writer, self._reader = connect(self._path), connect(self._path)
            self._open = [self._reader, self._writer]
            self._reader.execute("PRAGMA query_only = ON")
            self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            for statement in schema:
                self._writer.execute(statement)
        except (sqlite3.Error, OSError) as error:
            raise DatabaseError(f"cannot open the SQLite database {self._path}: {error}") from error

    def _refuse_foreign_file(self) -> None:
        if not self._path.is_file():
            return
        # Before any setting is made: even a change of the journal mode would be one to somebody else's file.
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)) as looking:
            (mark,) = looking.execute("PRAGMA application_id").fetchone()
            (tables,) = looking.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if tables and mark != APPLICATION_ID:
            raise DatabaseError(
                f"{self._path} holds the data of another program; choose another file with --database"
            )

    async def fetch(self, statement: str, parameters: Parameters) -> list[Row]:
        """Rows of a query, committed ones only."""
        try:
            return self._reader.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error

    async def write(self, statement: str, parameters: Parameters) -> list[Row]:
        """Run the statement now, and return once the transaction that it shares is committed."""
        try:
            commit = self._begin()
            # A statement that fails is undone alone; its neighbours in the transaction stand.
            rows = self._writer.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error
        # Shielded: a request that is cancelled must not cancel the commit that others await.
        await asyncio.shield(commit)
        return rows

    async def transaction(self, work: Callable[[Execute], Awaitable[Result]], hold_up: float = 0.0) -> Result:
        """Run all statements of `work` now, within the transaction that this turn of the loop shares."""
        if hold_up > 0:
            await asyncio.sleep(hold_up)
        try:
            commit = self._begin()
            self._writer.execute("SAVEPOINT together")
            try:
                result = _run_at_once(work(self._execute))
            except BaseException:
                self._writer.execute("ROLLBACK TO together")
                raise
            finally:
                self._writer.execute("RELEASE together")
        except sqlite3.Error as error:
            raise DatabaseError(str(error)) from error
        await asyncio.shield(commit)
        return result

    async def _execute(self, statement: str, *parameters: Any) -> list[Row]:
        return self._writer.execute(statement, parameters).fetchall()

    def _begin(self) -> asyncio.Future[None]:
        """The future of the commit that ends this turn of the loop, with its transaction begun."""
        if self._commit is None:
            self._writer.execute("BEGIN IMMEDIATE")
            loop = asyncio.get_running_loop()
            self._commit = loop.create_future()
            loop.call_soon(self._end)
        return self._commit

    def _end(self) -> None:
        commit, self._commit = self._commit, None
        if commit is None:
            return
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            commit.set_exception(DatabaseError(str(error)))
            commit.exception()  # Retrieved here too: every writer may have been cancelled meanwhile.
        else:
            commit.set_result(None)

    async def occupy(self, seconds: float) -> None:
        """Only time: a statement that really took it would hold the loop, and so every request."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Commit what is under way and close."""
        if self._commit is not None:
            await asyncio.shield(self._commit)
        while self._open:
            self._open.pop(0).close()

    def connections(self) -> dict[str, int]:
        """Both stay open; a statement never outlasts a turn of the loop, so none is ever seen in use."""
        return {"idle": len(self._open), "in_use": 0}

    def most_connections(self) -> int:
        """The writer and the reader."""
        return 2

    def seconds_in_use(self) -> float:
        """Nothing: a statement runs within a turn of the loop, and nobody ever waits for a connection."""
        return 0.0


def _run_at_once(work: Awaitable[Result]) -> Result:
    """Run a coroutine to its end without a turn of the loop: others' statements must not get between its own."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise RuntimeError("a transaction may await its own statements only")
