"""The database that this process' users load: its pool, what it holds, and whether it kept what it acknowledged."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import psycopg
from gevent.lock import RLock
from locust import events
from locust.exception import StopTest
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from exporters.in_flight import track_request
from exporters.scenario_metrics import counter
from scenarios.credentials import LOCAL, credential, environment_name, variable_of
from scenarios.end_of_run import check_at_end_of_run
from scenarios.ledger import RESULTS, Kept, Ledger
from scenarios.metrics.database_failures import Unanswered, as_failure
from scenarios.metrics.database_pool import ConnectionPool
from scenarios.metrics.dataset.content import Content
from scenarios.metrics.dataset.loader import load
from scenarios.metrics.dataset.schema import READY, SCHEMA, VERSION
from scenarios.metrics.dataset.state import LoadState, NotReady, read_ready, read_state, where
from swarmscope.errors import ExitCode, SwarmscopeError

logger = logging.getLogger(__name__)
# A user that is killed inside a transaction cannot roll it back; its connection is closed, which does.
logging.getLogger("psycopg").setLevel(logging.ERROR)

SYSTEM = "metrics"
CREDENTIAL = "database_url"
"""Its name in environments.yaml."""
USUAL_VARIABLE = "DATABASE_URL"
POOL_VARIABLE = "LOCUST_DATABASE_POOL"
"""Connections of each process' pool."""
POOL_SIZE = 10
LOCAL_ROWS = 100_000
"""Prepared by itself in an empty database on this machine: a second of work."""
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_SECONDS = 10
UNANSWERED_SECONDS = 15.0
"""The server ends a statement after its timeout; one that has not been heard of by then is not waited for."""
RETRY_SECONDS = 0.25

METHOD = "SQL"
ACKNOWLEDGED = counter(
    "database_acknowledged_rows_total",
    "Rows whose insert was acknowledged, by what was found after the run: stored (once), missing, doubled, "
    "unverified (the database could not be asked).",
    ("result",),
    [(result,) for result in RESULTS],
)


class LoadDatabase:
    """One process' view of the database."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._pool: ConnectionPool | None = None
        self._content: Content | None = None
        self._url = ""
        self._since = 0
        self._lock = RLock()

    @property
    def pool(self) -> ConnectionPool:
        """The connections that users borrow; there is one from the first user on."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    @property
    def content(self) -> Content:
        """The rows that were loaded."""
        if self._content is None:
            raise RuntimeError("the database is not open")
        return self._content

    def open(self, environment: Any) -> None:
        """See once per process that the right data is there; stops the test with a message when it is not."""
        with self._lock:
            if self._pool is not None:
                return
            try:
                size = pool_size()
                self._url = database_url(environment)
                self._look(may_load=environment_name(environment) in ("", LOCAL))
            except (SwarmscopeError, psycopg.Error) as error:
                # What plain Locust exits with; Swarmscope has a verdict of its own.
                environment.process_exit_code = int(ExitCode.BAD_CONFIGURATION)
                said = (
                    f"{where(self._url)}: {_words(error)}" if isinstance(error, psycopg.Error) else str(error)
                )
                raise StopTest(said) from None
            self._pool = ConnectionPool(lambda: _connect(self._url), size)

    def request(self, environment: Any, name: str, send: Callable[[Connection], None]) -> None:
        """One request of Locust: from before a connection is borrowed until it is given back.

        Whatever `send` raises is the request's failure, and goes no further.
        """
        failure: Exception | None = None
        with track_request(METHOD, name):
            started = time.perf_counter()
            try:
                with (
                    gevent.Timeout(UNANSWERED_SECONDS, Unanswered("no answer")),
                    self.pool.connection() as connection,
                ):
                    send(connection)
            except Exception as error:
                failure = as_failure(error)
            elapsed = time.perf_counter() - started
        environment.events.request.fire(
            request_type=METHOD,
            name=name,
            response_time=1000 * elapsed,
            response_length=0,
            exception=failure,
            context={},
        )

    def start_run(self) -> None:
        """Count from zero."""
        self.ledger.start_run()
        if self._pool is not None:
            self._pool.publish()

    def verify(self, seconds: float) -> None:
        """Compare what was acknowledged with what is there, within so many seconds."""
        if not self.ledger.acknowledged:
            return
        deadline = time.monotonic() + seconds
        kept = self._compare(deadline)
        for result, rows in kept.by_result.items():
            ACKNOWLEDGED.add(rows, result)
        said = logger.info if kept.stored == self.ledger.acknowledged else logger.error
        said(
            "%s rows were acknowledged: %s",
            f"{self.ledger.acknowledged:,}",
            ", ".join(f"{rows:,} {result}" for result, rows in kept.by_result.items()),
        )

    def _look(self, may_load: bool) -> None:
        with _connect(self._url) as connection:
            if may_load and _on_this_machine(self._url):
                self._prepare(read_state(connection))
            self._content = read_ready(connection, where(self._url))
            row = connection.execute("SELECT coalesce(max(id), 0) FROM metric_events").fetchone()
        self._since = row[0] if row else 0

    def _prepare(self, state: LoadState | None) -> None:
        """Load what is missing; several workers that find that at once wait for the first."""
        if state is None or (state.version, state.step) != (VERSION, READY):
            rows, seed = (LOCAL_ROWS, 1) if state is None else (state.rows, state.seed)
            logger.info("preparing %s rows in %s", f"{rows:,}", where(self._url))
            load(self._url, rows, seed)

    def _compare(self, deadline: float) -> Kept:
        said = ""
        while (left := deadline - time.monotonic()) > 0:
            try:
                with gevent.Timeout(left, Unanswered("no answer")), _connect(self._url) as connection:
                    connection.execute(
                        # The planner knows nothing of rows this new: a nested loop over them would never end.
                        "SELECT set_config('statement_timeout', %s, false),"
                        " set_config('enable_nestloop', 'off', false)",
                        [str(max(1, int(1000 * left)))],
                    )
                    return self.ledger.compare(self._found(connection))
            except (psycopg.Error, Unanswered) as error:
                said = _words(error)
                gevent.sleep(RETRY_SECONDS)
        logger.error("what was acknowledged could not be verified: %s", said or "no time was left")
        return self.ledger.unverified()

    def _found(self, connection: Connection) -> dict[int, tuple[int, int]]:
        """Per writer: acknowledged rows that are there once, and more than once."""
        writers = self.ledger.writers
        open_writers = [writer.id for writer in writers for _ in writer.open]
        open_numbers = [number for writer in writers for number in writer.open]
        # By the key alone: ids only grow, so all that this process wrote follows what was there when it began.
        rows: Sequence[tuple[int, int, int]] = connection.execute(
            "SELECT writer, count(*) FILTER (WHERE copies = 1), count(*) FILTER (WHERE copies > 1) FROM ("
            " SELECT writer, sequence, count(*) AS copies FROM metric_events"
            " WHERE id > %s AND writer = ANY(%s::bigint[]) GROUP BY writer, sequence"
            ") AS numbered WHERE NOT EXISTS ("
            " SELECT FROM unnest(%s::bigint[], %s::integer[]) AS unknown (writer, sequence)"
            " WHERE (unknown.writer, unknown.sequence) = (numbered.writer, numbered.sequence)"
            ") GROUP BY writer",
            [self._since, [writer.id for writer in writers], open_writers, open_numbers],
        ).fetchall()
        return {writer: (once, more) for writer, once, more in rows}


def database_url(environment: Any) -> str:
    """The address of the database to load; raises NotReady when there is none."""
    name = environment_name(environment)
    variable = variable_of(CREDENTIAL, SYSTEM, name) or USUAL_VARIABLE
    url = credential(CREDENTIAL, SYSTEM, name) or os.environ.get(variable, "").strip()
    if not url:
        raise NotReady(
            f"No database for {f'environment {name!r}' if name else 'the load'}: {variable} is not set.",
            f"export {variable}=postgresql://user:password@host/name",
        )
    return url


def pool_size() -> int:
    """Connections of a process' pool; raises NotReady when the setting is no such number."""
    text = os.environ.get(POOL_VARIABLE, "").strip() or str(POOL_SIZE)
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise NotReady(f'{POOL_VARIABLE}: expected a number from 1 to 1000, got "{text}"')
    return int(text)


def _connect(url: str) -> Connection:
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        application_name="swarmscope-load",
        # A server whose machine is gone answers nothing, not even that it is gone.
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
    )
    try:
        connection.execute(
            # A plan made for any tenant is wrong for the largest: 15 s instead of 25 ms for the join on 10 M rows.
            "SELECT set_config('search_path', %s, false), set_config('statement_timeout', %s, false),"
            " set_config('plan_cache_mode', 'force_custom_plan', false)",
            [SCHEMA, f"{STATEMENT_TIMEOUT_SECONDS}s"],
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _on_this_machine(url: str) -> bool:
    host = str(conninfo_to_dict(url).get("host") or "/")
    return host.startswith("/") or host in ("localhost", "127.0.0.1", "::1")


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


DATABASE = LoadDatabase()
"""This process' own; --processes forks before anything is opened."""


@events.test_start.add_listener  # type: ignore[untyped-decorator, unused-ignore]
def _on_test_start(**_: Any) -> None:
    DATABASE.start_run()


check_at_end_of_run(DATABASE.verify)
