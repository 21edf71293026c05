import asyncio
import sqlite3

import psycopg
import pytest

from reference.backends import open_backend
from reference.database import Database, DatabaseError
from reference.postgresql import CONNECTIONS, psycopg_sql

SCHEMA = ("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY, size BIGINT NOT NULL)",)
INSERT = "INSERT INTO things (name, size) VALUES (?, ?)"
NAMES = "SELECT name FROM things ORDER BY name"


@pytest.fixture
def with_database(database_url):
    """Runs a coroutine function with an open, empty database."""

    def run(use, **options):
        async def opened():
            database = Database(open_backend(database_url, "test"), **options)
            await database.open(SCHEMA)
            try:
                await database.write("empty", "DELETE FROM things")
                return await use(database)
            finally:
                await database.close()

        return asyncio.run(opened())

    return run


def test_what_was_written_is_read_back(with_database):
    async def use(database):
        returned = await database.write("insert", INSERT + " RETURNING name, size", "naïve 東京 🎉", 2**40)
        return returned, await database.fetch("list", NAMES)

    assert with_database(use) == ([("naïve 東京 🎉", 2**40)], [("naïve 東京 🎉",)])


def test_many_writers_at_once_lose_nothing(with_database):
    async def use(database):
        await asyncio.gather(*(database.write("insert", INSERT, f"{i:04}", i) for i in range(500)))
        return await database.fetch("list", "SELECT COUNT(*), SUM(size) FROM things")

    assert [tuple(map(int, row)) for row in with_database(use)] == [(500, 124_750)]


def test_a_statement_that_fails_fails_alone(with_database):
    async def use(database):
        results = await asyncio.gather(
            database.write("insert", INSERT, "a", 1),
            database.write("insert", INSERT, "a", 2),
            database.write("insert", INSERT, "b", 3),
            return_exceptions=True,
        )
        return (
            [type(result) for result in results],
            await database.fetch("list", NAMES),
            database.errors.value("insert"),
        )

    kinds, names, errors = with_database(use)
    assert sorted(kind.__name__ for kind in kinds) == ["DatabaseError", "list", "list"]
    assert names == [("a",), ("b",)]
    assert errors == 1


def test_a_cancelled_writer_takes_no_other_with_it(with_database):
    async def use(database):
        first = asyncio.ensure_future(database.write("insert", INSERT, "a", 1))
        second = asyncio.ensure_future(database.write("insert", INSERT, "b", 2))
        await asyncio.sleep(0)
        first.cancel()
        await second
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.gather(*(database.fetch("list", NAMES) for _ in range(3 * CONNECTIONS)))
        return [name for (name,) in await database.fetch("list", NAMES)]

    assert "b" in with_database(use)


def test_operations_are_timed_by_name_and_held_up_on_command(with_database):
    async def use(database):
        await database.fetch("list", NAMES)
        return database.durations

    durations = with_database(use, hold_up=lambda: 0.03)
    assert durations.count("list") == 1
    (family,) = durations.collect()
    (seconds,) = [
        s.value for s in family.samples if s.name.endswith("_sum") and s.labels == {"operation": "list"}
    ]
    assert seconds >= 0.03


def test_state_outlives_the_process_that_wrote_it(database_url):
    async def write_then_read():
        for name in ("one", "two"):
            database = Database(open_backend(database_url, "test"))
            await database.open(SCHEMA)
            await database.write("insert", INSERT + " ON CONFLICT (name) DO NOTHING", name, 1)
            found = await database.fetch("list", NAMES)
            await database.close()
        return found

    assert {("one",), ("two",)} <= set(asyncio.run(write_then_read()))


def test_readers_of_sqlite_see_only_what_is_committed(tmp_path):
    async def use():
        database = Database(open_backend(f"sqlite:///{tmp_path}/x.sqlite3", "test"))
        await database.open(SCHEMA)
        writing = asyncio.ensure_future(database.write("insert", INSERT, "a", 1))
        await asyncio.sleep(0)  # the statement has run, its commit comes at the end of the loop's turn
        with sqlite3.connect(f"{tmp_path}/x.sqlite3") as other:
            outside = other.execute(NAMES).fetchall()
        other.close()
        inside = await database.fetch("list", NAMES)
        await writing
        after = await database.fetch("list", NAMES)
        await database.close()
        return outside, inside, after

    assert asyncio.run(use()) == ([], [], [("a",)])


def test_the_read_connection_of_sqlite_cannot_write(tmp_path):
    async def use():
        database = Database(open_backend(str(tmp_path / "x.sqlite3"), "test"))
        await database.open(SCHEMA)
        try:
            await database.fetch("insert", INSERT, "a", 1)
        finally:
            await database.close()

    with pytest.raises(DatabaseError, match=r"^attempt to write a readonly database$"):
        asyncio.run(use())


def test_broken_connections_to_postgresql_are_replaced(new_postgresql):
    url = new_postgresql()

    async def use():
        database = Database(open_backend(url, "test"))
        await database.open(SCHEMA)
        await asyncio.gather(*(database.fetch("list", "SELECT pg_sleep(0.05)") for _ in range(CONNECTIONS)))
        assert database._backend.connections() == {"idle": CONNECTIONS, "in_use": 0}
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with pytest.raises(DatabaseError, match=r"^terminating connection due to administrator command"):
            await database.fetch("kill", kill)
        # One request has failed; the other seven connections, dead as well, are not tried.
        healthy = await asyncio.gather(*(database.fetch("list", NAMES) for _ in range(2 * CONNECTIONS)))
        await database.close()
        return healthy, database._backend.connections()

    healthy, connections = asyncio.run(use())
    assert healthy == [[]] * (2 * CONNECTIONS)
    assert connections == {"idle": 0, "in_use": 0}


def test_a_database_that_cannot_be_opened_is_named_without_its_password():
    with pytest.raises(DatabaseError) as refused:
        asyncio.run(Database(open_backend("postgresql://me:hunter2@127.0.0.1:1/shop", "test")).open(()))
    assert str(refused.value).startswith("cannot connect to shop at 127.0.0.1:1: ")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(open_backend("postgresql://me:hunter2@127.0.0.1:1/shop", "test"))


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(DatabaseError) as refused:
        asyncio.run(Database(open_backend(str(tmp_path), "test")).open(()))
    assert str(refused.value) == f"cannot open the SQLite database {tmp_path}: unable to open database file"


def test_another_programs_sqlite_file_is_left_as_it_was(tmp_path):
    file = tmp_path / "theirs.sqlite3"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE things (theirs TEXT)")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    with pytest.raises(DatabaseError) as refused:
        asyncio.run(Database(open_backend(str(file), "test")).open(("DROP TABLE IF EXISTS things", *SCHEMA)))
    assert (
        str(refused.value) == f"{file} holds the data of another program; choose another file with --database"
    )
    assert file.read_bytes() == before


def test_another_programs_tables_in_postgresql_are_left_as_they_were(new_postgresql):
    url = new_postgresql()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE things (theirs TEXT)")
        connection.execute("INSERT INTO things VALUES ('kept')")

    async def use():
        database = Database(open_backend(url, "test"))
        await database.open(("DROP TABLE IF EXISTS things", *SCHEMA))
        await database.write("insert", INSERT, "ours", 1)
        await database.close()

    asyncio.run(use())
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM things").fetchall() == [("kept",)]


def test_an_empty_file_may_become_a_database(tmp_path):
    (tmp_path / "x.sqlite3").touch()

    async def use():
        database = Database(open_backend(str(tmp_path / "x.sqlite3"), "test"))
        await database.open(SCHEMA)
        await database.close()

    asyncio.run(use())


def test_an_unknown_kind_of_database_is_refused():
    with pytest.raises(DatabaseError) as refused:
        open_backend("mysql://localhost/x", "test")
    assert str(refused.value) == (
        "unknown kind of database 'mysql': expected a file, sqlite:/// or postgresql://"
    )


def test_question_marks_become_psycopgs_parameters():
    assert psycopg_sql("SELECT 7 % 2 WHERE a = ? AND b = ?") == "SELECT 7 %% 2 WHERE a = %s AND b = %s"
