"""Every server-side target of STET on a real Prometheus that scrapes the real service, database and machine.

Each gives a number for a healthy service, and each misses its limit under what it is there to notice.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import requests

from reference.running import running
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.names import Job
from swarmscope.targets import Kind
from swarmscope.targets.parse import parse_system
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
SYSTEM = parse_system((ROOT / "scenarios/stet/targets.yaml").read_text(encoding="utf-8"), "targets.yaml")
TARGETS = {target.id: target for target in SYSTEM.targets if target.kind.is_query}
WINDOW_SECONDS = 5
PATIENCE_SECONDS = 60
FACTS = "/v1/facts?subject_type=user&subject_id=user_1&requester_id=bot:test"
HEADERS = {"X-Tenant-Id": "t"}


@dataclass
class Measured:
    """The service with everything that measures it."""

    service: str
    database: str
    prometheus: PrometheusApi
    page: dict[str, float]
    """What a page of our own says, for what a test must not do to the machine: series → value."""
    started: float = field(default_factory=time.time)

    def value(self, name, seconds=WINDOW_SECONDS):
        """What a target's query answers now over a window of so many seconds; None for nothing."""
        now = time.time()
        return self.prometheus.query_value(TARGETS[name], "r1", ((now - seconds, now),)).value

    def await_breach(self, name):
        """Wait until the query's answer misses the target's limit."""
        return self._await(name, held=False)

    def await_health(self, *names):
        """Wait until every target holds: what a test before this one has broken is over."""
        for name in names:
            self._await(name, held=True)

    def _await(self, name, held):
        deadline, seen = time.monotonic() + PATIENCE_SECONDS, None
        while time.monotonic() < deadline:
            seen = self.value(name)
            if seen is not None and holds(TARGETS[name], seen) is held:
                return seen
            time.sleep(0.2)
        raise AssertionError(f"{name} still answers {seen}")

    def get(self, session, path=FACTS):
        with contextlib.suppress(requests.RequestException):
            return session.get(self.service + path, headers=HEADERS, timeout=20).status_code


def holds(target, value):
    limit = float(target.limit)
    return value >= limit if target.kind is Kind.MIN else value <= limit


@contextlib.contextmanager
def program(*command, ready, **environment):
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert process.poll() is None, f"{command[0]} ended"
            with contextlib.suppress(requests.RequestException):
                if requests.get(ready, timeout=5).ok:
                    break
            assert time.monotonic() < deadline, f"{command[0]} does not answer"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def own_page(series):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            text = "".join(f"{name} {value}\n" for name, value in list(series.items())).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def measured(new_postgresql, tmp_path_factory):
    names = ["prometheus", "prometheus-node-exporter", "prometheus-postgres-exporter"]
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("measured")
    database = new_postgresql()
    ports = [free_port() for _ in names]
    addresses = [f"127.0.0.1:{port}" for port in ports]
    page = {'locust_stet_wrong_replays_total{run="r1",system="stet"}': 0.0}
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running("reference.stet", "--database", database, "--faults"))
        extra = stack.enter_context(own_page(page))
        scraped = {
            Job.LOCUST: [extra],
            Job.SERVICE: [urlsplit(service.url).netloc, extra],
            Job.NODE: [addresses[1], extra],
            Job.POSTGRESQL: [addresses[2]],
        }
        config = folder / "prometheus.yml"
        config.write_text(prometheus_config(scraped, [], [], source="a test"), encoding="utf-8")
        stack.enter_context(
            program(
                names[1],
                f"--web.listen-address={addresses[1]}",
                "--collector.disable-defaults",
                "--collector.cpu",
                "--collector.meminfo",
                ready=f"http://{addresses[1]}/",
            )
        )
        stack.enter_context(
            program(
                names[2],
                f"--web.listen-address={addresses[2]}",
                ready=f"http://{addresses[2]}/",
                DATA_SOURCE_NAME=f"{database}&sslmode=disable",
            )
        )
        stack.enter_context(
            program(
                names[0],
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={addresses[0]}",
                ready=f"http://{addresses[0]}/-/ready",
            )
        )
        yield Measured(service.url, database, PrometheusApi(f"http://{addresses[0]}", 10.0), page)


@contextlib.contextmanager
def load(measured, users, path=FACTS):
    """So many callers, each with the next request as soon as the last is answered."""
    stop = threading.Event()

    def call():
        with requests.Session() as session:
            session.trust_env = False
            while not stop.is_set():
                measured.get(session, path)
                stop.wait(0.05)

    with ThreadPoolExecutor(users) as pool:
        for _ in range(users):
            pool.submit(call)
        try:
            yield
        finally:
            stop.set()


@contextlib.contextmanager
def fault(measured, **what):
    requests.put(f"{measured.service}/faults", json=what, timeout=10).raise_for_status()
    try:
        yield
    finally:
        requests.delete(f"{measured.service}/faults", timeout=10)


@contextlib.contextmanager
def connections(measured, count, send=b""):
    """Open connections to the service, each of which has sent something and waits."""
    address = urlsplit(measured.service)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            opened = stack.enter_context(socket.create_connection((address.hostname, address.port)))
            if send:
                opened.sendall(send)
        yield


def test_each_query_gives_a_number_and_a_service_that_is_well_holds_its_targets(measured):
    with load(measured, 4):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while None in (answers := {name: measured.value(name) for name in TARGETS}).values() or (
            time.time() < measured.started + WINDOW_SECONDS + 3
        ):
            assert time.monotonic() < deadline, answers
            time.sleep(0.2)
    # The machine and the slope of the memory are whatever these seconds of this test's machine make them.
    own = TARGETS.keys() - {"server-cpu", "server-memory", "memory-growth"}
    assert {name: answers[name] for name in own if not holds(TARGETS[name], answers[name])} == {}
    assert 0 < answers["server-cpu"] <= 1
    assert 0 < answers["server-memory"] < 1
    assert 0 < answers["api-cpu"] < 2
    assert 20 < answers["api-memory"] < 500
    assert 4 <= answers["api-connections"] < 20
    assert 1 <= answers["database-connections"] < 20
    assert 0 < answers["database-pool-use"] < 0.8
    assert 5 < answers["api-request-rate"] <= 90


@pytest.mark.long
@pytest.mark.parametrize("name", ["database-query-p99", "database-pool-use"])
def test_slow_queries_break_what_is_judged_of_queries_and_of_the_pool(measured, name):
    with load(measured, 16):
        measured.await_health(name)
        with fault(measured, kind="slow_query", delay_ms=80):
            measured.await_breach(name)


@pytest.mark.long
def test_many_running_queries_break_their_target(measured):
    measured.await_health("database-active-queries")
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(50) as pool:
        opened = [stack.enter_context(psycopg.connect(measured.database, autocommit=True)) for _ in range(50)]
        done = [pool.submit(each.execute, "SELECT pg_sleep(600)") for each in opened]
        try:
            assert measured.await_breach("database-active-queries") >= 50
        finally:
            for each in opened:
                each.cancel_safe()
            for each in done:
                assert isinstance(each.exception(), psycopg.errors.QueryCanceled)


@pytest.mark.long
def test_a_database_without_free_connections_breaks_its_target(measured):
    measured.await_health("database-connections")
    with contextlib.ExitStack() as stack:
        # Of a superuser, who is let in last.
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(measured.database))
        measured.await_breach("database-connections")


@pytest.mark.long
def test_more_than_two_hundred_connections_break_their_target(measured):
    measured.await_health("api-connections")
    with connections(measured, 201):
        assert measured.await_breach("api-connections") > 200


@pytest.mark.long
def test_more_than_two_hundred_requests_at_once_break_their_target_and_held_bodies_the_memory(measured):
    measured.await_health("api-requests-at-once", "memory-growth")
    body = b"x" * 300_000
    head = (
        f"POST /v1/corrections HTTP/1.1\r\nHost: x\r\nX-Tenant-Id: t\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with (
        fault(measured, kind="hang", for_seconds=PATIENCE_SECONDS),
        connections(measured, 201, head.encode() + body),
    ):
        assert measured.await_breach("api-requests-at-once") > 200
        measured.await_breach("memory-growth")


_FLOOD = """
import socket, sys, time
request = b"GET /v1/facts HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 50
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as opened:
    while True:
        opened.sendall(request)
        answers = 0
        while answers < 50:
            answers += opened.recv(1 << 20).count(b"HTTP/1.1 422")
"""


@pytest.mark.long
def test_a_flood_breaks_the_request_rate_and_the_processors(measured):
    measured.await_health("api-request-rate", "api-cpu")
    port = str(urlsplit(measured.service).port)
    flooding = [subprocess.Popen([sys.executable, "-c", _FLOOD, port]) for _ in range(3)]
    try:
        assert measured.await_breach("api-request-rate") > 1000
        measured.await_breach("api-cpu")
        measured.await_breach("server-cpu")
    finally:
        for each in flooding:
            each.kill()
            each.wait()


@pytest.mark.long
def test_a_machine_without_free_memory_breaks_its_target(measured):
    measured.await_health("server-memory")
    measured.page["node_memory_MemTotal_bytes"] = 4e9
    measured.page["node_memory_MemAvailable_bytes"] = 0.7e9
    try:
        assert measured.await_breach("server-memory") == pytest.approx(0.825)
    finally:
        del measured.page["node_memory_MemTotal_bytes"], measured.page["node_memory_MemAvailable_bytes"]


@pytest.mark.long
def test_a_service_with_too_much_memory_breaks_its_target(measured):
    measured.await_health("api-memory")
    # A test must not fill 3 GiB: a second process of the service that has done so stands on our own page.
    measured.page["process_resident_memory_bytes"] = 3300 * 1048576
    try:
        assert 3300 < measured.await_breach("api-memory") < 3800
    finally:
        del measured.page["process_resident_memory_bytes"]


@pytest.mark.long
def test_one_wrong_replay_breaks_its_target(measured):
    measured.await_health("wrong-replays")
    measured.page['locust_stet_wrong_replays_total{run="r1",system="stet"}'] = 1.0
    try:
        assert measured.await_breach("wrong-replays") == 1
    finally:
        measured.page['locust_stet_wrong_replays_total{run="r1",system="stet"}'] = 0.0
