"""A PostgreSQL of the stack's own: its cluster in the state folder, how it is started, and its address.

It listens on the loopback interface only, for one role with a generated password (SCRAM) that lies in a file which
only its owner reads. It holds load test data and nothing else, so it is set up for speed where that costs no answer:
no fsync (data is lost when the machine dies, not when the server is killed), but commits wait for their write.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from swarmscope.edge.stack.components import POSTGRESQL, FoundComponent, find
from swarmscope.edge.stack.processes import Program
from swarmscope.errors import ComponentFailed, ComponentMissing
from swarmscope.settings import Settings

ROLE = "swarmscope"
DATABASE = "swarmscope"
SERVER_USER = "postgres"
"""Who runs the server where we are root: PostgreSQL refuses to be root. Debian's package makes the user."""
MAX_CONNECTIONS = 100
SETTINGS: Mapping[str, str] = {
    "max_connections": str(MAX_CONNECTIONS),
    "unix_socket_directories": "",
    "shared_preload_libraries": "pg_stat_statements",
    # Utility statements keep their literals, a password among them, and are no work of a load test.
    "pg_stat_statements.track_utility": "off",
    "pg_stat_statements.max": "1000",
    "shared_buffers": "256MB",
    # The disk's speed is not what is tested on a laptop. A commit still waits until its record is written: a server
    # that is killed loses nothing that it has acknowledged; a machine that loses its power may lose everything.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "track_io_timing": "on",
    # One statement takes one core: the others serve the load generator, the service and Prometheus.
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "log_min_duration_statement": "100ms",
    # What the statements were given is the users' data.
    "log_parameter_max_length": "0",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",
}
"""The server's settings, given on its command line: an old cluster gets those of today."""
_PG_HBA = """\
# Written by Swarmscope: one role, from this machine, by password.
host all {role} 127.0.0.1/32 scram-sha-256
host all {role} ::1/128 scram-sha-256
"""
CREATE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the server's files are, who it runs as, and where it listens."""

    program: str
    """The path of `postgres`; its other programs lie beside it."""
    version: int
    folder: Path
    """Ours: the password, and what the server needs to be reached by."""
    data: Path
    """The server's, which may lie elsewhere."""
    user: str | None
    """Who the server runs as; None: who we are."""
    host: str
    port: int

    @property
    def password_file(self) -> Path:
        """Readable by its owner only."""
        return self.folder / "password"

    @property
    def url(self) -> str:
        """The address with the password in it: for environments of programs, never for command lines and logs."""
        password = self.password_file.read_text(encoding="utf-8").strip()
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{ROLE}:{password}@{host}:{self.port}/{DATABASE}"

    def program_beside(self, name: str) -> str:
        """The path of another of PostgreSQL's programs; raises ComponentMissing."""
        # Debian links some of them onto the PATH: the others lie beside what the link names.
        path = Path(self.program).resolve().with_name(name)
        if not path.exists():
            raise ComponentMissing(
                f"PostgreSQL at {self.program} has no {name}",
                "on Debian 12 and Ubuntu 24.04: sudo apt-get install --no-install-recommends postgresql",
            )
        return str(path)


def cluster_of(component: FoundComponent, settings: Settings, state: Path) -> Cluster:
    """The stack's cluster, made or not yet; raises ComponentMissing when there is nobody to run the server."""
    folder = state / "postgresql"
    user = _server_user()
    data = folder / "data"
    if user is not None and not _may_enter(user, state):
        # Root's home, most often. /var/tmp outlives a restart; `create` makes sure that the folder there is ours.
        data = Path("/var/tmp", f"swarmscope-{_name_of(state)}", "data")  # noqa: S108
    return Cluster(
        component.path,
        component.version[0],
        folder,
        data,
        user,
        loopback(settings.bind),
        settings.postgresql_port,
    )


def own_url(settings: Settings) -> str:
    """The address of the stack's own database, "" where there is none."""
    component = find(POSTGRESQL)
    if component is None:
        return ""
    cluster = cluster_of(component, settings, Path(settings.state).absolute())
    return cluster.url if cluster.password_file.exists() else ""


def loopback(bind: str) -> str:
    """The loopback address to listen on: the database is for this machine, whatever the rest is for."""
    try:
        return bind if ipaddress.ip_address(bind).is_loopback else "127.0.0.1"
    except ValueError:
        return "127.0.0.1"


def create(cluster: Cluster) -> None:
    """Make what is missing of the cluster: once, in about a second. Raises ComponentFailed."""
    made_by = cluster.data / "PG_VERSION"
    if made_by.exists() and cluster.password_file.exists():
        made = made_by.read_text(encoding="utf-8").strip()
        if made != str(cluster.version):
            raise ComponentFailed(
                f"the database in {cluster.data} was made by PostgreSQL {made}, and this is {cluster.version}",
                "it holds load test data only: remove that folder, and the next run makes a new one",
            )
        return
    cluster.folder.mkdir(parents=True, exist_ok=True)
    # Half of a cluster (a creation that was interrupted) is none.
    shutil.rmtree(cluster.data, ignore_errors=True)
    if cluster.data.parent != cluster.folder:
        _make_shelter(cluster.data.parent)
    cluster.data.mkdir(mode=0o700)
    if cluster.user is not None:
        shutil.chown(cluster.data, cluster.user)
    password = secrets.token_urlsafe(24)
    _run(
        cluster,
        [
            *(cluster.program_beside("initdb"), "-D", str(cluster.data), "-U", ROLE, "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-sync", "--no-instructions", "--auth=reject"),
        ],
    )
    # Without a server, and by its standard input: no command line ever holds the password.
    _single_user(
        cluster, "postgres", f"ALTER ROLE {ROLE} PASSWORD '{password}'\nCREATE DATABASE {DATABASE}\n"
    )
    _single_user(cluster, DATABASE, "CREATE EXTENSION pg_stat_statements\n")
    (cluster.data / "pg_hba.conf").write_text(_PG_HBA.format(role=ROLE), encoding="utf-8")
    # Last, because it is the sign that all the rest is there.
    with os.fdopen(os.open(cluster.password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password + "\n")


def program(cluster: Cluster) -> Program:
    """How to start the server of a cluster that has been created."""
    settings = {"listen_addresses": cluster.host, "port": str(cluster.port), **SETTINGS}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        "postgresql",
        "PostgreSQL",
        (
            *_as_server_user(cluster.user),
            cluster.program_beside("postgres"),
            "-D",
            str(cluster.data),
            *options,
        ),
        "",
        check=lambda: answers(cluster.url),
        # SIGTERM would wait for the clients to leave; this ends their sessions and keeps every commit.
        stop_signal=signal.SIGINT,
        death_signal="INT",
        stop_seconds=20.0,
        carries_others=True,
    )


def answers(url: str) -> bool:
    """Whether a database can be connected to."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def has_statements(url: str) -> bool:
    """Whether the statistics of statements can be read there: the extension exists and the server has loaded it."""
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            connection.execute("SELECT total_exec_time FROM pg_stat_statements LIMIT 1")
    except psycopg.Error:
        return False
    return True


def _server_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SERVER_USER)
    except KeyError:
        raise ComponentMissing(
            f"PostgreSQL does not run as root, and this machine has no user {SERVER_USER}",
            f"make one (useradd --system {SERVER_USER}), run as another user, or set DATABASE_URL",
        ) from None
    if shutil.which("setpriv") is None:
        raise ComponentMissing(
            "PostgreSQL does not run as root, and there is no setpriv to start it as another user",
            "install util-linux, run as another user, or set DATABASE_URL",
        )
    return SERVER_USER


def _as_server_user(user: str | None) -> tuple[str, ...]:
    """A prefix that becomes the user; asks anew to be ended with us, which a change of user makes the kernel forget."""
    if user is None:
        return ()
    return (
        *("setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups"),
        *("--pdeathsig", "INT", "--"),
    )


def _may_enter(user: str, folder: Path) -> bool:
    """Whether the user may pass through every folder above and into this one, which may not be there yet."""
    account = pwd.getpwnam(user)
    for each in (folder, *folder.parents):
        if not each.exists():
            continue
        found = each.stat()
        bit = (
            stat.S_IXUSR
            if found.st_uid == account.pw_uid
            else stat.S_IXGRP
            if found.st_gid == account.pw_gid
            else stat.S_IXOTH
        )
        if not found.st_mode & bit:
            return False
    return True


def _name_of(state: Path) -> str:
    return hashlib.sha256(str(state).encode()).hexdigest()[:12]


def _make_shelter(folder: Path) -> None:
    """A folder for the server's files where its user may not enter the state folder; raises ComponentFailed."""
    # Others pass through it and see nothing in it.
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise ComponentFailed(f"{folder} is somebody else's, and the database was to go there", "remove it")


def _single_user(cluster: Cluster, database: str, statements: str) -> None:
    preload = ("-c", "shared_preload_libraries=pg_stat_statements")
    command = [
        cluster.program_beside("postgres"),
        "--single",
        "-j",
        "-D",
        str(cluster.data),
        *preload,
        database,
    ]
    # With -j a statement ends at an empty line.
    _run(cluster, command, "".join(f"{line};\n\n" for line in statements.splitlines()))


def _run(cluster: Cluster, command: Sequence[str], text: str = "") -> None:
    try:
        done = subprocess.run(
            [*_as_server_user(cluster.user), *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=CREATE_SECONDS,
            check=False,
            # The server's user may not enter the folder that we stand in.
            cwd=cluster.data,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ComponentFailed(f"PostgreSQL's database cannot be made: {type(error).__name__}") from error
    if done.returncode or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
        last = "".join(f"\n  | {line}" for line in done.stderr.splitlines()[-10:])
        raise ComponentFailed(f"PostgreSQL's database cannot be made in {cluster.data}{last}")
