"""Which measurements of the service's side are looked at when a run has ended, and what each points to. No I/O.

A signal is a PromQL query over the time of the run with the range in which it is healthy. The ranges are the
resource limits of the STET system's requirements (docs/signals.md says which); a system's own server-side targets are
signals, too, with their own limits. Percentiles are taken of added-up buckets, never averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from swarmscope import names
from swarmscope.names import Job
from swarmscope.plots import BUSY_CPU_RATIO
from swarmscope.targets.match import quote


class Area(StrEnum):
    """What a signal is about; the bottleneck that is named is one of these."""

    LOAD = "load"
    CLIENT = "client"
    GENERATOR = "load generator"
    DATABASE = "database"
    LOCKS = "database locks"
    POOL = "connection pool"
    SERVICE_CPU = "the service's CPU"
    MACHINE_CPU = "the machine's CPU"
    MEMORY = "memory"
    DISK = "disk"
    SERVICE = "service"
    TARGET = "server-side target"


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement over the run."""

    id: str
    title: str
    query: str
    """PromQL; `$run` is the run's label, `$over` the time that a rate is taken over."""
    unit: str
    """`s`, `ratio`, `per second`, `bytes`, or `` (a count)."""
    area: Area
    limit: float | None = None
    """Where its healthy range ends; None for what is only shown beside the others."""
    is_floor: bool = False
    """Whether the healthy range is above the limit."""
    points_to: str = ""
    """What a value out of range means."""


USERS = "users"
RATE = "rate"
CLIENT_P95 = "all-p95"
DB_P99 = "db-operation-p99"
DB_AVERAGE = "db-operation-average"
DB_ERRORS = "db-errors"
POOL_USE = "db-pool-use"
PG_AVERAGE = "pg-statement-average"
PG_ACTIVE = "pg-active-queries"
PG_LONGEST = "pg-longest-query"
PG_CONNECTIONS = "pg-connections"
PG_CACHE_HIT = "pg-cache-hit"
PG_INDEX_USE = "pg-index-use"
SERVICE_CPU = "service-cpu"
NODE_CPU = "node-cpu"
SERVICE_MEMORY = "service-memory"
IN_PROGRESS = "service-active-requests"

_SERVICE = f"job={quote(Job.SERVICE)}"
_NODE = f"job={quote(Job.NODE)}"
_POSTGRESQL = f"job={quote(Job.POSTGRESQL)}"
RUN = 'run="$run"'
"""Which run is asked about."""
OPERATIONAL = 'route!~"/|/health|/metrics|/openapi.json|/faults"'
"""Leaves out what no user asks for."""


def _gauge_ratio(part: str, whole: str) -> str:
    return f"sum({part}) / sum({whole})"


def average_of(histogram: str, matchers: str) -> str:
    """The query of a histogram's mean: its sum over its count."""
    total, number = (f"sum(rate({histogram}_{suffix}{{{matchers}}}[$over]))" for suffix in ("sum", "count"))
    return f"{total} / {number}"


SERVER_SIGNALS: tuple[Signal, ...] = (
    Signal(
        DB_ERRORS,
        "Database operations that failed",
        # A service without a failed operation has no such counter yet.
        f"sum(rate(db_client_errors_total{{{_SERVICE}}}[$over]))"
        f" or 0 * sum(rate(db_client_operation_duration_seconds_count{{{_SERVICE}}}[$over]))",
        "per second",
        Area.DATABASE,
        0.0,
        points_to="the database is away, full, or out of connections",
    ),
    Signal(
        PG_LONGEST,
        "Longest running query",
        f"max(pg_queries_longest_seconds{{{_POSTGRESQL}}})",
        "s",
        Area.DATABASE,
        1.0,
        points_to="a query that reads or waits far longer than a request may",
    ),
    Signal(
        "pg-lock-waits",
        "Sessions waiting for a lock",
        f"max(pg_queries_waiting_for_lock{{{_POSTGRESQL}}})",
        "",
        Area.LOCKS,
        5.0,
        points_to="transactions that change the same rows, or hold them too long",
    ),
    Signal(
        PG_ACTIVE,
        "Active queries",
        f'sum(pg_stat_activity_count{{{_POSTGRESQL},state="active"}})',
        "",
        Area.DATABASE,
        50.0,
        points_to="more work at once than the server has cores and disks for",
    ),
    Signal(
        PG_AVERAGE,
        "Average time of a statement inside PostgreSQL",
        f"sum(rate(pg_top_statement_seconds{{{_POSTGRESQL}}}[$over]))"
        f" / (sum(rate(pg_top_statement_calls{{{_POSTGRESQL}}}[$over])) > 0)",
        "s",
        Area.DATABASE,
        0.05,
        points_to="slow statements: a plan without an index, or too much data",
    ),
    Signal(
        PG_INDEX_USE,
        "Index use on large tables",
        f"sum(rate(pg_large_tables_index_scans{{{_POSTGRESQL}}}[$over]))"
        f" / (sum(rate(pg_large_tables_index_scans{{{_POSTGRESQL}}}[$over]))"
        f" + sum(rate(pg_large_tables_whole_scans{{{_POSTGRESQL}}}[$over])) > 0)",
        "ratio",
        Area.DATABASE,
        0.95,
        is_floor=True,
        points_to="a missing index: large tables are read as a whole",
    ),
    Signal(
        PG_CACHE_HIT,
        "Cache hit ratio of PostgreSQL",
        f"sum(rate(pg_stat_database_blks_hit{{{_POSTGRESQL}}}[$over]))"
        f" / (sum(rate(pg_stat_database_blks_hit{{{_POSTGRESQL}}}[$over]))"
        f" + sum(rate(pg_stat_database_blks_read{{{_POSTGRESQL}}}[$over])) > 0)",
        "ratio",
        Area.DATABASE,
        0.95,
        is_floor=True,
        points_to="more data in use than fits into the server's memory",
    ),
    Signal(
        PG_CONNECTIONS,
        "Connections to PostgreSQL, of those it takes",
        # Since PostgreSQL keeps some for itself, all 100 are never reached: 90 % of them is the end in practice.
        _gauge_ratio(
            f"pg_stat_activity_count{{{_POSTGRESQL}}}", f"pg_settings_max_connections{{{_POSTGRESQL}}}"
        ),
        "ratio",
        Area.POOL,
        0.9,
        points_to="more clients than the server takes: a pooler between them, or smaller pools",
    ),
    Signal(
        POOL_USE,
        "Use of the service's connection pool",
        _gauge_ratio(
            f'db_client_connection_count{{{_SERVICE},state="in_use"}}',
            f"db_client_connections_max{{{_SERVICE}}}",
        ),
        "ratio",
        Area.POOL,
        0.8,
        points_to="requests wait for a connection before their query starts",
    ),
    Signal(
        DB_P99,
        "Database operations of the service, p99",
        f"histogram_quantile(0.99, sum by (le) (rate("
        f'db_client_operation_duration_seconds_bucket{{{_SERVICE},operation!="health"}}[$over])))',
        "s",
        Area.DATABASE,
        0.05,
        points_to="the database, or the way to it, answers slowly",
    ),
    Signal(
        DB_AVERAGE,
        "Database operations of the service, average",
        average_of("db_client_operation_duration_seconds", f'{_SERVICE},operation!="health"'),
        "s",
        Area.DATABASE,
    ),
    Signal(
        SERVICE_CPU,
        "CPU of the service's busiest process (1 core = 100 %)",
        f"max(rate(process_cpu_seconds_total{{{_SERVICE}}}[$over]))",
        "ratio",
        Area.SERVICE_CPU,
        0.7,
        points_to="the service computes: its one core is used up",
    ),
    Signal(
        NODE_CPU,
        "CPU of the machine, all cores",
        f'1 - avg(rate(node_cpu_seconds_total{{{_NODE},mode="idle"}}[$over]))',
        "ratio",
        Area.MACHINE_CPU,
        0.7,
        points_to="everything on this machine waits for a core",
    ),
    Signal(
        SERVICE_MEMORY,
        "Memory of the service's largest process",
        f"max(process_resident_memory_bytes{{{_SERVICE}}})",
        "bytes",
        Area.MEMORY,
        2e9,
        points_to="the service keeps more than it should, or leaks",
    ),
    Signal(
        "node-memory",
        "Memory of the machine in use",
        f"max(1 - node_memory_MemAvailable_bytes{{{_NODE}}} / node_memory_MemTotal_bytes{{{_NODE}}})",
        "ratio",
        Area.MEMORY,
        0.8,
        points_to="soon nothing is left for the disk's cache, and then for anybody",
    ),
    Signal(
        "node-disk",
        "Busiest disk of the machine",
        f"max(rate(node_disk_io_time_seconds_total{{{_NODE}}}[$over]))",
        "ratio",
        Area.DISK,
        0.8,
        points_to="what is written or read waits for the disk",
    ),
    Signal(
        IN_PROGRESS,
        "Requests that the service has at once",
        f"sum(http_server_active_requests{{{_SERVICE},{OPERATIONAL}}})",
        "",
        Area.SERVICE,
        200.0,
        points_to="requests arrive faster than they are answered; why, another signal says",
    ),
    Signal(
        "service-p95",
        "Requests as the service itself measures them, p95",
        f"histogram_quantile(0.95, sum by (le) (rate("
        f"http_server_request_duration_seconds_bucket{{{_SERVICE},{OPERATIONAL}}}[$over])))",
        "s",
        Area.SERVICE,
    ),
)
"""The service's side, in the order in which a cause is looked for: what others wait for comes first."""

GENERATOR_SIGNALS: tuple[Signal, ...] = (
    Signal(
        "generator-cpu",
        "CPU of the busiest load generator (1 core = 100 %)",
        f"max({names.WORKER_CPU.name}{{{RUN}}})",
        "ratio",
        Area.GENERATOR,
        BUSY_CPU_RATIO,
        points_to="response times include the load generator's own delays",
    ),
    Signal(
        "generator-lag",
        "Delay of the load generators' event loop",
        f"max({names.GENERATOR_LAG.name}{{{RUN}}})",
        "s",
        Area.GENERATOR,
        0.05,
        points_to="response times are wrong by about this much",
    ),
)

LOAD_SIGNALS: tuple[Signal, ...] = (
    Signal(USERS, "Users", f"sum({names.USERS.name}{{{RUN}}})", "", Area.LOAD),
    Signal(RATE, "Answers", f"sum(rate({names.REQUESTS.name}{{{RUN}}}[$over]))", "per second", Area.LOAD),
)

PHASE_QUERY = f"max by (phase) ({names.RUN_PHASE.name}{{{RUN}}}) == 1"
STATEMENTS_QUERY = (
    f"topk(5, sum by (query) (max_over_time(pg_top_statement_seconds{{{_POSTGRESQL}}}[$over])"
    f" - min_over_time(pg_top_statement_seconds{{{_POSTGRESQL}}}[$over])))"
)
"""Seconds that PostgreSQL spent on a statement; `$over` is the run."""
CALLS_QUERY = (
    f"sum by (query) (max_over_time(pg_top_statement_calls{{{_POSTGRESQL}}}[$over])"
    f" - min_over_time(pg_top_statement_calls{{{_POSTGRESQL}}}[$over]))"
)
SERVICE_AVERAGE_QUERY = (
    f"sum(increase(http_server_request_duration_seconds_sum{{{_SERVICE},{OPERATIONAL}}}[$over]))"
    f" / sum(increase(http_server_request_duration_seconds_count{{{_SERVICE},{OPERATIONAL}}}[$over]))"
)
"""Seconds that the service took for a request on average."""
DATABASE_SHARE_QUERY = (
    f'sum(increase(db_client_operation_duration_seconds_sum{{{_SERVICE},operation!="health"}}[$over]))'
    f" / sum(increase(http_server_request_duration_seconds_count{{{_SERVICE},{OPERATIONAL}}}[$over]))"
)
"""Seconds that a request's database operations took together, on average."""
TABLES_QUERY = (
    f"topk(3, sum by (schema, table) (max_over_time(pg_table_rows_read_by_whole_scans{{{_POSTGRESQL}}}[$over])"
    f" - min_over_time(pg_table_rows_read_by_whole_scans{{{_POSTGRESQL}}}[$over])))"
)
"""Rows that were read by scans of whole tables."""
