import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from scenarios.metrics import load_data
from scenarios.metrics.dataset import loader
from scenarios.metrics.dataset.schema import READY

ROOT = Path(__file__).resolve().parents[2]


def ask(url, query, *parameters):
    with psycopg.connect(url, autocommit=True, options="-c search_path=swarmscope_load") as connection:
        return connection.execute(query, parameters).fetchall()


def content_of(url):
    """A sum over every event, whatever order it came in."""
    return ask(
        url,
        "SELECT count(*), count(DISTINCT id), max(id), sum(hashtext(e::text)::bigint) FROM metric_events e",
    )


@pytest.fixture(scope="module")
def loaded(new_postgresql):
    """A database with 30,500 events: the last block is not full."""
    url = new_postgresql()
    assert load_data.main(["--rows", "30_500", "--database", url]) == 0
    return url


def test_there_are_exactly_so_many_rows_with_keys_indexes_and_statistics(loaded):
    assert content_of(loaded)[0][:3] == (30_500, 30_500, 30_500)
    assert ask(loaded, "SELECT indexname FROM pg_indexes WHERE tablename = 'metric_events' ORDER BY 1") == [
        ("metric_events_pkey",),
        ("metric_events_tenant_time",),
    ]
    assert ask(loaded, "SELECT reltuples FROM pg_class WHERE relname = 'metric_events'") == [(30_500,)]
    assert ask(loaded, "SELECT step, copied FROM load_state") == [(READY, 30_500)]


def test_rows_that_users_add_follow_those_that_were_loaded(loaded):
    with psycopg.connect(loaded, options="-c search_path=swarmscope_load") as connection:
        row = connection.execute(
            "INSERT INTO metric_events (recorded_at, value, tenant_id, session_id, metric_id)"
            " VALUES (now(), 1, 1, 1, 1) RETURNING id"
        ).fetchone()
        connection.rollback()
    assert row == (30_501,)


def test_events_belong_to_sessions_that_had_begun_and_to_their_tenants(loaded):
    assert ask(
        loaded,
        "SELECT count(*) FROM metric_events e JOIN sessions s"
        " ON s.id = e.session_id AND s.tenant_id = e.tenant_id AND s.started_at <= e.recorded_at"
        " JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id JOIN metrics m ON m.id = e.metric_id",
    ) == [(30_500,)]


def test_a_dashboard_is_its_tenants_with_widgets_of_its_own(loaded):
    assert ask(
        loaded,
        "SELECT count(*) FROM widgets w JOIN dashboards d ON d.id = w.dashboard_id AND d.tenant_id = w.tenant_id"
        " JOIN users u ON u.id = d.owner_id AND u.tenant_id = d.tenant_id",
    ) == [(30 * 3 * 6,)]


def test_a_second_load_changes_nothing(loaded, capsys):
    before = content_of(loaded)
    assert load_data.main(["--rows", "30500", "--database", loaded]) == 0
    assert content_of(loaded) == before
    assert "30,500 events in " in capsys.readouterr().out


def test_other_rows_than_are_there_are_refused(loaded, capsys):
    before = content_of(loaded)
    assert load_data.main(["--rows", "1k", "--seed", "2", "--database", loaded]) == 20
    assert re.fullmatch(
        r"test_\w+ at \S+ holds 30,500 rows of seed 1 \(version 1\), not 1,000 of seed 2 \(version 1\)\.\n"
        r"  hint: --replace drops them and loads anew\n",
        capsys.readouterr().err,
    )
    assert content_of(loaded) == before


def test_replace_drops_what_was_loaded_and_the_seed_decides_what_comes(new_postgresql):
    url = new_postgresql()
    loads = []
    for seed in ("1", "2", "1"):
        assert load_data.main(["--rows", "2k", "--seed", seed, "--replace", "--database", url]) == 0
        loads.append(content_of(url))
    assert loads[0] == loads[2] != loads[1]


def test_somebody_elses_database_is_refused_and_left_as_it_was(new_postgresql, capsys):
    url = new_postgresql()
    ask_nothing = "SELECT count(*) FROM pg_namespace WHERE nspname = 'swarmscope_load'"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE invoices (id integer)")
    assert load_data.main(["--rows", "1k", "--replace", "--database", url]) == 20
    assert re.fullmatch(
        r"test_\w+ at \S+ is not empty: it holds public.invoices\.\n"
        r"  hint: give a database of its own: createdb load\n",
        capsys.readouterr().err,
    )
    assert ask(url, ask_nothing) == [(0,)]


def test_a_schema_of_the_same_name_that_is_not_ours_is_refused(new_postgresql, capsys):
    url = new_postgresql()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA swarmscope_load CREATE TABLE mine (id integer)")
    assert load_data.main(["--rows", "1k", "--replace", "--database", url]) == 20
    assert "has a schema swarmscope_load that is not of this loader's making." in capsys.readouterr().err
    assert ask(url, "SELECT count(*) FROM mine") == [(0,)]


def test_a_reference_services_tables_may_lie_beside_ours(new_postgresql):
    url = new_postgresql()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA swarmscope_metrics CREATE TABLE events (id integer)")
    assert load_data.main(["--rows", "1k", "--database", url]) == 0


def test_two_loads_at_once_are_refused(new_postgresql, capsys, monkeypatch):
    url = new_postgresql()
    monkeypatch.setattr(loader, "LOCK_SECONDS", 0.2)
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [loader.LOCK])
        assert load_data.main(["--rows", "1k", "--database", url]) == 20
    assert "is being loaded by another process.\n  hint: wait for it, or stop it" in capsys.readouterr().err


def test_a_load_that_is_killed_goes_on_where_it_was(new_postgresql):
    rows = kept = 600_000
    while kept == rows:  # a machine that stood still may have let it come to its end
        url = new_postgresql()
        kept = killed(url, rows)
    assert 250_000 <= kept < rows
    before = ask(url, "SELECT min(xmin::text), count(*) FROM metric_events WHERE id <= 250000")
    assert load_data.main(["--rows", str(rows), "--database", url]) == 0
    assert content_of(url)[0][:3] == (rows, rows, rows)
    assert ask(url, "SELECT min(xmin::text), count(*) FROM metric_events WHERE id <= 250000") == before


def killed(url, rows):
    """How many rows a load had noted that was killed after its first."""
    command = [sys.executable, "-m", "scenarios.metrics.load_data", "--rows", str(rows), "--database", url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not copied(url):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    return copied(url)


def copied(url):
    """How many rows are noted as copied; 0 before there is a note."""
    try:
        return ask(url, "SELECT copied FROM load_state")[0][0]
    except psycopg.errors.UndefinedTable:
        return 0


def test_a_database_that_is_not_there_is_named_without_its_password(capsys, tmp_path):
    url = f"postgresql://somebody:secret-word@/load?host={tmp_path}"
    assert load_data.main(["--rows", "1k", "--database", url]) == 21
    said = capsys.readouterr()
    assert said.err.startswith(f"load at {tmp_path}: connection ")
    assert "secret-word" not in said.err + said.out


@pytest.mark.parametrize(
    ("text", "rows"),
    [("1", 1), ("100k", 100_000), ("1M", 1_000_000), ("2.5m", 2_500_000), ("10_000_000", 10_000_000)],
)
def test_rows_are_given_as_people_write_them(text, rows):
    assert load_data.row_count(text) == rows


@pytest.mark.parametrize("text", ["", "0", "-1", "many", "1.5", "2000M", "1e6", "1 0 M k"])
def test_what_is_no_number_of_rows_is_refused(text, capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/never")
    with pytest.raises(SystemExit) as ended:
        load_data.main([f"--rows={text}"])
    assert ended.value.code == 2
    assert (
        f'expected a number of rows such as 100k, 1M or 10M, at most 1000M, got "{text}"'
        in capsys.readouterr().err
    )


def test_without_a_database_it_says_where_to_name_one(capsys, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit):
        load_data.main(["--rows", "1k"])
    assert "which database? --database URL, or DATABASE_URL" in capsys.readouterr().err


def test_without_a_terminal_there_is_a_line_per_step_and_one_now_and_then(tmp_path):
    with (tmp_path / "out").open("w+") as out:
        seconds = iter((0.0, 1.0, 5.5, 5.5, 5.6))
        tell = load_data._lines(Console(file=out, width=200), lambda: next(seconds))
        for step, copied in (("rows", 0), ("rows", 10), ("rows", 20), ("key", 30)):
            tell(step, copied, 30)
        out.seek(0)
        assert out.read().splitlines() == [
            "copying rows: 0 of 30 rows",
            "copying rows: 20 of 30 rows",
            "making the key: 30 of 30 rows",
        ]


def test_on_a_terminal_there_is_a_bar(tmp_path):
    with (tmp_path / "out").open("w+") as out:
        with load_data._shown(Console(file=out, force_terminal=True, width=120), 1_000_000) as progress:
            progress("rows", 250_000, 1_000_000)
        out.seek(0)
        assert "250,000 of 1,000,000 rows" in out.read()
