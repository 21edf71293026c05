import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

MARK = "LEFTOVER_MARK"


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Marks every process that the test starts; calling it lists those that still run. None may be left at the end."""
    value = uuid.uuid4().hex
    monkeypatch.setenv(MARK, value)

    def marked() -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                is_ours = process.pid != os.getpid() and process.environ().get(MARK) == value
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid}: {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found

    yield marked
    left = eventually(lambda: marked() == [], seconds=5) or marked()
    for line in left if isinstance(left, list) else ():
        psutil.Process(int(line.partition(":")[0])).kill()
    assert left is True


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Whether the condition comes true in time; the time is generous, because machines are shared."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., bool]:
    return eventually


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Ports that are free now, all different, from below the range that systems give to clients."""

    def choose(count: int) -> list[int]:
        chosen: list[int] = []
        while len(chosen) < count:
            port = 10_000 + int.from_bytes(os.urandom(2), "big") % 20_000
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            if port not in chosen:
                chosen.append(port)
        return chosen

    return choose


@pytest.fixture
def python() -> str:
    return sys.executable
