"""Chooses the database that a reference service keeps its state in."""

from __future__ import annotations

from pathlib import Path

from reference.database import Backend, DatabaseError
from reference.postgresql import PostgreSQL
from reference.sqlite import SQLite


def open_backend(where: str, name: str) -> Backend:
    """The backend for a file path, `sqlite:///path`, or `postgresql://user@host/name` (what DATABASE_URL may hold).

    `name` is the service's. Tables lie apart from everybody else's (a schema in PostgreSQL, a marked file in SQLite):
    a DATABASE_URL that was set for another program must not cost that program its data.
    """
    if where.startswith(("postgresql://", "postgres://")):
        return PostgreSQL(where, schema=f"swarmscope_{name}")
    if "://" in where and not where.startswith("sqlite:///"):
        scheme = where.partition("://")[0]
        raise DatabaseError(
            f"unknown kind of database {scheme!r}: expected a file, sqlite:/// or postgresql://"
        )
    return SQLite(Path(where.removeprefix("sqlite:///")))
