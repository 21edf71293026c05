"""What scraping a page of 5,000 request names does to the latencies that the load generator measures.

One Locust process, one run. Windows of two seconds alternate: not scraped, scraped every second, not scraped
again, scraped … Each scraped window is compared with the unscraped one before it and the one after it, and the
median of these ratios is told, so that whatever else the machine does for a while hits both sides. The control
does the same with every second of the unscraped windows in the place of the scraped: what it differs from 1 by
is noise.
"""

from __future__ import annotations

# Locust first: it monkey-patches on import.
from locust import FastHttpUser, task  # isort: skip
from locust.env import Environment  # isort: skip

import argparse
import json
import random
import socket
import sys
import time
import urllib.request
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import gevent
from gevent import subprocess

from benchmarks.scrape_pages import a_view, generate_latest_pieces
from exporters.http_server import ExporterServer
from exporters.run_view import ExporterCounters
from exporters.shared_pages import SharedPages

WINDOW = 2.0
SETTLE = 2.0
"""Seconds before the first window: connections open, caches fill."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Latencies in milliseconds with and without scrapes."""

    rate: float
    cpu_ratio: float
    p99_without: float
    p99_with: float
    ratio: float
    control: float
    rate_ratio: float
    scrape_seconds: float
    scrapes: int


def percentile(values: Sequence[float], q: float) -> float:
    """Nearest-rank percentile; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def run(
    *, names: int, users: int, per_user: float, service_ms: float, seconds: float, rival: bool
) -> LoadResult:
    """Load a local service for `seconds` and compare; `per_user` is requests per second, 0 as many as it can."""
    view = a_view(names)
    keys = list(view.counts)
    bounds = [float(bound) for bound in view.bounds]
    requests: list[tuple[float, float]] = []

    def on_request(response_time: float, **_: Any) -> None:
        # What a recorder does, so that the page changes as it does in a run.
        counts = view.counts[random.choice(keys)]
        counts.buckets[bisect_left(bounds, response_time / 1000)] += 1
        counts.duration_sum += response_time / 1000
        counts.outcomes["success", "200"] = counts.outcomes.get(("success", "200"), 0) + 1
        requests.append((time.time() - response_time / 1000, response_time))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    class Caller(FastHttpUser):
        host = f"http://127.0.0.1:{port}"
        if per_user:

            def wait_time(self) -> float:
                # Not constant_throughput: all users would ask at the same instant, and wait for each other.
                return random.expovariate(per_user)

        @task
        def call(self) -> None:
            self.client.get("/")

    server = ExporterServer("127.0.0.1", 0, lambda: [view], ExporterCounters(), lambda *_: "unknown_run")
    if rival:
        server._pages = SharedPages(generate_latest_pieces(view))
    server.start()
    environment = Environment(user_classes=[Caller], host=Caller.host)
    environment.events.request.add_listener(on_request)
    runner = environment.create_local_runner()
    peers = [_peer("service", port, service_ms)]
    try:
        _wait_for(Caller.host)
        begin = time.time() + SETTLE
        peers.append(_peer("scraper", f"{server.url}/metrics", begin, WINDOW, stdout=subprocess.PIPE))
        runner.start(users, spawn_rate=users)
        gevent.sleep(max(0.0, begin - time.time()))
        cpu = time.process_time()
        gevent.sleep(seconds)
        cpu = time.process_time() - cpu
        runner.quit()
    finally:
        for peer in peers:
            peer.terminate()
        printed = peers[-1].communicate()[0] if len(peers) > 1 else b""
        for peer in peers:
            peer.wait()
        server.stop(grace=0)
    durations = [float(line) for line in (printed or b"").split()]
    return _compare(requests, begin, seconds, cpu / seconds, durations)


def _compare(
    requests: Sequence[tuple[float, float]],
    begin: float,
    seconds: float,
    cpu: float,
    durations: Sequence[float],
) -> LoadResult:
    windows: list[list[float]] = [[] for _ in range(int(seconds / WINDOW))]
    for sent, milliseconds in requests:
        if begin <= sent < begin + len(windows) * WINDOW:
            windows[int((sent - begin) / WINDOW)].append(milliseconds)
    p99s = [percentile(window, 0.99) for window in windows]
    rates = [len(window) / WINDOW for window in windows]
    return LoadResult(
        rate=median(rates),
        cpu_ratio=cpu,
        p99_without=median(p99s[0::2]),
        p99_with=median(p99s[1::2]),
        ratio=_beside_neighbours(p99s),
        control=_beside_neighbours(p99s[0::2]),
        rate_ratio=_beside_neighbours(rates),
        scrape_seconds=median(durations),
        scrapes=len(durations),
    )


def _beside_neighbours(values: Sequence[float]) -> float:
    """Median ratio of the odd values to the even ones next to them."""
    return median(
        values[odd] / values[even]
        for odd in range(1, len(values), 2)
        for even in (odd - 1, odd + 1)
        if even < len(values)
    )


def _peer(*arguments: object, stdout: Any = None) -> Any:
    command = [sys.executable, "-m", "benchmarks.scrape_peers", *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stdout=stdout)


def _wait_for(url: str) -> None:
    deadline = time.time() + 20
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310
            return
        except OSError:
            if time.time() > deadline:
                raise
            gevent.sleep(0.05)


def main() -> None:
    """Run one load in this process and print its result as JSON: the benchmark starts one process per load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=5000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--per-user", type=float, default=0)
    parser.add_argument("--service-ms", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=24)
    parser.add_argument("--rival", action="store_true")
    options = parser.parse_args()
    print(json.dumps(asdict(run(**vars(options)))))


if __name__ == "__main__":
    main()
