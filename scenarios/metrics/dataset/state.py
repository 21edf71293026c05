"""What a database says about the load data in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from scenarios.metrics.dataset.content import Content
from scenarios.metrics.dataset.schema import OUR_SCHEMAS, READY, SCHEMA, VERSION
from swarmscope.errors import ExitCode, SwarmscopeError


class NotLoadable(SwarmscopeError):
    """The database is not empty, not ours, or holds other data than is wanted."""

    exit_code = ExitCode.BAD_CONFIGURATION


class NotReady(SwarmscopeError):
    """The database does not hold the data that the users need."""

    exit_code = ExitCode.BAD_CONFIGURATION


@dataclass(frozen=True, slots=True)
class LoadState:
    """How far a load has come."""

    version: int
    seed: int
    rows: int
    until: datetime
    copied: int
    step: str

    @property
    def content(self) -> Content:
        """The rows that this load is made of."""
        return Content(self.rows, self.seed, self.until)


def where(url: str) -> str:
    """Host and name of a database, for people: without user and password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "an address that cannot be read"
    return f"{parts.get('dbname', 'the default database')} at {parts.get('host', 'the local socket')}"


def read_state(connection: psycopg.Connection) -> LoadState | None:
    """What load data the database holds; None when there is none."""
    found = connection.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.load_state"]).fetchone()
    if found is None or found[0] is None:
        return None
    query = sql.SQL("SELECT version, seed, rows, until, copied, step FROM {}.load_state")
    row = connection.execute(query.format(sql.Identifier(SCHEMA))).fetchone()
    return None if row is None else LoadState(*row)


def read_ready(connection: psycopg.Connection, place: str) -> Content:
    """The rows of a database that is completely loaded; raises NotReady for any other."""
    state = read_state(connection)
    if state is None:
        raise NotReady(
            f"{place} holds no load data.",
            "python -m scenarios.metrics.load_data --rows 1M --database URL prepares it",
        )
    if state.version != VERSION:
        raise NotReady(
            f"{place} holds load data of version {state.version}, not {VERSION}.",
            f"python -m scenarios.metrics.load_data --rows {state.rows} --replace --database URL loads it anew",
        )
    if state.step != READY:
        raise NotReady(
            f"{place} is not completely loaded: {state.copied:,} of {state.rows:,} rows.",
            f"python -m scenarios.metrics.load_data --rows {state.rows} --database URL goes on where it was",
        )
    return state.content


def refuse_foreign(connection: psycopg.Connection, place: str) -> None:
    """Raise NotLoadable when the database holds anybody else's tables."""
    foreign = connection.execute(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND n.nspname NOT LIKE 'pg\\_%%'"
        " AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, %s)"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        " ORDER BY 1 LIMIT 3",
        [OUR_SCHEMAS],
    ).fetchall()
    if foreign:
        raise NotLoadable(
            f"{place} is not empty: it holds {', '.join(name for (name,) in foreign)}.",
            "give a database of its own: createdb load",
        )
    ours = connection.execute(
        "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)", [SCHEMA]
    ).fetchone()
    if ours is not None and ours[0] and read_state(connection) is None:
        raise NotLoadable(
            f"{place} has a schema {SCHEMA} that is not of this loader's making.",
            "give a database of its own: createdb load",
        )
