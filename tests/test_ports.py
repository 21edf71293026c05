"""No port is given to two tests, in whatever process they run."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests import ports

ROOT = Path(__file__).resolve().parents[1]
LOCK = "import sys; from tests import ports; print(*(ports._lock(int(each)) for each in sys.argv[1:]))"


def test_a_port_is_given_once_whoever_asks():
    given = [ports.free_port() for _ in range(3)]
    assert len(set(given)) == 3
    nobodys = 100_000 + os.getpid()
    command = [sys.executable, "-c", LOCK, *map(str, [*given, nobodys])]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False", "False", "True"]


def test_a_port_that_is_given_or_where_somebody_listens_is_passed_over(monkeypatch):
    given, taken, free = (ports.free_port() for _ in range(3))
    draws = iter([given, taken, free])
    monkeypatch.setattr(ports, "_given", {given})
    monkeypatch.setattr(os, "urandom", lambda count: (next(draws) - ports.FIRST).to_bytes(count, "big"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", taken))
        assert ports.free_port() == free
