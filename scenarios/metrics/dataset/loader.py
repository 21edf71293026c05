"""Puts the rows into a database: binary COPY, then keys and indexes, every step with its place noted beside it.

A step and the note that it is done are one transaction, so that a load that is killed goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import psycopg

from scenarios.metrics.dataset.content import BLOCK, Content, Row
from scenarios.metrics.dataset.schema import (
    CREATE,
    EVENT_COLUMNS,
    INDEX,
    KEY,
    LARGE_KEYS,
    READY,
    ROWS,
    SCHEMA,
    SMALL_KEYS,
    STATISTICS,
    VERSION,
)
from scenarios.metrics.dataset.state import LoadState, NotLoadable, read_state, refuse_foreign, where

CHUNK_BLOCKS = 250
"""A quarter of a million events per transaction: what a kill costs at most, and a commit is lost in."""
LOCK = 7_003_647
LOCK_SECONDS = 10.0
"""A loader that was killed leaves its lock until its server process has noticed."""
CONNECT_TIMEOUT_SECONDS = 10
_BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_BINARY_TAIL = b"\xff\xff"

Progress = Callable[[str, int, int], None]
"""Told the step, and how many of the rows are there."""


def load(
    url: str, rows: int, seed: int = 1, *, replace: bool = False, progress: Progress = lambda *_: None
) -> LoadState:
    """Bring a database to exactly so many events; what is there already stays.

    Raises NotLoadable for a database that is not empty or holds other data (`replace` drops ours, never anybody
    else's), and psycopg.Error when the database fails.
    """
    place = where(url)
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS) as connection:
        _lock(connection, place)
        refuse_foreign(connection, place)
        # A crash may take the last chunk away, and with it the note that it was there.
        connection.execute("SET synchronous_commit TO off")
        connection.execute("SET maintenance_work_mem TO '256MB'")
        connection.execute("SET statement_timeout TO 0")
        if replace:
            connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE".encode())
        state = read_state(connection) or _prepare(connection, Content(rows, seed, _until()), progress)
        if (state.version, state.rows, state.seed) != (VERSION, rows, seed):
            raise NotLoadable(
                f"{place} holds {state.rows:,} rows of seed {state.seed} (version {state.version}), "
                f"not {rows:,} of seed {seed} (version {VERSION}).",
                "--replace drops them and loads anew",
            )
        connection.execute(f"SET search_path TO {SCHEMA}".encode())
        return _go_on(connection, state, progress)


def _lock(connection: psycopg.Connection, place: str) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() > deadline:
            raise NotLoadable(f"{place} is being loaded by another process.", "wait for it, or stop it")
        time.sleep(0.1)


def _until() -> datetime:
    """The full hour at which the data ends."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _prepare(connection: psycopg.Connection, content: Content, progress: Progress) -> LoadState:
    """Make the tables and fill the small ones; one transaction."""
    progress("tables", 0, content.rows)
    with connection.transaction():
        for statement in CREATE:
            connection.execute(statement.encode())
        for table, rows in (
            ("tenants", content.tenant_rows()),
            ("users", content.user_rows()),
            ("metrics", content.metric_rows()),
            ("sessions", content.session_rows()),
            ("dashboards", content.dashboard_rows()),
            ("widgets", content.widget_rows()),
        ):
            _copy(connection, table, rows)
        for statement in SMALL_KEYS:
            connection.execute(statement.encode())
        state = LoadState(VERSION, content.seed, content.rows, content.until, 0, ROWS)
        connection.execute(
            "INSERT INTO load_state (version, seed, rows, until, copied, step) VALUES (%s, %s, %s, %s, 0, %s)",
            [VERSION, content.seed, content.rows, content.until, ROWS],
        )
    return state


def _copy(connection: psycopg.Connection, table: str, rows: Iterable[Row]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)


def _go_on(connection: psycopg.Connection, state: LoadState, progress: Progress) -> LoadState:
    content, copied, step = state.content, state.copied, state.step
    if step == ROWS:
        while copied < state.rows:
            progress(ROWS, copied, state.rows)
            copied = _copy_chunk(connection, content, copied)
        step = KEY
    while step in LARGE_KEYS:
        progress(step, copied, state.rows)
        following = INDEX if step == KEY else STATISTICS
        with connection.transaction():
            for statement in LARGE_KEYS[step]:
                connection.execute(statement.encode())
            connection.execute("UPDATE load_state SET step = %s", [following])
        step = following
    if step == STATISTICS:
        progress(step, copied, state.rows)
        # VACUUM as well: else the first queries of a run would set the hint bits of every page that they read.
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("SET synchronous_commit TO on")
        connection.execute("UPDATE load_state SET step = %s", [READY])
    progress(READY, copied, state.rows)
    return LoadState(state.version, state.seed, state.rows, state.until, copied, READY)


def _copy_chunk(connection: psycopg.Connection, content: Content, copied: int) -> int:
    """Copy the events that follow the first `copied`, and note how many there are then; one transaction."""
    first = copied // BLOCK
    blocks = range(first, min(first + CHUNK_BLOCKS, content.blocks))
    copied = min(blocks.stop * BLOCK, content.rows)
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY metric_events ({EVENT_COLUMNS}) FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.write(_BINARY_HEAD)
            for block in blocks:
                copy.write(content.block(block))
            copy.write(_BINARY_TAIL)
        cursor.execute("UPDATE load_state SET copied = %s, step = %s",
                       [copied, KEY if copied == content.rows else ROWS])  # fmt: skip
    return copied
