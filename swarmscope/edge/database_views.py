"""Shows what a PostgreSQL is doing: running queries, slowest statements, cache, transactions, connections, tables.

What a person looks at while a load test runs, from the server's own statistics views; nothing is written and nothing
needs to be installed. Slowest statements are shown where pg_stat_statements is loaded. Texts of running queries may
hold data: they are cut short. Statements are shown as the server normalised them, without their values.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from swarmscope.errors import ConfigurationError, ExitCode, Problem, ServiceUnreachable

SHOWN = 10
"""Rows of each table."""
SHOWN_CHARACTERS = 80
"""Of a running query."""
RATE_SECONDS = 1.0
"""Between the two looks that a rate needs, when there is only one picture."""
SHORTEST_WATCH_SECONDS = 0.5
CONNECT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 5000
"""These questions are cheap; on a server that cannot answer even them, they must not queue up."""

Row = tuple[Any, ...]

_ACTIVE = """
    SELECT pid, usename, EXTRACT(EPOCH FROM clock_timestamp() - query_start)::float8,
        COALESCE(wait_event_type || ': ' || wait_event, ''), query
    FROM pg_stat_activity
    WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
    ORDER BY 3 DESC NULLS LAST LIMIT %s"""
_STATEMENTS = """
    SELECT calls, mean_exec_time, max_exec_time, total_exec_time, rows, query
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query NOT ILIKE '%%pg_stat%%'
    ORDER BY mean_exec_time DESC LIMIT %s"""
_TABLES = """
    SELECT schemaname || '.' || relname, COALESCE(pg_total_relation_size(relid), 0), n_live_tup,
        n_tup_ins, n_tup_upd, n_tup_del, COALESCE(seq_scan, 0), COALESCE(idx_scan, 0)
    FROM pg_stat_user_tables ORDER BY 2 DESC, 1 LIMIT %s"""
_CACHE = """
    SELECT SUM(heap_blks_hit)::float8, SUM(heap_blks_read)::float8,
        SUM(idx_blks_hit)::float8, SUM(idx_blks_read)::float8
    FROM pg_statio_user_tables"""
_CONNECTIONS = """
    SELECT COALESCE(state, 'starting'), COUNT(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' GROUP BY 1 ORDER BY 2 DESC, 1"""
_DATABASE = """
    SELECT xact_commit, xact_rollback, deadlocks, EXTRACT(EPOCH FROM clock_timestamp())::float8
    FROM pg_stat_database WHERE datname = current_database()"""


@dataclass(frozen=True, slots=True)
class Transactions:
    """The counters of a database at one moment."""

    committed: int
    rolled_back: int
    deadlocks: int
    at: float
    """The server's clock, in seconds."""


@dataclass(frozen=True, slots=True)
class Views:
    """One picture of a server."""

    database: str
    active: Sequence[Row]
    statements: Sequence[Row] | None
    """None where pg_stat_statements cannot be read."""
    tables: Sequence[Row]
    cache: Row
    connections: Sequence[Row]
    most_connections: int
    transactions: Transactions
    before: Transactions


def show_queries(url: str, console: Console, watch: float | None = None) -> ExitCode:
    """Print the views once, or keep them on the screen; raises ConfigurationError or ServiceUnreachable."""
    _check(url, watch)
    where = _where(url)
    try:
        with psycopg.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS, application_name="swarmscope queries"
        ) as connection:
            connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}".encode())
            connection.execute("SET default_transaction_read_only = on")
            before = _transactions(connection)
            if watch is None:
                time.sleep(RATE_SECONDS)
                console.print(picture(read_views(connection, before)))
            else:
                _watch(connection, before, console, watch)
    except psycopg.Error as error:
        # The driver's words name user and host, never the password.
        words = " ".join(str(error).split()) or type(error).__name__
        raise ServiceUnreachable(f"PostgreSQL {where}: {words}", "is DATABASE_URL the right one?") from error
    return ExitCode.PASS


def _watch(
    connection: psycopg.Connection[Row], before: Transactions, console: Console, seconds: float
) -> None:
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    try:
        if live is not None:
            live.start()
        while True:
            time.sleep(seconds)
            views = read_views(connection, before)
            before = views.transactions
            if live is not None:
                live.update(picture(views), refresh=True)
            else:
                console.print(picture(views))
    except KeyboardInterrupt:
        return  # The way to end it.
    finally:
        if live is not None:
            live.stop()


def _check(url: str, watch: float | None) -> None:
    problems = []
    scheme = urlsplit(url).scheme
    if not url:
        hint = "export DATABASE_URL=postgresql://user@host/name; SQLite keeps no such statistics"
        problems.append(Problem("environment", "DATABASE_URL", "is not set", hint))
    elif scheme not in ("postgresql", "postgres"):
        message = "expected a postgresql:// address" + (f", got {scheme}://" if scheme else "")
        problems.append(
            Problem("environment", "DATABASE_URL", message, "only PostgreSQL keeps these statistics")
        )
    if watch is not None and not SHORTEST_WATCH_SECONDS <= watch <= 3600:
        message = f"expected {SHORTEST_WATCH_SECONDS:g} to 3600 seconds, got {watch:g}"
        problems.append(Problem("--watch", "", message))
    if problems:
        raise ConfigurationError(problems)


def _where(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "at an address that cannot be read"
    return f"{parts.get('dbname', '')} at {parts.get('host', 'the local socket')}:{parts.get('port', 5432)}"


def read_views(connection: psycopg.Connection[Row], before: Transactions) -> Views:
    """Look at everything once."""
    (database, most) = _one(connection, "SELECT current_database(), current_setting('max_connections')::int")
    return Views(
        database,
        _all(connection, _ACTIVE, SHOWN),
        _statements(connection),
        _all(connection, _TABLES, SHOWN),
        _one(connection, _CACHE),
        _all(connection, _CONNECTIONS),
        most,
        _transactions(connection),
        before,
    )


def _all(connection: psycopg.Connection[Row], query: str, *parameters: Any) -> list[Row]:
    return connection.execute(query.encode(), parameters or None).fetchall()


def _one(connection: psycopg.Connection[Row], query: str) -> Row:
    (row,) = _all(connection, query)
    return row


def _transactions(connection: psycopg.Connection[Row]) -> Transactions:
    return Transactions(*_one(connection, _DATABASE))


def _statements(connection: psycopg.Connection[Row]) -> list[Row] | None:
    try:
        return _all(connection, _STATEMENTS, SHOWN)
    except (psycopg.errors.UndefinedTable, psycopg.errors.ObjectNotInPrerequisiteState):
        # The extension is not created here, or the server was started without its library.
        return None


def picture(views: Views) -> RenderableType:
    """The views as tables."""
    parts: list[RenderableType] = [_summary(views), _active(views.active)]
    if views.statements is None:
        parts.append(
            Text(
                "Slowest statements: pg_stat_statements is not loaded (shared_preload_libraries, then "
                "CREATE EXTENSION pg_stat_statements)."
            )
        )
    else:
        parts.append(_slowest(views.statements))
    return Group(*parts, _sizes(views.tables))


def _summary(views: Views) -> Table:
    now, before = views.transactions, views.before
    seconds = max(now.at - before.at, 1e-9)
    done = now.committed + now.rolled_back - before.committed - before.rolled_back
    states = ", ".join(f"{count} {state}" for state, count in views.connections)
    connected = sum(count for _, count in views.connections)
    hit, read, index_hit, index_read = (value or 0.0 for value in views.cache)
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("database", f"{views.database}, {datetime.now():%H:%M:%S}"),
        ("connections", f"{connected} of {views.most_connections} ({states})"),
        (
            "transactions/s",
            f"{done / seconds:.1f} ({(now.rolled_back - before.rolled_back) / seconds:.1f} rolled back)",
        ),
        ("deadlocks", f"{now.deadlocks}"),
        ("cache hit ratio", f"tables {_ratio(hit, read)}, indexes {_ratio(index_hit, index_read)}"),
    ):
        table.add_row(Text(name, style="bold"), Text(value))
    return table


def _ratio(hit: float, read: float) -> str:
    return f"{100 * hit / (hit + read):.2f} %" if hit + read else "nothing read yet"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in columns:
        is_text = column in ("user", "waits for", "query", "statement", "table")
        table.add_column(column, justify="left" if is_text else "right", no_wrap=column != "statement")
    return table


def _active(rows: Sequence[Row]) -> RenderableType:
    if not rows:
        return Text("Running queries: none at this moment.")
    table = _table("Running queries, the longest first", "pid", "user", "seconds", "waits for", "query")
    for pid, user, seconds, wait, query in rows:
        text = _printable(query or "")[:SHOWN_CHARACTERS]
        table.add_row(
            str(pid), _printable(user or ""), f"{seconds or 0.0:.3f}", wait, Text(text), style=_heat(seconds)
        )
    return table


def _heat(seconds: float | None) -> str:
    return "red" if (seconds or 0.0) >= 1 else ""


def _slowest(rows: Sequence[Row]) -> Table:
    table = _table(
        "Slowest statements, by mean", "calls", "mean ms", "max ms", "total s", "rows", "statement"
    )
    for calls, mean, longest, total, count, query in rows:
        numbers = (f"{calls}", f"{mean:.2f}", f"{longest:.1f}", f"{total / 1000:.1f}", f"{count}")
        table.add_row(*numbers, Text(_printable(query)))
    return table


def _sizes(rows: Sequence[Row]) -> Table:
    names = ("table", "MiB", "rows", "inserted", "updated", "deleted", "full scans", "index scans")
    table = _table("Tables, the largest first", *names)
    for name, size, *counts in rows:
        table.add_row(Text(_printable(name)), f"{size / 1048576:.1f}", *(f"{count or 0}" for count in counts))
    return table


def _printable(text: str) -> str:
    """One line without control characters: a query's text comes from anywhere, and a terminal obeys some of them."""
    return "".join(each if each.isprintable() else " " for each in " ".join(text.split()))
