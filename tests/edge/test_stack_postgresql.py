"""The stack's own PostgreSQL: made once, reached by password only, there for the service and for Locust, then gone."""

from __future__ import annotations

import contextlib
import io
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from rich.console import Console

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.background import down
from swarmscope.edge.stack.components import POSTGRESQL, Component, FoundComponent, find, require
from swarmscope.edge.stack.postgresql import Cluster, cluster_of, create, has_statements, loopback, program
from swarmscope.edge.stack.processes import Program
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.errors import ComponentFailed, ComponentMissing, ExitCode
from swarmscope.settings import Settings
from tests.edge.stack_driver import ROOT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
Marked = Callable[[], list[str]]
Ports = Callable[[int], list[int]]


@pytest.fixture(scope="module")
def component() -> FoundComponent:
    found = find(POSTGRESQL)
    if found is None:
        pytest.fail("PostgreSQL's server is needed: apt-get install postgresql")
    return found


@contextlib.contextmanager
def state_folder() -> Iterator[Path]:
    """A state folder that PostgreSQL's own user may enter: pytest's are for their owner only."""
    folder = Path(tempfile.mkdtemp(prefix="swarmscope-state-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def state() -> Iterator[Path]:
    with state_folder() as folder:
        yield folder


@pytest.fixture
def cluster(component: FoundComponent, state: Path, free_ports: Ports) -> Cluster:
    (port,) = free_ports(1)
    return cluster_of(component, Settings(postgresql_port=port), state)


@pytest.fixture(scope="module")
def running(component: FoundComponent, free_ports: Ports) -> Iterator[tuple[Cluster, psutil.Process]]:
    """A cluster whose server runs, for tests that leave it as it is."""
    (port,) = free_ports(1)
    with state_folder() as folder:
        cluster = cluster_of(component, Settings(postgresql_port=port), folder)
        create(cluster)
        with Stack([program(cluster)], folder) as stack:
            yield cluster, psutil.Process(stack.processes[0].pid)


def test_it_is_made_once_and_keeps_what_was_written_and_half_of_it_is_made_anew(
    cluster: Cluster, mark: Marked, tmp_path: Path
) -> None:
    for write in (True, False):
        create(cluster)
        with Stack([program(cluster)], tmp_path), psycopg.connect(cluster.url) as connection:
            if write:
                connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
                connection.commit()
            assert connection.execute("SELECT value FROM kept").fetchall() == [(7,)]
        assert mark() == []
    log = (tmp_path / "postgresql.log").read_text()
    assert "database system was shut down" in log  # cleanly, the time before
    assert "not properly shut down" not in log
    cluster.password_file.unlink()
    (cluster.data / "pg_hba.conf").unlink()
    create(cluster)
    with Stack([program(cluster)], tmp_path), psycopg.connect(cluster.url) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchall() == [(None,)]


def test_only_who_knows_the_password_gets_in_and_only_from_this_machine(
    running: tuple[Cluster, psutil.Process],
) -> None:
    cluster, server = running
    assert oct(cluster.password_file.stat().st_mode)[-3:] == "600"
    password = cluster.password_file.read_text().strip()
    assert len(password) >= 24
    for wrong in (cluster.url.replace(password, "wrong"), cluster.url.replace(f":{password}", "")):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(wrong)
    assert {connection.laddr.ip for connection in server.net_connections("inet")} == {"127.0.0.1"}
    with psycopg.connect(cluster.url) as connection:
        command_lines = [" ".join(process.cmdline()) for process in (server, *server.children())]
        settings = {
            name: connection.execute(f"SHOW {name}".encode()).fetchone()[0]  # type: ignore[index]
            for name in ("max_connections", "fsync", "synchronous_commit", "unix_socket_directories")
        }
    assert not any(password in line for line in command_lines)
    assert settings == {
        "max_connections": "100",
        "fsync": "off",
        "synchronous_commit": "on",
        "unix_socket_directories": "",
    }
    assert password not in (cluster.folder.parent / "postgresql.log").read_text()
    assert password not in repr(program(cluster))


def test_statements_are_counted_without_what_they_were_given(running: tuple[Cluster, psutil.Process]) -> None:
    cluster, _ = running
    assert has_statements(cluster.url)
    assert not has_statements(cluster.url.replace("/swarmscope", "/postgres"))
    with psycopg.connect(cluster.url) as connection:
        connection.execute("SELECT 'secret' || 'ive'")
        texts = connection.execute("SELECT query FROM pg_stat_statements").fetchall()
    assert any("SELECT $1 ||" in text for (text,) in texts)
    assert not any("secret" in text for (text,) in texts)


def test_as_root_it_runs_as_postgres_and_as_anybody_else_as_themselves(
    running: tuple[Cluster, psutil.Process],
) -> None:
    _, server = running
    assert server.username() == ("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the kernel is asked by setpriv")
def test_a_runner_that_is_killed_takes_it_along(
    component: FoundComponent, state: Path, free_ports: Ports, mark: Marked, eventually: Callable[..., bool]
) -> None:
    (port,) = free_ports(1)
    code = f"""
import os, pathlib, signal
from swarmscope.edge.stack.components import POSTGRESQL, find
from swarmscope.edge.stack.postgresql import cluster_of, create, program
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.settings import Settings
folder = pathlib.Path({str(state)!r})
cluster = cluster_of(find(POSTGRESQL), Settings(postgresql_port={port}), folder)
create(cluster)
with Stack([program(cluster)], folder):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode
        == -signal.SIGKILL
    )
    assert eventually(lambda: mark() == [])
    # It was told in time to write everything down.
    assert "database system is shut down" in (state / "postgresql.log").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_who_is_not_root_needs_no_other_user(component: FoundComponent, free_ports: Ports) -> None:
    (port,) = free_ports(1)
    folder = tempfile.mkdtemp(prefix="swarmscope-user-")
    shutil.chown(folder, "nobody")
    code = f"""
import os, pathlib, pwd
from swarmscope.edge.stack.components import POSTGRESQL, find
from swarmscope.edge.stack.postgresql import cluster_of, create, program, answers
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.settings import Settings
# Python itself may lie where only root reads, so it is started first.
user = pwd.getpwnam("nobody")
os.setgroups([]), os.setgid(user.pw_gid), os.setuid(user.pw_uid), os.chdir("/")
folder = pathlib.Path({folder!r})
cluster = cluster_of(find(POSTGRESQL), Settings(postgresql_port={port}), folder)
create(cluster)
with Stack([program(cluster)], folder):
    print(cluster.user, answers(cluster.url), cluster.data.owner())
"""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "None True nobody\n"), done.stderr
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's folders are closed to the server's user")
def test_where_the_servers_user_may_not_enter_the_data_lies_outside(
    component: FoundComponent, mark: Marked, tmp_path: Path, free_ports: Ports
) -> None:
    (port,) = free_ports(1)
    tmp_path.chmod(0o700)
    cluster = cluster_of(component, Settings(postgresql_port=port), tmp_path / "state")
    assert cluster.data.parent.parent == Path("/var/tmp")
    try:
        create(cluster)
        assert oct(cluster.data.parent.stat().st_mode)[-3:] == "711"
        with Stack([program(cluster)], tmp_path):
            pass
        cluster.password_file.unlink()
        cluster.data.parent.chmod(0o777)
        with pytest.raises(ComponentFailed, match="is somebody else's, and the database was to go there"):
            create(cluster)
    finally:
        shutil.rmtree(cluster.data.parent)


def test_a_cluster_of_another_version_is_left_alone_with_words(
    running: tuple[Cluster, psutil.Process],
) -> None:
    cluster, _ = running
    newer = replace(cluster, version=cluster.version + 1)
    with pytest.raises(ComponentFailed) as caught:
        create(newer)
    assert str(caught.value) == (
        f"the database in {cluster.data} was made by PostgreSQL {cluster.version}, and this is {newer.version}\n"
        "  hint: it holds load test data only: remove that folder, and the next run makes a new one"
    )


def test_what_keeps_it_from_being_made_is_told(cluster: Cluster) -> None:
    broken = Path(cluster.folder, "bin")
    broken.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (broken / name).write_text("#!/bin/sh\necho 'initdb: error: no space left' >&2\nexit 1\n")
        (broken / name).chmod(0o755)
    with pytest.raises(ComponentFailed) as caught:
        create(replace(cluster, program=str(broken / "postgres")))
    assert caught.value.message == (
        f"PostgreSQL's database cannot be made in {cluster.data}\n  | initdb: error: no space left"
    )
    (broken / "initdb").unlink()
    with pytest.raises(ComponentMissing, match=r"PostgreSQL at .* has no initdb"):
        create(replace(cluster, program=str(broken / "postgres")))


def test_a_missing_server_has_its_own_exit_code_and_way_to_get_it(tmp_path: Path) -> None:
    absent = replace(POSTGRESQL, folders=str(tmp_path))
    assert isinstance(absent, Component)
    with pytest.raises(ComponentMissing) as caught:
        require((absent,), str(tmp_path))
    assert caught.value.exit_code is ExitCode.COMPONENT_MISSING
    assert caught.value.message == "PostgreSQL is not installed (no postgres on PATH)"
    assert "sudo apt-get install --no-install-recommends postgresql;" in str(caught.value)


@pytest.mark.parametrize(
    ("bind", "expected"),
    [("127.0.0.2", "127.0.0.2"), ("0.0.0.0", "127.0.0.1"), ("::1", "::1"), ("box", "127.0.0.1")],  # noqa: S104
)
def test_the_database_never_leaves_the_machine(bind: str, expected: str) -> None:
    assert loopback(bind) == expected


def test_who_carries_others_starts_before_and_ends_after_them(tmp_path: Path, mark: Marked) -> None:
    order = tmp_path / "order"

    def told(name: str, **more: Any) -> Program:
        code = (
            "import pathlib, signal, sys, time\n"
            f"order = pathlib.Path({str(order)!r})\n"
            f"say = lambda what: order.open('a').write(what + ' {name}\\n')\n"
            "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), say('end'), sys.exit(0)))\n"
            "say('start')\n"
            f"pathlib.Path({str(tmp_path)!r}, '{name}.ready').touch()\n"
            "time.sleep(60)\n"
        )
        ready = tmp_path / f"{name}.ready"
        return Program(name, name, (sys.executable, "-c", code), "", check=ready.exists, **more)

    with Stack([told("carried"), told("carrier", carries_others=True)], tmp_path):
        pass
    assert order.read_text().split("\n")[:-1] == [
        "start carrier",
        "start carried",
        "end carried",
        "end carrier",
    ]


# --- In the stack -------------------------------------------------------------------------------------------------


@pytest.fixture
def needing(runner: Any, project: Path, state: Path) -> Any:
    """The runner in a project whose system needs a PostgreSQL."""
    needy = state / "project"
    shutil.copytree(project, needy, symlinks=True)
    targets = needy / "scenarios" / "triggers" / "targets.yaml"
    targets.write_text(targets.read_text().replace("\ngate: ", "\nneeds: [postgresql]\ngate: ", 1))
    runner.state = state / "state"
    runner.environ |= {ROOT_VARIABLE: str(needy), "SWARMSCOPE_STATE": str(runner.state)}
    runner.environ.pop("DATABASE_URL", None)
    return runner


def test_a_system_that_needs_one_has_it_and_so_have_its_users(
    needing: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    process = needing.start(60, 0)
    assert eventually(lambda: "→ PASS" in needing.said), needing.said
    assert (
        "Starting the notification receiver, Alertmanager, Prometheus, PostgreSQL, the node exporter"
        in needing.said
    )
    (locust,) = [line for line in mark() if "locust_stand_in" in line]
    url = psutil.Process(int(locust.partition(":")[0])).environ()["DATABASE_URL"]
    assert url.endswith(f"@127.0.0.1:{needing.ports['POSTGRESQL']}/swarmscope")
    with psycopg.connect(url) as connection:
        # The reference service keeps its state there.
        assert connection.execute("SELECT count(*) FROM swarmscope_triggers.api_keys").fetchone() == (1,)
    password = url.partition(":")[2].rpartition("@")[0].rpartition(":")[2]
    assert not any(password in command_line for command_line in mark())
    for log in (needing.state / "logs").iterdir():
        assert password not in log.read_text(errors="replace")
    os.kill(needing.pid_of("postgresql/data"), signal.SIGKILL)
    said = "PostgreSQL was ended by SIGKILL: everything that needs the database fails from now on"
    assert eventually(lambda: said in needing.said)
    process.send_signal(signal.SIGINT)
    process.wait(90)
    assert mark() == []


def test_a_taken_port_is_said_before_anything_is_made(needing: Any, mark: Marked) -> None:
    port = needing.ports["POSTGRESQL"]
    with socket.create_server(("127.0.0.1", port)):
        assert needing.run(1, 0) == ExitCode.PORT_TAKEN
    assert f"port {port} (PostgreSQL) is in use by " in needing.said
    assert "SWARMSCOPE_POSTGRESQL_PORT=" in needing.said
    assert not needing.state.exists()


def test_the_users_own_database_is_used_and_none_is_started(
    needing: Any, running: tuple[Cluster, psutil.Process], mark: Marked
) -> None:
    cluster, _ = running
    needing.environ["DATABASE_URL"] = cluster.url
    assert needing.run(0, 0) == ExitCode.PASS, needing.said
    assert "Prometheus, PostgreSQL" not in needing.said
    assert "the PostgreSQL exporter" in needing.said
    assert not (needing.state / "postgresql").exists()
    with psycopg.connect(cluster.url) as connection:
        # The reference service keeps its state there.
        assert connection.execute("SELECT count(*) FROM swarmscope_triggers.api_keys").fetchone() == (1,)


def test_up_leaves_it_running_and_down_ends_it(needing: Any, mark: Marked) -> None:
    assert needing.start(600, 0, command="up").wait(90) == ExitCode.PASS, needing.said
    assert re.search(r"  PostgreSQL +running\n", needing.said)
    (locust,) = [line for line in mark() if "locust_stand_in" in line]
    assert (
        psycopg.connect(psutil.Process(int(locust.partition(":")[0])).environ()["DATABASE_URL"]).close()
        is None
    )
    console = Console(file=io.StringIO(), width=200)
    assert down(read_settings(needing.environ), console) == ExitCode.PASS
    assert mark() == []
    log = needing.log("postgresql")
    assert "database system is shut down" in log
