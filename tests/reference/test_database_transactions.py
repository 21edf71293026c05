"""Statements that belong together happen together or not at all, in both kinds of database."""

import asyncio

import pytest

from reference.backends import open_backend
from reference.database import Database, DatabaseError

SCHEMA = ("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, size BIGINT NOT NULL)",)
INSERT = "INSERT INTO things (name, size) VALUES (?, ?)"


@pytest.fixture
def with_database(database_url):
    """Runs a coroutine function with an open, empty database."""

    def run(use, **options):
        async def opened():
            database = Database(open_backend(database_url, "together"), **options)
            await database.open(SCHEMA)
            try:
                await database.write("empty", "DELETE FROM things")
                return await use(database)
            finally:
                await database.close()

        return asyncio.run(opened())

    return run


async def names(database):
    return [name for (name,) in await database.fetch("list", "SELECT name FROM things ORDER BY name")]


async def two(execute, first="a", second="b"):
    rows = await execute(INSERT + " RETURNING size", first, 1)
    await execute(INSERT, second, rows[0][0] + 1)
    return "done"


def test_all_statements_are_committed_when_it_returns(with_database):
    async def use(database):
        return await database.transaction("two", two), await names(database)

    assert with_database(use) == ("done", ["a", "b"])


def test_a_statement_that_fails_undoes_all_before_it_and_nothing_of_others(with_database):
    async def use(database):
        results = await asyncio.gather(
            database.write("insert", INSERT, "x", 1),
            database.transaction("two", lambda execute: two(execute, "a", "a")),
            database.transaction("two", lambda execute: two(execute, "c", "d")),
            return_exceptions=True,
        )
        return [type(result) for result in results], await names(database), database.errors.value("two")

    kinds, left, errors = with_database(use)
    assert kinds == [list, DatabaseError, str]
    assert (left, errors) == (["c", "d", "x"], 1)


def test_an_error_of_the_callers_own_undoes_everything(with_database):
    async def refuse(execute):
        await execute(INSERT, "a", 1)
        raise LookupError("changed my mind")

    async def use(database):
        with pytest.raises(LookupError, match="changed my mind"):
            await database.transaction("refuse", refuse)
        await database.write("insert", INSERT, "b", 1)
        return await names(database)

    assert with_database(use) == ["b"]


def test_many_at_once_lose_nothing(with_database):
    async def use(database):
        await asyncio.gather(
            *(
                database.transaction("two", lambda execute, i=i: two(execute, f"{i}-a", f"{i}-b"))
                for i in range(100)
            )
        )
        return len(await names(database))

    assert with_database(use) == 200


def test_a_slow_query_fault_holds_it_up_once(with_database):
    async def use(database):
        await database.transaction("two", two)
        return database.durations.count("two")

    assert with_database(use, hold_up=lambda: 0.01) == 1


def test_sqlite_refuses_a_transaction_that_waits_for_something_else(tmp_path):
    async def waiting(execute):
        await execute(INSERT, "a", 1)
        await asyncio.sleep(0)

    async def use():
        database = Database(open_backend(str(tmp_path / "x.sqlite3"), "together"))
        await database.open(SCHEMA)
        try:
            with pytest.raises(RuntimeError, match="a transaction may await its own statements only"):
                await database.transaction("waiting", waiting)
            return await names(database)
        finally:
            await database.close()

    assert asyncio.run(use()) == []
