"""Which WebSocket client costs a load generator least: `python -m benchmarks.websocket_clients [client …]`.

Each client holds 1,000 connections in one gevent process (this module, started again for each), publishes 1.2 messages
per second over each and receives the nine others of its channel: 10,800 deliveries per second. The service runs beside.
"""

# ruff: noqa: D102  # what every client's send and receive do is said once, at Client
from __future__ import annotations

import gevent.monkey

if __name__ == "__main__":
    gevent.monkey.patch_all()

import argparse
import base64
import contextlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens

PER_CHANNEL = 10
PUBLISH = (
    '{"type":"publish","channel":"%s","sequence":%d,"data":{"at":%.6f,"metric":"cpu.load","value":0.731,'
    '"unit":"percent","dimensions":{"host":"web-17","region":"eu-1"},"by":"dashboard"}}'
)


class Client(Protocol):
    """One connection."""

    def send(self, text: str) -> None:
        """Send a message."""

    def receive(self) -> list[str]:
        """At least one message."""


def _socket(url: str) -> socket.socket:
    address = urlsplit(url)
    opened = socket.create_connection((address.hostname or "", address.port or 0))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class WebSocketClient:
    """The package websocket-client."""

    def __init__(self, url: str) -> None:
        import websocket

        self._connection = websocket.create_connection(url, skip_utf8_validation=True)

    def send(self, text: str) -> None:
        self._connection.send(text)

    def receive(self) -> list[str]:
        return [str(self._connection.recv())]


class WSProto:
    """The package wsproto over a gevent socket."""

    def __init__(self, url: str) -> None:
        from wsproto import ConnectionType, WSConnection
        from wsproto.events import Message, Request

        self._message, self._connection, self._ready = Message, WSConnection(ConnectionType.CLIENT), []
        self._socket, address = _socket(url), urlsplit(url)
        target = f"{address.path}?{address.query}"
        self._socket.sendall(self._connection.send(Request(host=address.netloc, target=target)))
        self._ready = self._events()[1:]

    def send(self, text: str) -> None:
        self._socket.sendall(self._connection.send(self._message(data=text)))

    def receive(self) -> list[str]:
        found, self._ready = self._ready, []
        return [event.data for event in found or self._events()]

    def _events(self) -> list[Any]:
        found: list[Any] = []
        while not found:
            self._connection.receive_data(self._socket.recv(65536))
            found = list(self._connection.events())
        return found


class WebSocketsSync:
    """The synchronous client of websockets: a (green) thread of its own for each connection."""

    def __init__(self, url: str) -> None:
        from websockets.sync.client import connect

        self._connection = connect(url, compression=None, legacy=True)

    def send(self, text: str) -> None:
        self._connection.send(text)

    def receive(self) -> list[str]:
        return [str(self._connection.recv())]


class OwnFrames:
    """As little as could be: text frames only, no fragments, no pings, no closing."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = _socket(url)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65536)
        self._received = answer.partition(b"\r\n\r\n")[2]

    def send(self, text: str) -> None:
        from websockets.speedups import apply_mask

        data, mask = text.encode(), os.urandom(4)
        size = len(data)
        head = bytes((0x81, 0x80 | size)) if size < 126 else struct.pack("!BBH", 0x81, 0x80 | 126, size)
        self._socket.sendall(head + mask + apply_mask(data, mask))

    def receive(self) -> list[str]:
        received, found = self._received, []
        while True:
            at = 0
            while len(received) - at >= 4:
                size, head = received[at + 1] & 127, 2
                if size == 126:
                    size, head = int.from_bytes(received[at + 2 : at + 4], "big"), 4
                if len(received) - at < head + size:
                    break
                found.append(received[at + head : at + head + size].decode())
                at += head + size
            received = received[at:]
            if found:
                self._received = received
                return found
            received += self._socket.recv(65536)


def _ours(url: str) -> Client:
    """What the scenario uses."""
    from scenarios.metrics.websocket_connection import WebSocketConnection

    connection = WebSocketConnection(url)
    connection.set_timeout(None)
    return connection


CLIENTS: dict[str, Callable[[str], Client]] = {
    "own-frames": OwnFrames,
    "scenario": _ours,
    "websocket-client": WebSocketClient,
    "wsproto": WSProto,
    "websockets-sync": WebSocketsSync,
}


def measure(client: str, service: str, connections: int, rate: float, seconds: float) -> str:
    """Load the service with one kind of client; a line of the table."""
    token = Tokens("metrics", LOCAL_SECRET).issue("benchmark", 3600, {"tenant": "tenant-01"})
    url = f"ws{service.removeprefix('http')}/api/v1/live?token={token}"
    latencies: list[float] = []

    def read(connection: Client) -> None:
        while True:
            for text in connection.receive():
                message = json.loads(text)
                if message["type"] == "message":
                    latencies.append(time.perf_counter() - message["data"]["at"])

    def write(connection: Client, channel: str) -> None:
        begin, sequence = time.perf_counter() + random.random() / rate, 0
        while True:
            due = begin + sequence / rate
            gevent.sleep(max(0.0, due - time.perf_counter()))
            sequence += 1
            connection.send(PUBLISH % (channel, sequence, due))

    for number in range(connections):
        connection, channel = CLIENTS[client](url), f"c{number // PER_CHANNEL}"
        connection.send(json.dumps({"type": "subscribe", "channel": channel}))
        gevent.spawn(read, connection)
        gevent.spawn_later(1, write, connection, channel)
    gevent.sleep(3)
    latencies.clear()
    cpu, began = time.process_time(), time.perf_counter()
    gevent.sleep(seconds)
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    ordered = sorted(latencies)
    p95, p99 = (1000 * ordered[int(len(ordered) * share)] for share in (0.95, 0.99))
    return (
        f"{client:<18}{len(ordered) / took:>12,.0f}{100 * cpu / took:>8.0f} %"
        f"{1e6 * cpu / len(ordered):>8.0f} µs{p95:>8.1f}{p99:>8.1f}"
    )


def main() -> None:
    """Print the table; with --service, measure one client against it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("client", nargs="*", help=f"which of them: {', '.join(CLIENTS)} (all)")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=1.2, help="publications per second and connection")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--service", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.client) - set(CLIENTS):
        parser.error(f"unknown client {unknown.pop()!r}: there are {', '.join(CLIENTS)}")
    if options.service:
        print(
            measure(*options.client, options.service, options.connections, options.rate, options.seconds),
            flush=True,
        )
        os._exit(0)  # thousands of greenlets wait on sockets
    print(f"{'client':<18}{'deliveries/s':>12}{'CPU':>10}{'each':>11}{'P95 ms':>8}{'P99 ms':>8}", flush=True)
    shared = ["--connections", str(options.connections), "--rate", str(options.rate)]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        arguments = ("--database", f"{folder}/live.sqlite3", "--local-key")
        service = stack.enter_context(running("reference.metrics.live_service", *arguments))
        for client in options.client or CLIENTS:
            subprocess.run(
                [sys.executable, "-m", "benchmarks.websocket_clients", client, "--service", service.url, *shared,
                 "--seconds", str(options.seconds)],
                cwd=Path(__file__).parents[1], check=True,
            )  # fmt: skip


if __name__ == "__main__":
    main()
