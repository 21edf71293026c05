"""The service's own side: its requests, its database, its machine. No I/O."""

from __future__ import annotations

from swarmscope.dashboards.queries.selectors import NODE, POSTGRESQL, RANGE, RATE, SERVICE, appeared, ratio
from swarmscope.signals import OPERATIONAL

_ASKED_BY_USERS = f"{SERVICE},{OPERATIONAL}"
_OPERATIONS = f'{SERVICE},operation!="health"'


def quantile(q: str, by: str = "method, route") -> str:
    """The service's own percentile of its request durations, seconds; `by` empty: of all of them together."""
    labels = f"le, {by}" if by else "le"
    buckets = f"http_server_request_duration_seconds_bucket{{{_ASKED_BY_USERS}}}"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[{RATE}])))"


def database_quantile(q: str, by: str = "operation") -> str:
    """Percentile of the service's database operations, seconds; `by` empty: of all of them together."""
    labels = f"le, {by}" if by else "le"
    buckets = f"db_client_operation_duration_seconds_bucket{{{_OPERATIONS}}}"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({buckets}[{RATE}])))"


RATE_BY_ROUTE = (
    f"sum by (method, route) (rate(http_server_request_duration_seconds_count{{{_ASKED_BY_USERS}}}[{RATE}]))"
)
ACTIVE = f"sum by (method, route) (http_server_active_requests{{{_ASKED_BY_USERS}}})"
CPU = f"sum by (instance) (rate(process_cpu_seconds_total{{{SERVICE}}}[{RATE}]))"
MEMORY = f"sum by (instance) (process_resident_memory_bytes{{{SERVICE}}})"
POOL = f"sum by (state) (db_client_connection_count{{{SERVICE}}})"
POOL_SIZE = f"sum(db_client_connections_max{{{SERVICE}}})"
DATABASE_ERRORS = appeared(f"db_client_errors_total{{{SERVICE}}}", "operation")

# --- PostgreSQL ---

BACKENDS = f"sum by (state) (pg_stat_activity_count{{{POSTGRESQL}}}) > 0"
MOST_BACKENDS = f"max(pg_settings_max_connections{{{POSTGRESQL}}})"
_HIT = f"sum(rate(pg_stat_database_blks_hit{{{POSTGRESQL}}}[{RATE}]))"
_READ = f"sum(rate(pg_stat_database_blks_read{{{POSTGRESQL}}}[{RATE}]))"
CACHE_HITS = ratio(_HIT, f"({_HIT} + {_READ})")
ACTIVE_QUERIES = f"max(pg_queries_active{{{POSTGRESQL}}})"
WAITING_FOR_LOCK = f"max(pg_queries_waiting_for_lock{{{POSTGRESQL}}})"
LONGEST_QUERY = f"max(pg_queries_longest_seconds{{{POSTGRESQL}}})"
LONGEST_IDLE = f"max(pg_queries_idle_in_transaction_seconds{{{POSTGRESQL}}})"
COMMITS = f"sum(rate(pg_stat_database_xact_commit{{{POSTGRESQL}}}[{RATE}]))"
ROLLBACKS = f"sum(rate(pg_stat_database_xact_rollback{{{POSTGRESQL}}}[{RATE}]))"
DEADLOCKS = f"sum(rate(pg_stat_database_deadlocks{{{POSTGRESQL}}}[{RATE}]))"


def _grown(counter: str) -> str:
    """What a counter grew by within the shown time; a new statement's counter appears above 0, as it did not exist."""
    series = f"{counter}{{{POSTGRESQL}}}"
    return f"(max_over_time({series}[{RANGE}]) - min_over_time({series}[{RANGE}]))"


STATEMENT_SECONDS = f"topk(10, sum by (query) {_grown('pg_top_statement_seconds')} > 0)"
STATEMENT_CALLS = f"sum by (query) {_grown('pg_top_statement_calls')} > 0"
STATEMENT_AVERAGE = f"sum by (query) {_grown('pg_top_statement_seconds')} / ({STATEMENT_CALLS})"

# --- the machine ---

MACHINE_CPU = f'1 - avg by (instance) (rate(node_cpu_seconds_total{{{NODE},mode="idle"}}[{RATE}]))'
MACHINE_MEMORY = f"1 - node_memory_MemAvailable_bytes{{{NODE}}} / node_memory_MemTotal_bytes{{{NODE}}}"
BUSIEST_DISK = f"max by (instance) (rate(node_disk_io_time_seconds_total{{{NODE}}}[{RATE}]))"
