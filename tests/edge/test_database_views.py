import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from swarmscope.edge.cli import main
from swarmscope.edge.database_views import Transactions, Views, picture, show_queries
from swarmscope.errors import ConfigurationError, ExitCode, ServiceUnreachable

ROOT = Path(__file__).resolve().parents[2]
ESCAPE = "\x1b[31m"
CLEAR = b"\x1b[?25l"


def shown(renderable, width=200):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(renderable)
    return console.file.getvalue()


def views(**changes):
    picture_of = {
        "database": "shop",
        "active": [],
        "statements": [],
        "tables": [],
        "cache": (99.0, 1.0, None, None),
        "connections": [("active", 2), ("idle", 5)],
        "most_connections": 100,
        "transactions": Transactions(1500, 20, 0, 1010.0),
        "before": Transactions(1000, 10, 0, 1000.0),
    } | changes
    return Views(**picture_of)


def test_rates_and_ratios_are_what_the_counters_say():
    text = shown(picture(views()))
    assert "7 of 100 (2 active, 5 idle)" in text
    assert "51.0 (1.0 rolled back)" in text
    assert "tables 99.00 %, indexes nothing read yet" in text
    assert "Running queries: none at this moment." in text


def test_running_queries_are_cut_short_on_one_line_and_cannot_command_the_terminal():
    query = f"SELECT '{ESCAPE}[bold]x'\n  FROM things -- {'y' * 200}"  # noqa: S608  # never sent
    text = shown(picture(views(active=[(7, "ann", 2.5, "Lock: relation", query)])))
    (line,) = [line for line in text.splitlines() if "Lock: relation" in line]
    assert "\x1b" not in line
    assert line.split()[:3] == ["7", "ann", "2.500"]
    assert "SELECT ' [31m[bold]x' FROM things --" in line
    assert line.count("y") == 80 - len("SELECT ' [31m[bold]x' FROM things -- ")


def test_without_pg_stat_statements_it_is_said_how_to_get_it():
    assert (
        "Slowest statements: pg_stat_statements is not loaded (shared_preload_libraries, then "
        "CREATE EXTENSION pg_stat_statements)." in shown(picture(views(statements=None)))
    )


@pytest.mark.parametrize(
    ("url", "watch", "message"),
    [
        ("", None, "environment: DATABASE_URL: is not set\n  hint: export DATABASE_URL=postgresql://user@host/name; "
                   "SQLite keeps no such statistics"),
        ("x.sqlite3", None, "environment: DATABASE_URL: expected a postgresql:// address\n"
                            "  hint: only PostgreSQL keeps these statistics"),
        ("mysql://a:secret@b/c", None, "environment: DATABASE_URL: expected a postgresql:// address, got mysql://\n"
                                       "  hint: only PostgreSQL keeps these statistics"),
        ("postgresql://b/c", 0.1, "--watch: expected 0.5 to 3600 seconds, got 0.1"),
        ("postgresql://b/c", float("nan"), "--watch: expected 0.5 to 3600 seconds, got nan"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(url, watch, message):
    with pytest.raises(ConfigurationError) as caught:
        show_queries(url, Console(file=io.StringIO()), watch)
    assert str(caught.value) == message


def test_a_server_that_is_away_is_named_without_its_password():
    with pytest.raises(ServiceUnreachable) as caught:
        show_queries("postgresql://ann:hunter2@127.0.0.1:1/shop", Console(file=io.StringIO()))
    assert str(caught.value).startswith("PostgreSQL shop at 127.0.0.1:1: connection failed: ")
    assert "hunter2" not in str(caught.value)


def _program(name):
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(found[0]) if found else None)


@pytest.fixture(scope="module", params=["pg_stat_statements", ""], ids=["with-statements", "without"])
def server(request):
    """A PostgreSQL of our own; the value is its address and whether it keeps statistics of statements."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
    folder = tempfile.mkdtemp(prefix="swarmscope-pg-")
    user = "postgres" if os.getuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    try:
        subprocess.run(
            [initdb, "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        process = subprocess.Popen(
            [postgres, "-D", f"{folder}/data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off",
             "-c", f"shared_preload_libraries={request.param}"],
            user=user, cwd=folder, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            url = f"postgresql://postgres@/postgres?host={folder}"
            deadline = time.monotonic() + 30
            while True:
                try:
                    with psycopg.connect(url, autocommit=True) as connection:
                        connection.execute("CREATE EXTENSION pg_stat_statements")
                    break
                except psycopg.OperationalError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield url, bool(request.param)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def busy(server):
    """A table with a history, and a query that runs until the test is over."""
    url, _ = server
    with psycopg.connect(url, autocommit=True) as connection, psycopg.connect(url, autocommit=True) as other:
        connection.execute("DROP TABLE IF EXISTS things")
        connection.execute("CREATE TABLE things (id int PRIMARY KEY, secret text)")
        connection.execute("INSERT INTO things SELECT n, 'x' FROM generate_series(1, 500) n")
        connection.execute("UPDATE things SET secret = 'my password' WHERE id <= 30")
        connection.execute("DELETE FROM things WHERE id > 480")
        connection.execute("SELECT secret FROM things WHERE id = 5")
        connection.execute("SELECT pg_stat_force_next_flush()")
        thread = threading.Thread(target=run_until_cancelled, args=(other,))
        thread.start()
        yield other.info.backend_pid
        other.cancel_safe()
        thread.join()


def run_until_cancelled(connection):
    with pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT 'still running', pg_sleep(300)")


one_server = pytest.mark.parametrize("server", ["pg_stat_statements"], indirect=True)


def line_of(text, start):
    (line,) = [line for line in text.splitlines() if line.lstrip().startswith(start)]
    return line.split()


def test_one_look_shows_queries_statements_and_tables(server, busy):
    url, has_statements = server
    console = Console(file=io.StringIO(), width=200, highlight=False)
    assert show_queries(url, console) is ExitCode.PASS
    text = console.file.getvalue()
    running = line_of(text, str(busy))
    assert running[:2] == [str(busy), "postgres"]
    assert float(running[2]) > 0.5
    assert "SELECT 'still running', pg_sleep(300)" in text
    assert "Timeout: PgSleep" in text
    # Rows that are there, inserted, updated, deleted; scans.
    assert line_of(text, "public.things")[2:6] == ["480", "500", "30", "20"]
    assert line_of(text, "connections")[1:4] == ["3", "of", "100"]
    assert "pg_stat_activity" not in text
    if has_statements:
        assert "UPDATE things SET secret = $1 WHERE id <= $2" in text
    else:
        assert "pg_stat_statements is not loaded" in text
    assert "my password" not in text


@one_server
def test_the_command_watches_until_it_is_interrupted(server, busy):
    url, _ = server
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmscope.edge.cli", "queries", "--watch", "0.5"],
        cwd=ROOT, env=os.environ | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        pictures = 0
        for line in process.stdout:
            pictures += line.startswith("database ")
            if pictures == 3:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (pictures, process.returncode, errors) == (3, 0, "")


@one_server
def test_on_a_terminal_the_picture_stays_in_its_place(server, busy):
    import pty

    url, _ = server
    control, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmscope.edge.cli", "queries", "--watch", "0.5"],
        cwd=ROOT, env=os.environ | {"DATABASE_URL": url, "TERM": "xterm", "COLUMNS": "120", "LINES": "50"},
        stdin=terminal, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    try:
        seen = b""
        while seen.count(b"connections") < 3:
            seen += os.read(control, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(control)
    # The cursor goes back up between two pictures.
    assert CLEAR in seen
    assert b"\x1b[1A" in seen


@one_server
def test_a_server_that_goes_away_ends_the_watch_with_a_message(server, capsys, monkeypatch):
    url, _ = server

    def disconnect():
        with psycopg.connect(url, autocommit=True) as connection:
            ended = (
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = %s"
            )
            while not connection.execute(ended, ("swarmscope queries",)).fetchone()[0]:
                time.sleep(0.05)

    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.chdir(ROOT)
    thread = threading.Thread(target=disconnect)
    thread.start()
    code = main(["queries", "--watch", "0.5"])
    thread.join()
    told = capsys.readouterr().err
    assert code == 21
    # The driver has several words for it, as it happens to notice.
    assert re.match(r"PostgreSQL postgres at /tmp/\S+:5432: .*(terminat|closed|lost)", told), told
