"""PostgreSQL behind the Database interface: a few autocommitting connections that requests borrow in turn.

psycopg's own pool is a package of its own; what is needed of one here is a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from time import perf_counter
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from reference.database import DatabaseError, Execute, Parameters, Result, Row

CONNECTIONS = 8
"""Enough to keep one loop busy: more only queue inside the server instead of here."""
CONNECT_TIMEOUT_SECONDS = 5
BORROW_TIMEOUT_SECONDS = 10
PREPARE_AFTER = 2


@lru_cache(maxsize=512)
def psycopg_sql(statement: str) -> str:
    """`?` parameters as psycopg's `%s`; no statement of the services holds either character in a literal."""
    return statement.replace("%", "%%").replace("?", "%s")


class PostgreSQL:
    """A fixed number of connections, opened on first use and again after they broke."""

    kind = "postgresql"

    def __init__(self, url: str, schema: str, connections: int = CONNECTIONS) -> None:
        self._url = url
        self._schema = sql.Identifier(schema)
        self._size = connections
        self._free: asyncio.LifoQueue[AsyncConnection | None] = asyncio.LifoQueue()
        self._open = 0
        self._borrowed = 0
        self._used = 0.0
        self._counted_until = perf_counter()
        self._closing = False

    def __repr__(self) -> str:
        return f"PostgreSQL({self.where})"

    @property
    def where(self) -> str:
        """Host and database name, without user and password."""
        try:
            parts = conninfo_to_dict(self._url)
        except psycopg.Error:
            return "an address that cannot be read"
        return (
            f"{parts.get('dbname', '')} at {parts.get('host', 'the local socket')}:{parts.get('port', 5432)}"
        )

    async def open(self, schema: Sequence[str]) -> None:
        """Connect once, so that a wrong address is known at the start, and create what is missing."""
        for _ in range(self._size):
            self._free.put_nowait(None)
        connection = await self._borrow()
        try:
            async with connection.transaction():
                # Two services that start at once must not both create: the lock is dropped with the transaction.
                await connection.execute("SELECT pg_advisory_xact_lock(7003646)")
                await connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(self._schema))
                for statement in schema:
                    await connection.execute(statement.encode())
        except psycopg.Error as error:
            raise DatabaseError(f"cannot create the tables in {self.where}: {_words(error)}") from error
        finally:
            await self._give_back(connection)

    async def fetch(self, statement: str, parameters: Parameters) -> list[Row]:
        """Rows of a query."""
        connection = await self._borrow()
        try:
            cursor = await connection.execute(psycopg_sql(statement).encode(), parameters)
            return await cursor.fetchall() if cursor.description is not None else []
        except psycopg.Error as error:
            raise DatabaseError(_words(error)) from error
        finally:
            await self._give_back(connection)

    write = fetch
    """Each statement is its own transaction."""

    async def occupy(self, seconds: float) -> None:
        """A slow query: it holds one of the few connections, and the server shows it as active."""
        await self.fetch("SELECT pg_sleep(?)", (seconds,))

    async def transaction(self, work: Callable[[Execute], Awaitable[Result]], hold_up: float = 0.0) -> Result:
        """All statements of `work` on one connection, in one transaction."""
        connection = await self._borrow()

        async def execute(statement: str, *parameters: Any) -> list[Row]:
            cursor = await connection.execute(psycopg_sql(statement).encode(), parameters)
            return await cursor.fetchall() if cursor.description is not None else []

        try:
            if hold_up > 0:
                await asyncio.sleep(hold_up)
            async with connection.transaction():
                return await work(execute)
        except psycopg.Error as error:
            raise DatabaseError(_words(error)) from error
        finally:
            await self._give_back(connection)

    async def close(self) -> None:
        """Close the connections that are free; borrowed ones close when they are given back."""
        self._closing = True
        for connection in [self._free.get_nowait() for _ in range(self._free.qsize())]:
            await self._discard(connection)

    def connections(self) -> dict[str, int]:
        """Connections that are open, by whether a request has borrowed them."""
        return {"idle": self._open - self._borrowed, "in_use": self._borrowed}

    def most_connections(self) -> int:
        """The pool's size."""
        return self._size

    def seconds_in_use(self) -> float:
        """Time that connections were borrowed since the start, added up."""
        now = perf_counter()
        self._used += self._borrowed * (now - self._counted_until)
        self._counted_until = now
        return self._used

    async def _borrow(self) -> AsyncConnection:
        if self._free.empty():
            try:
                connection = await asyncio.wait_for(self._free.get(), BORROW_TIMEOUT_SECONDS)
            except TimeoutError:
                raise DatabaseError(f"no free connection within {BORROW_TIMEOUT_SECONDS} s") from None
        else:
            connection = self._free.get_nowait()
        try:
            if connection is None:
                connection = await self._connect()
        except BaseException:
            self._free.put_nowait(None)
            raise
        self.seconds_in_use()
        self._borrowed += 1
        return connection

    async def _connect(self) -> AsyncConnection:
        try:
            connection = await AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                # A server whose encoding is SQL_ASCII would have us read bytes where text was stored.
                client_encoding="utf8",
                prepare_threshold=PREPARE_AFTER,
            )
            try:
                await connection.execute(sql.SQL("SET search_path TO {}").format(self._schema))
            except BaseException:
                await connection.close()
                raise
        except psycopg.Error as error:
            # The driver's message names user and host, never the password; ours names less.
            raise DatabaseError(f"cannot connect to {self.where}: {_words(error)}") from error
        self._open += 1
        return connection

    async def _give_back(self, connection: AsyncConnection) -> None:
        self.seconds_in_use()
        self._borrowed -= 1
        # A cancelled request can leave its statement under way: such a connection is not lent again.
        usable = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        if usable and not self._closing:
            self._free.put_nowait(connection)
            return
        lost = connection.closed
        await self._discard(connection)
        if lost:
            # What ended this one (a restart, a failover) has most likely ended its neighbours: each of them would
            # fail one request before it was noticed.
            for neighbour in [self._free.get_nowait() for _ in range(self._free.qsize())]:
                await self._discard(neighbour)

    async def _discard(self, connection: AsyncConnection | None) -> None:
        """Close a connection; its place is free for a new one."""
        self._free.put_nowait(None)
        if connection is not None:
            self._open -= 1
            with suppress(psycopg.Error):
                await connection.close()


def _words(error: psycopg.Error) -> str:
    return " ".join(str(error).split()) or type(error).__name__
