import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from reference.running_postgresql import NotInstalled, running_postgresql
from scenarios.metrics import load_data
from tests.scenarios.locust_runs import PATIENCE_SECONDS, clean_environment, start, stats

STATEMENTS = {"insert", "insert batch", "dashboard", "join", "tenant events"}


def ask(url, query, *parameters):
    with psycopg.connect(url, autocommit=True, options="-c search_path=swarmscope_load") as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.05)


def written(url, least=1):
    """A condition: users have added so many rows."""
    return lambda: ask(url, "SELECT count(*) FROM metric_events WHERE writer IS NOT NULL")[0][0] >= least


@dataclass
class Ran:
    """What an ended Locust left."""

    stats: dict[str, dict[str, Any]]
    counted: dict[str, float]
    failures: dict[str, str]
    log: str

    def rows(self, result):
        return self.counted[f"locust_database_acknowledged_rows_total {result}"]


class Users:
    """A Locust that runs until `end`."""

    def __init__(self, process, counted):
        self.process, self._counted = process, counted

    def end(self):
        self.process.terminate()
        output, log = self.process.communicate()
        assert self._counted.exists(), log
        told = json.loads(self._counted.read_text())
        entries = stats(output)
        assert {entry["method"] for entry in entries.values()} <= {"SQL"}
        by_name = {entry["name"]: entry for entry in entries.values()}
        return Ran(by_name, told["counted"], told["failures"], log)


@contextmanager
def users(url, folder, *user_classes, count=8, **variables):
    counted = folder / "counted.json"
    command = (
        "-f", "tests/scenarios/database_locustfile.py", "--headless", "--json",
        "-u", str(count), "-r", str(count), *user_classes,
    )  # fmt: skip
    environment = clean_environment(**{"DATABASE_URL": url, "COUNTED": str(counted)} | variables)
    with start(environment, *command) as process:
        yield Users(process, counted)


@pytest.fixture(scope="module")
def database(new_postgresql):
    url = new_postgresql()
    assert load_data.main(["--rows", "20k", "--database", url]) == 0
    return url


def test_all_users_together_fail_nothing_and_lose_nothing(new_postgresql, tmp_path):
    url = new_postgresql()  # empty: on this machine it is prepared by itself
    with users(url, tmp_path, "InsertUser", "BatchInsertUser", "QueryUser", "MixedUser", count=12) as run:
        wait_until(lambda: prepared(url))
        before = joined(url)
        wait_until(written(url, 500))
        wait_until(lambda: joined(url) > before)
        ran = run.end()
    assert ran.failures == {}
    assert ran.stats.keys() == STATEMENTS
    stored = ask(url, "SELECT count(*) FROM metric_events WHERE writer IS NOT NULL")[0][0]
    # A user that was stopped before it heard that its row is stored claims nothing.
    assert 500 <= ran.rows("stored") <= stored
    assert (ran.rows("missing"), ran.rows("doubled"), ran.rows("unverified")) == (0, 0, 0)
    inserted = ran.counted["locust_database_rows_total insert"]
    inserted += ran.counted["locust_database_rows_total insert batch"]
    assert inserted == ran.rows("stored")
    assert (
        ran.stats["insert batch"]["num_requests"] * 100
        == ran.counted["locust_database_rows_total insert batch"]
    )
    assert ran.counted["locust_database_rows_total dashboard"] > 0
    assert ran.counted["locust_tenant_leaks_total"] == 0
    assert (
        1 <= ran.counted["locust_database_pool_connections idle"] <= ran.counted["locust_database_pool_size"]
    )
    assert "Traceback" not in ran.log and "error ignored" not in ran.log


def joined(url):
    """Scans of a table that only the join reads."""
    return ask(
        url,
        "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
        " WHERE schemaname = 'swarmscope_load' AND relname = 'users'",
    )[0][0]


def prepared(url):
    try:
        return ask(url, "SELECT rows FROM load_state WHERE step = 'ready'") == [(100_000,)]
    except psycopg.errors.UndefinedTable:
        return False


def test_rows_that_were_taken_away_or_doubled_are_found(database, tmp_path):
    with users(database, tmp_path, "InsertUser", count=4) as run:
        wait_until(written(database, 20))
        ids = ask(database, "SELECT id FROM metric_events WHERE writer IS NOT NULL ORDER BY id LIMIT 6")
        ask(database, "DELETE FROM metric_events WHERE id = ANY(%s)", [ids[2][0], ids[4][0]])
        ask(
            database,
            "INSERT INTO metric_events (recorded_at, value, writer, sequence, tenant_id, session_id, metric_id)"
            " SELECT recorded_at, value, writer, sequence, tenant_id, session_id, metric_id"
            " FROM metric_events WHERE id = %s",
            ids[5][0],
        )
        ran = run.end()
    assert (ran.rows("missing"), ran.rows("doubled"), ran.rows("unverified")) == (2, 1, 0)
    assert ran.rows("stored") >= 17
    assert "rows were acknowledged: " in ran.log and " 2 missing, 1 doubled, 0 unverified" in ran.log


def test_a_view_that_does_not_isolate_its_tenants_is_a_leak_that_is_named(new_postgresql, tmp_path):
    url = new_postgresql()
    load_data.main(["--rows", "20k", "--database", url])
    ask(
        url,
        "CREATE OR REPLACE VIEW tenant_events AS"
        " SELECT id, tenant_id, session_id, metric_id, value, recorded_at FROM metric_events",
    )
    with users(url, tmp_path, "QueryUser", count=20) as run:
        wait_until(lambda: read(url, least=40))
        ran = run.end()
    leaks = ran.counted["locust_tenant_leaks_total"]
    assert 0 < leaks == ran.stats["tenant events"]["num_failures"]
    assert ran.failures == {"tenant events": "rows of another tenant"}
    assert ran.stats["dashboard"]["num_failures"] == 0


def read(url, least):
    """Whether so many scans of the events' index were made."""
    found = ask(
        url, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'metric_events_tenant_time'"
    )
    return found[0][0] >= least


def test_a_server_that_is_killed_mid_run_is_survived_counted_and_loses_nothing(tmp_path):
    try:
        with running_postgresql() as server:
            url = server.new_database()
            load_data.main(["--rows", "20k", "--database", url])
            with users(url, tmp_path, "InsertUser", "QueryUser", count=16) as run:
                wait_until(written(url, 100))
                server.kill()
                time.sleep(1)  # that it is away for some time is what is tested
                assert run.process.poll() is None
                server.start()
                before = ask(url, "SELECT count(*) FROM metric_events WHERE writer IS NOT NULL")[0][0]
                wait_until(written(url, before + 100))
                ran = run.end()
            stored = ask(url, "SELECT count(*) FROM metric_events WHERE writer IS NOT NULL")[0][0]
    except NotInstalled as error:
        pytest.skip(str(error))
    assert ran.stats["insert"]["num_failures"] > 0
    known = ("connection exception (SQLSTATE class 08)", "operator intervention (SQLSTATE class 57)")
    assert all(any(words in failure for words in known) for failure in ran.failures.values()), ran.failures
    assert 200 <= ran.rows("stored") <= stored
    assert (ran.rows("missing"), ran.rows("doubled"), ran.rows("unverified")) == (0, 0, 0)
    assert "Traceback" not in ran.log


def elsewhere(url):
    """Another environment than the local one, whose own variable names the database."""
    return {"LOCUST_TEST_ENV": "staging", "METRICS_STAGING_DATABASE_URL": url}


def test_a_database_without_the_data_stops_the_test_with_what_to_do(database, tmp_path):
    ask(database, "UPDATE load_state SET version = 99")
    try:
        with users(database, tmp_path, "InsertUser", **elsewhere(database)) as run:
            wait_until(lambda: run.process.poll() is not None)
            log = run.process.communicate()[1]
    finally:
        ask(database, "UPDATE load_state SET version = 1")
    assert "holds load data of version 99, not 1." in log
    assert (
        "hint: python -m scenarios.metrics.load_data --rows 20000 --replace --database URL loads it anew"
        in log
    )
    assert run.process.code == 20


def test_a_database_elsewhere_is_never_filled(new_postgresql, tmp_path):
    url = new_postgresql()
    with users(url, tmp_path, "InsertUser", **elsewhere(url)) as run:
        wait_until(lambda: run.process.poll() is not None)
        log = run.process.communicate()[1]
    assert "holds no load data." in log
    assert ask(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'swarmscope_load'") == [(0,)]


def test_no_database_and_no_such_pool_are_messages(tmp_path):
    for variables, message in (
        ({"DATABASE_URL": ""}, "No database for the load: DATABASE_URL is not set."),
        (
            {"LOCUST_DATABASE_POOL": "many"},
            'LOCUST_DATABASE_POOL: expected a number from 1 to 1000, got "many"',
        ),
        ({}, "connection refused"),
    ):
        with users("postgresql://u:secret-word@127.0.0.1:1/x", tmp_path, "QueryUser", **variables) as run:
            wait_until(lambda run=run: run.process.poll() is not None)
            log = run.process.communicate()[1]
        assert message.lower() in log.lower()
        assert "secret-word" not in log
        assert run.process.code == 20


def test_what_cannot_be_verified_in_time_is_said_to_be_unverified():
    program = (
        "import logging, time, locust\n"
        "from scenarios.metrics.database import ACKNOWLEDGED, DATABASE\n"
        "logging.basicConfig()\n"
        "writer = DATABASE.ledger.writer()\n"
        "writer.acknowledge(writer.send(7))\n"
        "DATABASE._url = 'postgresql://u:secret-word@127.0.0.1:1/x'\n"
        "since = time.monotonic()\n"
        "DATABASE.verify(0.6)\n"
        "assert time.monotonic() - since < 60\n"
        "assert {result: ACKNOWLEDGED.value(result) for result in ('stored', 'missing', 'unverified')}"
        " == {'stored': 0, 'missing': 0, 'unverified': 7}\n"
    )
    with start(clean_environment(), program=program) as process:
        _, log = process.communicate()
    assert process.code == 0, log
    assert "what was acknowledged could not be verified: " in log
    assert "7 rows were acknowledged: 0 stored, 0 missing, 0 doubled, 7 unverified" in log
    assert "secret-word" not in log
