"""The dashboard of the service's own side, beside the client's P95 on one time axis. No I/O."""

from __future__ import annotations

from typing import Any

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards.frame import Page, row, run_variables
from swarmscope.dashboards.palette import BLUE, GREEN, GREY, ORANGE, RED
from swarmscope.dashboards.parts import NOT_SCRAPED, colour, lines, on_the_right, with_limits
from swarmscope.dashboards.queries import run
from swarmscope.dashboards.queries import service as q
from swarmscope.dashboards.tables import Column, Label, rows


def page() -> Page:
    """Client, service, machine and database below each other."""
    return Page(
        uid=Dashboard.SERVICE,
        title="Service and database",
        description="The service's own side, the machine and the database, beside what the clients saw.",
        module="service",
        variables=run_variables(),
        may_be_empty={
            "Failed database operations": "No operation failed.",
            "Where the time goes: P95 D": "No target limits a P95.",
            "annotation Alerts": "No alert fired.",
            "annotation Load stops": "The load goes on.",
        },
        panels=[_where_the_time_goes(), *_service(), *_database(), *_postgresql(), *_machine()],
    )


def _where_the_time_goes() -> Any:
    panel = lines(
        "Where the time goes: P95",
        "P95 of all requests as the clients saw it, of all requests inside the service, and of all its database "
        "operations. What lies between the first two was spent before and after the service; what lies between the "
        "last two, in the service itself.",
        "s",
        (run.P95, "clients"),
        (q.quantile("0.95", ""), "service"),
        (q.database_quantile("0.95", ""), "database operations"),
        (run.limits("p95"), "limit {{request}}"),
        span=24,
        height=10,
    )
    for name, value in {"clients": BLUE, "service": ORANGE, "database operations": GREEN}.items():
        panel = colour(panel, f"^{name}$", value)
    return with_limits(panel)


def _service() -> list[Any]:
    return [
        row("Service"),
        lines(
            "P95 inside the service",
            "By route, from arrival to the end of the answer.",
            "s",
            (q.quantile("0.95"), "{{method}} {{route}}"),
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Requests in the service",
            "Arrived and not answered yet.",
            "short",
            (q.ACTIVE, "{{method}} {{route}}"),
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Answers of the service",
            "Per second, by route.",
            "reqps",
            (q.RATE_BY_ROUTE, "{{method}} {{route}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "CPU of the service",
            "100 % is one core.",
            "percentunit",
            (q.CPU, "{{instance}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Memory of the service",
            "Resident memory.",
            "bytes",
            (q.MEMORY, "{{instance}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
    ]


def _database() -> list[Any]:
    pool = lines(
        "Connections of the pool",
        "The service's database connections by state, and the most that there can be: at that line requests wait "
        "for a connection.",
        "short",
        (q.POOL, "{{state}}"),
        (q.POOL_SIZE, "most"),
        span=8,
        stacked=True,
        no_value=NOT_SCRAPED,
    )
    return [
        row("The service's database operations"),
        lines(
            "Database operations: P99",
            "As the service saw them, waiting for a connection included.",
            "s",
            (q.database_quantile("0.99"), "{{operation}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        colour(pool, "^most$", RED, dashed=True),
        lines(
            "Failed database operations",
            "Within the last seconds, by operation.",
            "short",
            (q.DATABASE_ERRORS, "{{operation}}"),
            span=8,
            no_value="none failed",
        ),
    ]


def _postgresql() -> list[Any]:
    backends = lines(
        "PostgreSQL's connections",
        "By state, and the most that the server allows.",
        "short",
        (q.BACKENDS, "{{state}}"),
        (q.MOST_BACKENDS, "most"),
        span=8,
        no_value=NOT_SCRAPED,
    )
    active = lines(
        "Active and waiting queries",
        "Queries that run at this moment, and those of them that wait for a lock.",
        "short",
        (q.ACTIVE_QUERIES, "active"),
        (q.WAITING_FOR_LOCK, "waiting for a lock"),
        span=8,
        no_value=NOT_SCRAPED,
    )
    transactions = lines(
        "Transactions",
        "Per second: committed, and on the right rolled back and ended by a deadlock.",
        "short",
        (q.COMMITS, "committed"),
        (q.ROLLBACKS, "rolled back"),
        (q.DEADLOCKS, "deadlocks"),
        no_value=NOT_SCRAPED,
    )
    return [
        row("PostgreSQL"),
        active,
        lines(
            "Slowest query",
            "How long the longest running query has run, and the longest idle transaction has been open.",
            "s",
            (q.LONGEST_QUERY, "longest query"),
            (q.LONGEST_IDLE, "idle in a transaction"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        colour(backends, "^most$", GREY, dashed=True),
        lines(
            "Cache hits",
            "Share of the blocks that were found in the server's memory.",
            "percentunit",
            (q.CACHE_HITS, "hits"),
            most=1,
            no_value=NOT_SCRAPED,
        ),
        on_the_right(transactions, "^(rolled back|deadlocks)", "short"),
        rows(
            "Statements that take most time",
            "Within the shown time, from pg_stat_statements; literals are left out.",
            [Label("query", "statement")],
            [
                Column("time in the server", q.STATEMENT_SECONDS, "s"),
                Column("average", q.STATEMENT_AVERAGE, "s"),
                Column("calls", q.STATEMENT_CALLS),
            ],
            sort="time in the server",
            no_value="not measured",
        ),
    ]


def _machine() -> list[Any]:
    return [
        row("Machine"),
        lines(
            "CPU of the machine",
            "All cores together.",
            "percentunit",
            (q.MACHINE_CPU, "{{instance}}"),
            span=8,
            most=1,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Memory of the machine",
            "Share that is in use.",
            "percentunit",
            (q.MACHINE_MEMORY, "{{instance}}"),
            span=8,
            most=1,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Busiest disk of the machine",
            "Share of the time in which it had work.",
            "percentunit",
            (q.BUSIEST_DISK, "{{instance}}"),
            span=8,
            most=1,
            no_value=NOT_SCRAPED,
        ),
    ]
