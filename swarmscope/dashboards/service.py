"""The dashboard of the service's own side, beside the client's P95 on one time axis. No I/O."""

from __future__ import annotations

from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page, requests_variable, row, run_variables
from swarmscope.dashboards.parts import RED, colour, lines, with_limits

_ABSENT = "not scraped"


def page() -> Page:
    """Client, service, machine and database below each other."""
    pool = lines(
        "Connections of the pool",
        "The service's database connections by state.",
        "short",
        (q.POOL, "{{state}}"),
        stacked=True,
        no_value=_ABSENT,
    )
    backends = colour(
        lines(
            "PostgreSQL's connections",
            "Backends by state, and the most that the server allows.",
            "short",
            (q.BACKENDS, "{{state}}"),
            (q.MOST_BACKENDS, "most allowed"),
            no_value=_ABSENT,
        ),
        "^most",
        RED,
        dashed=True,
    )
    return Page(
        uid="swarmscope-service",
        title="Service and database",
        description="The service's own side, the machine and the database, beside what the clients saw.",
        module="service",
        variables=[*run_variables(), requests_variable()],
        panels=[
            with_limits(
                lines(
                    "What the clients saw: P95",
                    "Response time P95 by request, with the limits.",
                    "s",
                    (q.quantile("0.95"), "{{method}} {{name}}"),
                    (q.limits("p95"), "limit {{request}}"),
                    span=24,
                )
            ),
            row("Service"),
            lines(
                "What the service saw: P95",
                "The service's own request durations: what is missing to the clients' P95 "
                "was spent before and after it.",
                "s",
                (q.service_quantile("0.95"), "{{method}} {{route}}"),
                no_value=_ABSENT,
            ),
            lines(
                "Requests in the service",
                "Arrived and not answered yet.",
                "short",
                (q.SERVICE_ACTIVE, "{{method}} {{route}}"),
                no_value=_ABSENT,
            ),
            lines(
                "Rate in the service",
                "Answers per second by route.",
                "reqps",
                (q.SERVICE_RATE, "{{method}} {{route}}"),
                no_value=_ABSENT,
            ),
            lines(
                "CPU of the service",
                "1 is one core.",
                "percentunit",
                (q.SERVICE_CPU, "{{instance}}"),
                no_value=_ABSENT,
            ),
            lines(
                "Memory of the service",
                "Resident memory.",
                "bytes",
                (q.SERVICE_MEMORY, "{{instance}}"),
                no_value=_ABSENT,
            ),
            pool,
            lines(
                "Database operations: P99",
                "As the service saw them, waiting for a connection included.",
                "s",
                (q.database_quantile("0.99"), "{{operation}}"),
                no_value=_ABSENT,
            ),
            lines(
                "Failed database operations",
                "Per second, by operation.",
                "short",
                (q.DATABASE_ERRORS, "{{operation}}"),
                no_value="none",
            ),
            row("PostgreSQL"),
            backends,
            lines(
                "Cache hits",
                "Share of the blocks that were found in memory.",
                "percentunit",
                (q.CACHE_HITS, "hits"),
                most=1,
                no_value=_ABSENT,
            ),
            lines(
                "Longest transaction",
                "Age of the oldest transaction that runs.",
                "s",
                (q.LONGEST_TRANSACTION, "oldest"),
                no_value=_ABSENT,
            ),
            lines(
                "Transactions",
                "Commits per second, and deadlocks.",
                "short",
                (q.TRANSACTIONS, "commits per second"),
                (q.DEADLOCKS, "deadlocks"),
                no_value=_ABSENT,
            ),
            row("Machine"),
            lines(
                "CPU of the machine",
                "All cores together.",
                "percentunit",
                (q.MACHINE_CPU, "{{instance}}"),
                most=1,
                no_value=_ABSENT,
            ),
            lines(
                "Memory of the machine",
                "Share that is in use.",
                "percentunit",
                (q.MACHINE_MEMORY, "{{instance}}"),
                most=1,
                no_value=_ABSENT,
            ),
        ],
    )
