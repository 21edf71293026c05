import asyncio
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reference.backends import open_backend
from reference.database import Database
from reference.postgresql import CONNECTIONS
from reference.server_metrics import ServerMetrics


def read(metrics):
    from prometheus_client.exposition import generate_latest

    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
        for sample in family.samples
        if sample.name.startswith("db_client_connection")
    }


@pytest.fixture
def used():
    """Opens a database, runs a coroutine function with it, and returns what that returned."""

    def run(url, use, **options):
        async def opened():
            metrics = ServerMetrics()
            database = Database(open_backend(url, "pool"), **options)
            database.register(metrics)
            await database.open(())
            try:
                return await use(database, lambda: read(metrics))
            finally:
                await database.close()

        return asyncio.run(opened())

    return run


def test_the_time_that_connections_are_in_use_is_counted_while_they_are(used, new_postgresql):
    async def use(database, page):
        before, started = page(), time.perf_counter()
        slow = [asyncio.create_task(database.fetch("sleep", "SELECT pg_sleep(0.6)")) for _ in range(4)]
        await asyncio.sleep(0.3)
        during, half = page(), time.perf_counter() - started
        await asyncio.gather(*slow)
        return before, during, page(), half

    before, during, after, half = used(new_postgresql(), use)
    name = "db_client_connection_use_seconds_total"
    assert 0 < during[name] - before[name] <= 4 * half
    assert after[name] - before[name] >= 4 * 0.6
    assert after[name] > during[name] > before[name]
    assert after["db_client_connections_max"] == CONNECTIONS


def test_a_full_pool_is_in_use_all_the_time(used, new_postgresql):
    async def use(database, page):
        before, started = page(), time.perf_counter()
        await asyncio.gather(
            *(database.fetch("sleep", "SELECT pg_sleep(0.2)") for _ in range(3 * CONNECTIONS))
        )
        name = "db_client_connection_use_seconds_total"
        return (page()[name] - before[name]) / (CONNECTIONS * (time.perf_counter() - started))

    assert 0.7 < used(new_postgresql(), use) <= 1


def test_a_commanded_slow_query_holds_a_connection_and_is_active_in_the_server(used, new_postgresql):
    async def use(database, page):
        slow = asyncio.create_task(database.fetch("any", "SELECT 1"))
        states = {}
        while not states.get("pg_sleep"):
            assert not slow.done()
            await asyncio.sleep(0.01)
            # Not through the database under test: it would be slow, too.
            (row,) = await database._backend.fetch(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep(%'",
                (),
            )
            states["pg_sleep"] = row[0]
        in_use = database._backend.connections()["in_use"]
        await slow
        return states, in_use

    assert used(new_postgresql(), use, hold_up=lambda: 0.5) == ({"pg_sleep": 1}, 1)


def test_sqlite_never_makes_anybody_wait_for_a_connection(used, tmp_path):
    async def use(database, page):
        await asyncio.gather(*(database.fetch("any", "SELECT 1") for _ in range(50)))
        return page()

    page = used(str(tmp_path / "x.sqlite3"), use, hold_up=lambda: 0.01)
    assert (page["db_client_connections_max"], page["db_client_connection_use_seconds_total"]) == (2, 0)
