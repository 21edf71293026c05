"""Users that load PostgreSQL directly: what the service's own statements cost without the service in between.

Also runs in plain Locust: `DATABASE_URL=postgresql://… locust -f scenarios/metrics/database_users.py InsertUser`.
The database is prepared by `python -m scenarios.metrics.load_data --rows 10M` (docs/systems/metrics-database.md).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any, LiteralString

from locust import User, between, constant_throughput, task
from psycopg import Connection

from exporters.scenario_metrics import counter
from scenarios.metrics.database import DATABASE
from scenarios.metrics.database_failures import TenantLeak
from scenarios.metrics.database_statements import DASHBOARD, INSERT, INSERT_BATCH, JOIN, TENANT, TENANT_EVENTS
from scenarios.metrics.dataset.content import METRICS

BATCH_ROWS = 100
"""By measurement (docs/systems/metrics-database.md): half of the rate of a thousand, and no stall of the loop."""
NEWEST_ROWS = 50
DASHBOARD_HOURS = (1, 6, 24)
DASHBOARD_WEIGHTS = (6, 3, 1)
JOIN_HOURS = 6
DAYS_BACK = 7

ROWS = counter(
    "database_rows_total",
    "Rows that statements inserted or read, by statement.",
    ("operation",),
    [("insert",), ("insert batch",), ("dashboard",), ("join",), ("tenant events",)],
)
LEAKS = counter("tenant_leaks_total", "Answers that held another tenant's data.")


class DatabaseUser(User):  # type: ignore[misc]
    """What they share: a pool, a writer's numbers, and the statements."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        DATABASE.open(environment)
        self.content = DATABASE.content
        self.random = Random()
        self.writer = DATABASE.ledger.writer()

    def insert(self) -> None:
        """Store one event."""
        row = self._event()
        number = self.writer.send()[0]

        def send(connection: Connection) -> None:
            connection.execute(INSERT, [*row, self.writer.id, number])
            # Committed: nothing may come between the server's word and this one.
            self.writer.acknowledge((number,))
            ROWS.add(1, "insert")

        DATABASE.request(self.environment, "insert", send)

    def insert_batch(self) -> None:
        """Store many events in one statement."""
        columns = [list(column) for column in zip(*(self._event() for _ in range(BATCH_ROWS)), strict=True)]
        numbers = self.writer.send(BATCH_ROWS)

        def send(connection: Connection) -> None:
            connection.execute(INSERT_BATCH, [self.writer.id, *columns, list(numbers)])
            self.writer.acknowledge(numbers)
            ROWS.add(BATCH_ROWS, "insert batch")

        DATABASE.request(self.environment, "insert batch", send)

    def dashboard(self) -> None:
        """Fill the widgets of one of a tenant's dashboards, over an hour, six, or a day."""
        tenant = self._tenant()
        dashboard = self.random.choice(self.content.dashboards_of(tenant))
        since, until = self._period(self.random.choices(DASHBOARD_HOURS, DASHBOARD_WEIGHTS)[0])
        self._read("dashboard", tenant, DASHBOARD, tenant, since, until, tenant, dashboard)

    def analytics(self) -> None:
        """Events of six hours by role, country and metric: four tables joined."""
        tenant = self._tenant()
        self._read("join", tenant, JOIN, tenant, *self._period(JOIN_HOURS))

    def tenant_events(self) -> None:
        """A tenant's newest events, isolated by the database: those of another are a leak."""
        tenant = self._tenant()

        def send(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(TENANT, [str(tenant)])
                rows = connection.execute(TENANT_EVENTS, [NEWEST_ROWS]).fetchall()
            self._check(rows, tenant, "tenant events")

        DATABASE.request(self.environment, "tenant events", send)

    def _read(self, name: str, tenant: int, statement: LiteralString, *parameters: Any) -> None:
        def send(connection: Connection) -> None:
            self._check(connection.execute(statement, parameters).fetchall(), tenant, name)

        DATABASE.request(self.environment, name, send)

    def _check(self, rows: list[tuple[Any, ...]], tenant: int, operation: str) -> None:
        ROWS.add(len(rows), operation)
        if any(row[0] != tenant for row in rows):
            LEAKS.add()
            raise TenantLeak("rows of another tenant")

    def _event(self) -> tuple[int, int, int, float]:
        """Tenant, session, metric, value: distributed as what is there."""
        session = self.random.randrange(self.content.sessions)
        metric = self.random.randrange(len(METRICS)) + 1
        value = round(self.random.lognormvariate(1 + metric / 4, 0.6), 3)
        return self.content.session_tenants[session], session + 1, metric, value

    def _tenant(self) -> int:
        """Large tenants ask more often."""
        return self.random.choice(self.content.session_tenants)

    def _period(self, hours: int) -> tuple[datetime, datetime]:
        """Half of the time the latest hours that were loaded, else some of the last week.

        Never what users are adding: a query must cost the same in the last minute of a run as in the first.
        """
        back = self.random.randrange(24 * DAYS_BACK) if self.random.random() < 0.5 else 0
        until = self.content.until - timedelta(hours=back)
        return until - timedelta(hours=hours), until


class InsertUser(DatabaseUser):
    """Twenty single inserts per second: fifty of them make the thousand that are asked for."""

    wait_time = constant_throughput(20)

    @task  # type: ignore[untyped-decorator]
    def insert_one(self) -> None:
        """Store one event."""
        self.insert()


class BatchInsertUser(DatabaseUser):
    """Two batches per second."""

    wait_time = constant_throughput(2)

    @task  # type: ignore[untyped-decorator]
    def insert_many(self) -> None:
        """Store a batch of events."""
        self.insert_batch()


class QueryUser(DatabaseUser):
    """Only reads."""

    wait_time = between(0.2, 0.6)

    @task(5)  # type: ignore[untyped-decorator]
    def read_dashboard(self) -> None:
        """Fill a dashboard."""
        self.dashboard()

    @task(2)  # type: ignore[untyped-decorator]
    def read_analytics(self) -> None:
        """Aggregate over joined tables."""
        self.analytics()

    @task(3)  # type: ignore[untyped-decorator]
    def read_tenant_events(self) -> None:
        """Read a tenant's newest events."""
        self.tenant_events()


class MixedUser(DatabaseUser):
    """Reads and writes in turn, on the same connections."""

    wait_time = between(0.05, 0.15)

    @task(12)  # type: ignore[untyped-decorator]
    def write_one(self) -> None:
        """Store one event."""
        self.insert()

    @task(1)  # type: ignore[untyped-decorator]
    def write_many(self) -> None:
        """Store a batch of events."""
        self.insert_batch()

    @task(3)  # type: ignore[untyped-decorator]
    def read_dashboard(self) -> None:
        """Fill a dashboard."""
        self.dashboard()

    @task(1)  # type: ignore[untyped-decorator]
    def read_analytics(self) -> None:
        """Aggregate over joined tables."""
        self.analytics()

    @task(3)  # type: ignore[untyped-decorator]
    def read_tenant_events(self) -> None:
        """Read a tenant's newest events."""
        self.tenant_events()
