"""Runs a PostgreSQL server of our own on a Unix socket in a new folder, for tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

START_SECONDS = 60.0
STOP_SECONDS = 20.0


class NotInstalled(RuntimeError):
    """PostgreSQL's server is not on this machine."""


class PostgreSQLServer:
    """A server that can be stopped, killed and started again; its data stay until `running_postgresql` ends."""

    def __init__(self, folder: str, *settings: str) -> None:
        """`settings` are such as `shared_buffers=1GB`. fsync is off: a kill is survived, a power cut is not."""
        initdb, postgres = _program("initdb"), _program("postgres")
        if initdb is None or postgres is None:
            raise NotInstalled("PostgreSQL's server is not installed (Debian: apt-get install postgresql)")
        self.folder = folder
        # The server refuses to run as root.
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        options = [
            option for setting in ("listen_addresses=", "fsync=off", *settings) for option in ("-c", setting)
        ]
        self._command = [postgres, "-D", f"{folder}/data", "-k", folder, *options]
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [initdb, "-D", f"{folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=self._user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://postgres@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """Make an empty database; returns its address."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def start(self) -> None:
        """Start, and wait until it answers; after a kill it first waits for what is left of its former life."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    self._command, user=self._user, cwd=self.folder, stderr=subprocess.DEVNULL
                )
            try:
                psycopg.connect(self.url(), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def kill(self) -> None:
        """End it without a warning (SIGKILL to its main process, whose children end when they see that)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it at once, but in order."""
        self._end(signal.SIGINT)  # SIGTERM would wait for connections that are left open

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STOP_SECONDS)
            self._process = None


@contextmanager
def running_postgresql(*settings: str) -> Iterator[PostgreSQLServer]:
    """A server of its own; its data are removed at the end. Raises NotInstalled."""
    # Not pytest's folder: only its owner may enter that.
    folder = tempfile.mkdtemp(prefix="swarmscope-pg-")
    try:
        server = PostgreSQLServer(folder, *settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str | None:
    """PostgreSQL's programs lie beside each other, but Debian puts only psql on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or (str(found[0]) if found else None)
