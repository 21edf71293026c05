"""A bounded pool of PostgreSQL connections for users that are greenlets, and may be killed at any moment.

Its interface is psycopg_pool's, as far as it goes. That package itself was tried and cannot be used here: under gevent
it goes on lending connections to users that Locust has killed while they waited. After 20 such users all 8 connections
were lost for good (docs/systems/metrics-database.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg
from gevent.lock import BoundedSemaphore
from psycopg import Connection
from psycopg.pq import TransactionStatus

from exporters.scenario_metrics import counter, gauge

FIRST_BACK_OFF_SECONDS = 0.1
LONGEST_BACK_OFF_SECONDS = 2.0
"""Short enough that a restart of a second is not measured as one of three."""

CONNECTIONS = gauge(
    "database_pool_connections",
    "Database connections of the load's pools by state.",
    ("state",),
    [("in_use",), ("idle",)],
)
SIZE = gauge("database_pool_size", "Most connections that the load's pools may open.")
BORROWINGS = counter(
    "database_pool_borrowings_total",
    "Connections asked for by how they were got: at_once (one was idle), opened (it was made first), "
    "waited (all were in use), failed (none within the time, or no server).",
    ("result",),
    [("at_once",), ("opened",), ("waited",), ("failed",)],
)


class PoolTimeout(psycopg.OperationalError):
    """No connection became free in time."""


class ConnectionPool:
    """At most `max_size` connections, opened when they are needed and again after they broke."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        max_size: int,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout` is the longest wait for a connection, in seconds."""
        self.max_size = max_size
        self.timeout = timeout
        self._connect = connect
        self._clock = clock
        self._free = BoundedSemaphore(max_size)
        self._idle: list[Connection] = []
        self._in_use = 0
        self._generation = 0
        self._refused: psycopg.Error | None = None
        self._back_off = FIRST_BACK_OFF_SECONDS
        self._next_attempt = 0.0
        self.publish()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Borrow a connection.

        Raises PoolTimeout when none is free in time, and the driver's error when no server can be reached. While one
        cannot, only one borrower at a time tries, ever later; the others get the same error at once.
        """
        waited = not self._free.acquire(blocking=False)
        if waited and not self._free.acquire(timeout=self.timeout):
            BORROWINGS.add(1, "failed")
            raise PoolTimeout(f"no free connection within {self.timeout:g} s")
        try:
            opened = not self._idle
            try:
                connection = self._open() if opened else self._idle.pop()
            except psycopg.Error:
                BORROWINGS.add(1, "failed")
                raise
            BORROWINGS.add(1, "waited" if waited else "opened" if opened else "at_once")
            generation = self._generation
            self._in_use += 1
            self.publish()
            try:
                yield connection
            finally:
                self._in_use -= 1
                self._give_back(connection, generation)
                self.publish()
        finally:
            self._free.release()

    def publish(self) -> None:
        """Set the gauges to what the pool is now: a new run begins with all of them at zero."""
        CONNECTIONS.set(float(self._in_use), "in_use")
        CONNECTIONS.set(float(len(self._idle)), "idle")
        SIZE.set(float(self.max_size))

    def close(self) -> None:
        """Close what is idle."""
        self._generation += 1
        self._discard_idle()
        self.publish()

    def _open(self) -> Connection:
        if self._refused is not None and self._clock() < self._next_attempt:
            # A copy: raising the same object in many greenlets would grow one endless traceback.
            raise type(self._refused)(*self._refused.args)
        # Whoever comes while this attempt is under way, and knows of a failure, does not make another.
        self._next_attempt = self._clock() + LONGEST_BACK_OFF_SECONDS
        try:
            connection = self._connect()
        except psycopg.Error as error:
            self._refused = error
            self._next_attempt = self._clock() + self._back_off
            self._back_off = min(2 * self._back_off, LONGEST_BACK_OFF_SECONDS)
            raise
        self._refused, self._back_off = None, FIRST_BACK_OFF_SECONDS
        return connection

    def _give_back(self, connection: Connection, generation: int) -> None:
        # A user that was killed leaves its statement under way: such a connection is not lent again.
        usable = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        if usable and generation == self._generation:
            self._idle.append(connection)
            return
        if connection.closed and generation == self._generation:
            # What ended this one (a restart, a failover) has most likely ended its neighbours: each of them would
            # fail one statement before it was noticed.
            self._generation += 1
            self._discard_idle()
        with suppress(psycopg.Error):
            connection.close()

    def _discard_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            with suppress(psycopg.Error):
                connection.close()
