"""Where a reference service keeps its state: one interface over SQLite (the default) and PostgreSQL.

SQL is written once, in the dialect both read, with `?` for parameters. `fetch` reads, `write` changes and has been
committed when it returns; both may return rows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, Protocol, TypeVar

from prometheus_client.core import CounterMetricFamily, Metric

from reference.server_metrics import DATABASE_BOUNDS, Counter, Durations, Gauge, ServerMetrics

Row = tuple[Any, ...]
Parameters = Sequence[Any]
Execute = Callable[..., Awaitable[list[Row]]]
"""Runs one statement of a transaction: SQL, then its parameters; the rows that it returns."""
Result = TypeVar("Result")


class Observe(Protocol):
    """Is told of an operation: its name, its time, the rows that it returned."""

    def __call__(self, name: str, seconds: float, rows: int, *, failed: bool) -> None:
        """Must neither raise nor take long."""


class DatabaseError(Exception):
    """The database cannot do what was asked: it is away, full, or busy. Callers answer 503."""


class Backend(Protocol):
    """What SQLite and PostgreSQL each do in their own way."""

    kind: str
    """`sqlite` or `postgresql`, for people."""

    async def open(self, schema: Sequence[str]) -> None:
        """Connect, and run the statements that create what is missing."""

    async def fetch(self, statement: str, parameters: Parameters) -> list[Row]:
        """Rows of a query, committed ones only."""

    async def write(self, statement: str, parameters: Parameters) -> list[Row]:
        """Change something; committed on return. Rows of a RETURNING clause."""

    async def occupy(self, seconds: float) -> None:
        """Do what a slow query does, and nothing else: take its time, and a connection where they are few."""

    async def close(self) -> None:
        """Finish what is under way and disconnect."""

    async def transaction(self, work: Callable[[Execute], Awaitable[Result]], hold_up: float = 0.0) -> Result:
        """All statements of `work`, or none; `work` awaits nothing but them. Committed on return."""

    def connections(self) -> dict[str, int]:
        """Connections by state (`idle`, `in_use`)."""

    def most_connections(self) -> int:
        """How many there can be at once."""

    def seconds_in_use(self) -> float:
        """Time that connections were in use since the start, added up, those that still are included."""


class Database:
    """A backend with its operations named and timed, and held up by slow_query faults."""

    def __init__(self, backend: Backend, hold_up: Callable[[], float] = lambda: 0.0) -> None:
        self._backend = backend
        self._hold_up = hold_up
        self.observe: Observe | None = None
        """Told of each operation when it has ended."""
        self.durations = Durations(
            "db_client_operation_duration_seconds",
            "Time of a database operation, waiting for a connection and for the commit included.",
            ("operation",),
            DATABASE_BOUNDS,
        )
        self.errors = Counter(
            "db_client_errors_total",
            "Database operations that failed; each was answered with 503.",
            ("operation",),
        )

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._backend.kind

    def register(self, metrics: ServerMetrics) -> None:
        """Publish the durations and connections."""
        connections = Gauge(
            "db_client_connection_count",
            "Database connections by state.",
            ("state",),
            lambda: {(state,): float(count) for state, count in self._backend.connections().items()},
        )
        most = Gauge(
            "db_client_connections_max",
            "Database connections that there can be at once.",
            (),
            lambda: {(): float(self._backend.most_connections())},
        )
        metrics.register(
            self.durations, self.errors, connections, most, _ConnectionTime(self._backend.seconds_in_use)
        )

    async def open(self, schema: Sequence[str]) -> None:
        """Connect, and run the statements that create what is missing."""
        await self._backend.open(schema)

    async def close(self) -> None:
        """Finish what is under way and disconnect."""
        await self._backend.close()

    async def fetch(self, operation: str, sql: str, *parameters: Any) -> list[Row]:
        """Rows of a query; `operation` names it in the metrics."""
        return await self._timed(operation, self._backend.fetch, sql, parameters)

    async def write(self, operation: str, sql: str, *parameters: Any) -> list[Row]:
        """Change something; committed on return. Rows of a RETURNING clause."""
        return await self._timed(operation, self._backend.write, sql, parameters)

    async def transaction(self, operation: str, work: Callable[[Execute], Awaitable[Result]]) -> Result:
        """Change several things together or not at all: `work` gets the function that runs its statements."""
        started, failed = perf_counter(), False
        try:
            return await self._backend.transaction(work, self._hold_up())
        except DatabaseError:
            self.errors.add(operation)
            failed = True
            raise
        finally:
            seconds = perf_counter() - started
            self.durations.observe(seconds, operation)
            if self.observe is not None:
                self.observe(operation, seconds, 1, failed=failed)

    async def _timed(
        self,
        operation: str,
        run: Callable[[str, Parameters], Awaitable[list[Row]]],
        sql: str,
        parameters: Parameters,
    ) -> list[Row]:
        started, failed, rows = perf_counter(), False, 0
        try:
            if (delay := self._hold_up()) > 0:
                await self._backend.occupy(delay)
            found = await run(sql, parameters)
            rows = len(found)
            return found
        except DatabaseError:
            self.errors.add(operation)
            failed = True
            raise
        finally:
            seconds = perf_counter() - started
            self.durations.observe(seconds, operation)
            if self.observe is not None:
                self.observe(operation, seconds, rows, failed=failed)


class _ConnectionTime:
    """Its rate, divided by the connections that there can be, is how full the pool was over that time.

    Unlike a look at the connections in use now and then, it misses nothing between two looks.
    """

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """The counter as prometheus-client renders it."""
        family = CounterMetricFamily(
            "db_client_connection_use_seconds_total",
            "Time that database connections were in use, all added up.",
            labels=(),
        )
        family.add_metric((), self._read())
        yield family
