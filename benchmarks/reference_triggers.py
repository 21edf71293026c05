"""Events per second that the reference Triggers API takes in on one core.

Run by `python -m benchmarks.reference_triggers`. The service is pinned to one core, and a client of bare sockets
(about 20 µs a request) to the others. Beside the rate it prints the service's own CPU time per event: on a machine
that is busy with other things, only that repeats.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil

from reference.running import running
from reference.triggers.keys import LOCAL_KEY

BODY = json.dumps({"event_type": "order.created", "payload": {"id": 1, "text": "x" * 300}}).encode()


@dataclass(slots=True)
class Connection:
    """One keep-alive connection that always has one request under way."""

    sent_at: float
    received: bytes = b""


@dataclass(slots=True)
class Result:
    """What a load of some seconds did."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    def percentile(self, percent: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def send_events(url: str, connections: int, seconds: float) -> Result:
    """Send events over each connection, the next as soon as the last is answered."""
    address = urlsplit(url)
    head = (
        "POST /events HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {LOCAL_KEY}",
        f"Content-Length: {len(BODY)}",
    )
    request, result = "\r\n".join((*head, "", "")).encode() + BODY, Result()
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
        for _ in range(connections):
            opened = stack.enter_context(
                socket.create_connection((address.hostname or "", address.port or 0))
            )
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.sendall(request)
            selector.register(opened, selectors.EVENT_READ, Connection(time.perf_counter()))
        started = time.perf_counter()
        while (now := time.perf_counter()) < started + seconds:
            for key, _ in selector.select(1):
                connection: Connection = key.data
                connection.received += key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not _complete(connection.received):
                    continue
                result.refused += not connection.received.startswith(b"HTTP/1.1 201")
                now = time.perf_counter()
                result.latencies.append(now - connection.sent_at)
                connection.sent_at, connection.received = now, b""
                key.fileobj.sendall(request)  # type: ignore[union-attr]
        result.seconds = now - started
    return result


def _complete(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    _, _, length = head.partition(b"content-length: ")
    return bool(length) and len(body) >= int(length.split(b"\r\n", 1)[0])


def main() -> None:
    """Run the benchmark and print one line per number of connections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument(
        "--database", default="", help="postgresql:// address instead of a temporary SQLite file"
    )
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    pinned = shutil.which("taskset") is not None and len(cores) > 1
    if pinned:
        os.sched_setaffinity(0, cores[1:])
    prefix = ["taskset", "-c", str(cores[0])] if pinned else []
    with tempfile.TemporaryDirectory() as folder:
        database = options.database or f"{folder}/events.sqlite3"
        arguments = ("--database", database, "--local-key", "--empty")
        with running("reference.triggers", *arguments, prefix=prefix) as service:
            process = psutil.Process(service.process.pid)
            print(f"{'connections':>11} {'events/s':>9} {'CPU µs/event':>13}", end="")
            print(f" {'P50 ms':>7} {'P95 ms':>7} {'P99 ms':>7} refused")
            for connections in (1, 8, 32, 200):
                before = sum(process.cpu_times()[:2])
                result = send_events(service.url, connections, options.seconds)
                cpu = 1e6 * (sum(process.cpu_times()[:2]) - before) / len(result.latencies)
                latencies = " ".join(f"{result.percentile(percent):7.1f}" for percent in (50, 95, 99))
                rate = len(result.latencies) / result.seconds
                print(f"{connections:>11} {rate:>9.0f} {cpu:>13.0f} {latencies} {result.refused}")


if __name__ == "__main__":
    main()
