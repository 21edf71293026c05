"""Makes the quick benchmark's load in a process of its own: gevent would have no place in the command's.

Standard input: one line of JSON that says what to do. It is kept open: when it ends, the load does (Ctrl-C, or a
command that was killed). Standard output: one line of JSON with the totals, then every duration as a double.

Connections and parsing are geventhttpclient's; the request is ours, written once, because its client sends a request
again when the connection breaks, and a benchmark must not hide that.
"""

from __future__ import annotations

import json
import resource
import ssl
import sys
from array import array
from base64 import b64decode
from collections import Counter
from time import perf_counter, process_time
from typing import Any

import gevent
from gevent.socket import wait_read
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketPoolResponse

BLOCK_BYTES = 65536
HOPELESS_ROUNDS = 3
"""So many times the concurrency without one answer in between, and it is given up: seconds are what was asked for."""


class Load:
    """Sends one request again and again over a number of connections."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self._request = b64decode(plan["request"])
        self._timeout: float = plan["timeout"]
        self._left: int | None = plan["requests"]
        self._until = 0.0
        self._stopped = False
        self._in_a_row = 0
        self.seconds = array("d")
        self.statuses: Counter[int] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.received = self.connections = self.unfinished = 0
        self.note = ""

    def run(self) -> dict[str, Any]:
        """Run to the end; returns the totals."""
        workers: list[Any] = []
        watch = gevent.spawn(self._stop_when_asked, workers)
        progress = gevent.spawn(self._show_progress) if self._plan["progress"] else None
        started, cpu = perf_counter(), process_time()
        self._until = started + (self._plan["seconds"] or 0)
        workers += [gevent.spawn(self._work) for _ in range(self._plan["concurrency"])]
        gevent.joinall(workers, raise_error=True)
        elapsed, cpu = perf_counter() - started, process_time() - cpu
        gevent.killall([greenlet for greenlet in (watch, progress) if greenlet is not None])
        return {
            "elapsed": elapsed,
            "cpu": cpu,
            "statuses": dict(self.statuses),
            "unanswered": dict(self.unanswered),
            "received": self.received,
            "connections": self.connections,
            "unfinished": self.unfinished,
            "note": self.note,
        }

    def _stop_when_asked(self, workers: list[Any]) -> None:
        # Nothing is ever written there again: readable means closed.
        wait_read(sys.stdin.fileno())
        self._stopped = True
        gevent.killall(workers, block=False)

    def _show_progress(self) -> None:
        while True:
            gevent.sleep(1)
            sys.stderr.write(f"\r  {len(self.seconds):,} answered ")
            sys.stderr.flush()

    def _may_send(self) -> bool:
        if self._stopped:
            return False
        if self._left is None:
            return perf_counter() < self._until
        self._left -= 1
        return self._left >= 0

    def _work(self) -> None:
        pool = self._pool()
        while self._may_send():
            started = perf_counter()
            try:
                with gevent.Timeout(self._timeout):
                    status, length = self._ask(pool)
            except gevent.GreenletExit:
                self.unfinished += 1
                return
            except gevent.Timeout:
                self._no_answer(f"no answer within {self._plan['timeout_written']}")
            except (OSError, HTTPParseError) as error:
                self._no_answer(_words(error))
            else:
                self.seconds.append(perf_counter() - started)
                self.statuses[status] += 1
                self.received += length
                self._in_a_row = 0
                continue
            # What is left of a broken exchange must not be taken for the next answer.
            pool.close()
            pool = self._pool()
        pool.close()

    def _ask(self, pool: _Counting) -> tuple[int, int]:
        connection = pool.get_socket()
        try:
            connection.sendall(self._request)
        except BaseException:
            pool.release_socket(connection)
            raise
        response = HTTPSocketPoolResponse(
            connection, pool, block_size=BLOCK_BYTES, method=self._plan["method"]
        )
        return response.get_code(), len(response.read())

    def _no_answer(self, kind: str) -> None:
        self.unanswered[kind] += 1
        self._in_a_row += 1
        if self._in_a_row == HOPELESS_ROUNDS * self._plan["concurrency"] and not self._stopped:
            self._stopped = True
            self.note = f"Given up after {self._in_a_row:,} requests in a row without an answer."

    def _pool(self) -> _Counting:
        kind = _CountingTLS if self._plan["tls"] else _Counting
        host, port = self._plan["host"], self._plan["port"]
        options: dict[str, Any] = {"ssl_options": {"server_hostname": host}} if self._plan["tls"] else {}
        pool = kind(
            host, port, host, port, size=1,
            connection_timeout=self._timeout, network_timeout=self._timeout, **options,
        )  # fmt: skip
        pool.load = self
        return pool


class _Counting(ConnectionPool):  # type: ignore[misc]
    """One connection at a time; counts those that were opened."""

    load: Load

    def after_connect(self, sock: Any) -> None:
        super().after_connect(sock)
        self.load.connections += 1


class _CountingTLS(_Counting, SSLConnectionPool):  # type: ignore[misc]
    """The same with TLS, certificates checked."""


_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (HTTPConnectionClosed, "connection closed without an answer"),
    (HTTPParseError, "the answer was cut off, or is not HTTP"),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionError, "connection reset"),
    (TimeoutError, "no connection in time"),
)


def _words(error: OSError | HTTPParseError) -> str:
    """What happened, in a bounded number of ways."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').lower().replace('_', ' ')}"
    known = (words for kind, words in _KINDS if isinstance(error, kind))
    return next(known, "") or getattr(error, "strerror", None) or type(error).__name__


def main() -> None:
    """Read the plan, run it, write what was measured."""
    plan = json.loads(sys.stdin.readline())
    # Every connection is a file; the soft limit is often 1,024.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load = Load(plan)
    totals = load.run()
    sys.stdout.buffer.write(json.dumps(totals).encode() + b"\n")
    load.seconds.tofile(sys.stdout.buffer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
