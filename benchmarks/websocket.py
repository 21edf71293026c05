"""1,000 WebSocket connections and 10,000 messages per second through the reference service, on this machine.

Run by `python -m benchmarks.websocket`. The service, and Locust with two worker processes, share the machine. After
the first run a second one restarts the service in the middle. Every connection is a file: `ulimit -n` must be above
what one process holds (the service: all connections).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from reference.running import Running, running

ROOT = Path(__file__).parents[1]
SERVICE = "reference.metrics.live_service"
SETTLE_SECONDS = 5.0
"""After the last user has connected, before anything is judged."""
DOWN_SECONDS = 2.0
"""Between the end of the service and its new start."""
SPAWN_RATE = 100


@dataclass
class Load:
    """What a run of live users did: the service's view by the second, Locust's statistics and counters."""

    pages: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    code: int = 0
    log: str = ""

    def rate(self, name: str) -> float:
        """Per second, between the first and the last page."""
        (first, before), (last, after) = self.pages[0], self.pages[-1]
        return (after[name] - before[name]) / (last - first)

    def percentile(self, name: str, percent: float) -> float:
        """Milliseconds, of the whole run, from Locust's statistics (which round to two digits above 100)."""
        times = sorted((float(ms), count) for ms, count in self.requests[name]["response_times"].items())
        wanted = percent / 100 * sum(count for _, count in times)
        for milliseconds, count in times:
            wanted -= count
            if wanted <= 0:
                return milliseconds
        return 0.0


def read_page(url: str) -> dict[str, float]:
    """The service's counters, summed over their labels but for the direction of messages."""
    with urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310  # our own address
        page = answer.read().decode()
    totals: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            totals[f"{sample.name} {sample.labels.get('direction', '')}".strip()] += sample.value
    return dict(totals)


def run(users: int, processes: int, seconds: float, *, restart: bool = False) -> Load:
    """Put the load on a service of our own; with `restart` it goes away, and comes back, in the middle."""
    load = Load()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as services:
        database = ("--database", f"{folder}/live.sqlite3", "--local-key")
        service = services.enter_context(running(SERVICE, *database))
        port = service.url.rpartition(":")[2]
        ramp = users / SPAWN_RATE + SETTLE_SECONDS
        locust = subprocess.Popen(
            [
                sys.executable, "-m", "locust", "-f", "benchmarks/websocket_load.py", "--headless", "--json",
                "--host", service.url, "-u", str(users), "-r", str(SPAWN_RATE), "--stop-timeout", "10",
                "-t", f"{ramp + seconds:.0f}s", *in_processes(processes),
            ],
            cwd=ROOT, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "WEBSOCKET_COUNTS": folder},
        )  # fmt: skip
        try:
            started = time.monotonic()
            _until(lambda: _connections(service) >= users or locust.poll() is not None, ramp + 60)
            time.sleep(SETTLE_SECONDS)
            end = (
                started + ramp + seconds - 2
            )  # Locust counts its time from the first user, which came after ours
            middle = time.monotonic() + (end - time.monotonic()) / 2
            while time.monotonic() < end:
                if restart and time.monotonic() > middle:
                    services.close()
                    time.sleep(DOWN_SECONDS)
                    service = services.enter_context(running(SERVICE, *database, "--port", port))
                    load.pages.clear()
                    restart = False
                load.pages.append((time.monotonic(), read_page(service.url)))
                time.sleep(1)
            output, load.log = locust.communicate(timeout=60)
        finally:
            # Workers outlive a master that is killed by a minute: all that it started goes with it.
            with suppress(ProcessLookupError):
                os.killpg(locust.pid, signal.SIGKILL)
        load.code = locust.returncode
        if "[\n" not in output:
            raise RuntimeError(f"Locust ended with {load.code}: {load.log[-2000:]}")
        entries = json.loads(output[output.index("[\n") :])
        load.requests = {f"{entry['method']} {entry['name']}": entry for entry in entries}
        for file in Path(folder).glob("*.json"):
            load.counts.update(json.loads(file.read_text()))
        load.pages.append((time.monotonic(), read_page(service.url)))
    return load


def in_processes(number: int) -> list[str]:
    """Locust's options for several processes, on a port of their own: its usual one may be another run's."""
    if number == 1:
        return []
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = str(nobody.getsockname()[1])
    bind = ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    return ["--processes", str(number), *bind, "--master-port", port]


def _connections(service: Running) -> float:
    try:
        return read_page(service.url)["websocket_server_connections"]
    except URLError:
        return 0.0


def _until(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError("the connections did not come about")
        time.sleep(0.2)


def _bars(load: Load, users: int, restarted: bool) -> list[tuple[str, float, str, float]]:
    """(what, value, '>=' or '<=', bar)."""
    steady = Load(load.pages[:-1])
    counts, last = load.counts, load.pages[-1][1]
    intended = counts["locust_websocket_messages_intended_total"]
    acknowledged = counts["locust_websocket_messages_acknowledged_total"]
    held = [page["websocket_server_connections"] for _, page in steady.pages]
    wrong = ("lost", "repeated", "out_of_order")
    bars = [
        ("messages lost, repeated, out of order",
         sum(counts[f"locust_websocket_messages_{kind}_total"] for kind in wrong), "<=", 0.0),
        ("messages from another tenant", counts["locust_websocket_tenant_leaks_total"], "<=", 0.0),
        ("connections at the end of the run", held[-1], ">=", float(users)),
    ]  # fmt: skip
    if restarted:
        return [
            *bars,
            ("reconnections", counts["locust_websocket_reconnections_total"], ">=", float(users)),
            ("messages/s after the restart", steady.rate("live_deliveries_total"), ">=", 9.0 * users),
        ]
    return [
        *bars,
        ("connections held, least", min(held), ">=", float(users)),
        ("connection attempts that failed", counts["locust_websocket_connection_attempts_total failure"], "<=", 0.0),
        ("messages/s delivered", steady.rate("live_deliveries_total"), ">=", 10.0 * users),
        ("delivery P95 ms", load.percentile("WS delivery", 95), "<=", 100.0),
        ("delivery P99 ms", load.percentile("WS delivery", 99), "<=", 1000.0),
        ("round trip P95 ms", load.percentile("WS round trip", 95), "<=", 100.0),
        ("achieved/intended", acknowledged / intended, ">=", 0.99),
        ("acknowledged, client - service",
         abs(acknowledged - last["live_published_total"]), "<=", 0.0),
        ("delivered, client - service",
         abs(load.requests["WS delivery"]["num_requests"] - last["live_deliveries_total"]), "<=", 0.0),
        ("messages sent, service - received, client",
         abs(last["websocket_server_messages_total sent"] - counts["locust_websocket_messages_total received"]),
         "<=", 0.0),
        ("service: CPU of one core", steady.rate("process_cpu_seconds_total"), "<=", 0.7),
        ("service: memory, MB", last["process_resident_memory_bytes"] / 1e6, "<=", 2000.0),
    ]  # fmt: skip


def main() -> int:
    """Run the benchmark; 1 when a bar was missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=40.0)
    options = parser.parse_args()
    if options.seconds < 15:
        parser.error("--seconds: at least 15, so that a second remains on each side of the restart")
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < options.users + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(options.users + 100, most), most))
    missed = 0
    for restarted in (False, True):
        load = run(options.users, options.processes, options.seconds, restart=restarted)
        print(f"{options.users} connections, {options.processes} Locust processes", end="")
        print(", service restarted in the middle" if restarted else "")
        for what, value, comparison, bar in _bars(load, options.users, restarted):
            held = value >= bar if comparison == ">=" else value <= bar
            missed += not held
            print(f"  {what:<42} {value:>12.10g}  {comparison} {bar:g}{'' if held else '   MISSED'}")
        if missed:
            print(load.log[-2000:])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
