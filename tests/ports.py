"""Ports for what a test starts by itself."""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

FIRST, COUNT = 10_000, 20_000
"""Below the range that systems give to clients (32768 on Linux): no connection gets one of them by chance."""

_given: set[int] = set()


def in_processes(number: int) -> tuple[str, ...]:
    """Locust's options for so many processes, on loopback and a port of their own: its usual one may be another's."""
    if number == 1:
        return ()
    port = str(free_port())
    bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    return ("--processes", str(number), *bind, "--master-port", port)


def free_port() -> int:
    """A port that is free now, and that no test of this user gets a second time while this process lives.

    Between a port's choice and its use lies the start of a program, so to look whether it is free is not enough:
    each port is a byte that this process keeps locked in a file which all test processes of a user share.
    """
    while True:
        port = FIRST + int.from_bytes(os.urandom(4), "big") % COUNT
        if port not in _given and _lock(port) and _is_free(port):
            _given.add(port)
            return port


def _lock(port: int) -> bool:
    try:
        fcntl.lockf(_shared_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _shared_file() -> int:
    """Open as long as this process lives: closing it once would give up every lock."""
    path = Path(tempfile.gettempdir()) / f"swarmscope-test-ports-{os.getuid()}.lock"
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
