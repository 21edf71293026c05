import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from benchmarks.websocket import in_processes
from reference.running import running

ROOT = Path(__file__).resolve().parents[2]
SERVICE = "reference.metrics.live_service"
PATIENCE_SECONDS = 60
LIVE = "/api/v1/live"


def eventually(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.05)


class Service:
    """The live service, and its page."""

    def __init__(self, stack, folder, port=0):
        options = ("--database", str(folder / "live.sqlite3"), "--local-key", "--faults", "--port", str(port))
        self.stack = contextlib.ExitStack()
        stack.push(self.stack)
        self.url = self.stack.enter_context(running(SERVICE, *options)).url
        self.port = self.url.rpartition(":")[2]

    def count(self, name, **labels):
        page = requests.get(f"{self.url}/metrics", timeout=10).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def connections(self):
        return self.count("websocket_server_connections")

    def fault(self, *faults):
        answer = requests.put(f"{self.url}/faults", json=list(faults), timeout=10)
        assert answer.status_code == 200, answer.text


class Load:
    """Live users in a process of their own (Locust patches the one that imports it)."""

    def __init__(self, url, folder, users, processes=1, locustfile="benchmarks/websocket_load.py"):
        self.folder = folder / "counts"
        self.folder.mkdir(exist_ok=True)
        command = [
            sys.executable, "-m", "locust", "-f", locustfile, "--headless", "--json", "--host", url,
            "-u", str(users), "-r", "100", "--stop-timeout", "5",
            *in_processes(processes),
        ]  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST")}
        self.process = subprocess.Popen(
            command, cwd=ROOT, text=True, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=kept | {"PYTHONPATH": str(ROOT), "WEBSOCKET_COUNTS": str(self.folder)},
        )  # fmt: skip

    def end(self):
        """Leave no process behind, whatever the test did."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def stop(self):
        """End it in order; reads what it counted."""
        self.process.send_signal(signal.SIGINT)
        output, self.log = self.process.communicate(timeout=PATIENCE_SECONDS)
        self.requests = {
            f"{entry['method']} {entry['name']}": entry for entry in json.loads(output[output.index("[\n") :])
        }
        self.counts = Counter()
        for file in self.folder.glob("*.json"):
            self.counts.update(json.loads(file.read_text()))

    def count(self, name):
        return self.counts[f"locust_websocket_{name}"]

    def finished(self, name):
        return self.requests[f"WS {name}"]["num_requests"]

    def failed(self, name):
        return self.requests[f"WS {name}"]["num_failures"]


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def service(stack, tmp_path):
    return Service(stack, tmp_path)


@pytest.fixture
def load(stack, tmp_path):
    def start(url, users=20, **options):
        started = Load(url, tmp_path, users, **options)
        stack.callback(started.end)
        return started

    return start


def test_what_users_count_is_what_the_service_counts(service, load):
    users = load(service.url, 30, processes=2)
    eventually(lambda: service.count("live_deliveries_total") > 600)
    assert service.connections() == 30
    users.stop()
    assert service.connections() == 0
    assert users.finished("connect") == users.count("connection_attempts_total success") == 30
    assert users.count("connection_attempts_total failure") == users.count("reconnections_total") == 0
    assert users.finished("round trip") == users.count("messages_acknowledged_total")
    assert users.finished("round trip") == service.count("live_published_total") > 60
    assert users.finished("delivery") == service.count("live_deliveries_total")
    assert users.failed("round trip") == users.failed("delivery") == users.failed("connect") == 0
    ours, theirs = (
        {name: users.count(f"messages_total {name}") for name in ("sent", "received")},
        {
            name: service.count("websocket_server_messages_total", direction=direction)
            for name, direction in (("sent", "received"), ("received", "sent"))
        },
    )
    assert ours == theirs
    for trouble in ("lost", "repeated", "out_of_order"):
        assert users.count(f"messages_{trouble}_total") == 0
    assert users.count("tenant_leaks_total") == users.count("deliveries_before_sent_total") == 0
    assert users.count("messages_intended_total") == users.count("messages_acknowledged_total")
    assert users.count("connections") == 0


def test_channels_are_full_of_users_of_both_processes(service, load):
    users = load(service.url, 20, processes=2)
    eventually(lambda: service.count("live_deliveries_total") > 100)
    assert service.count("live_channels") == 2
    assert service.count("live_subscriptions") == 20
    users.stop()


def test_users_survive_a_restart_of_the_service_and_all_come_back(stack, tmp_path, load):
    first = Service(stack, tmp_path)
    users = load(first.url, 40)
    eventually(lambda: first.count("live_deliveries_total") > 200)
    first.stack.close()
    second = Service(stack, tmp_path, first.port)
    eventually(lambda: second.connections() == 40)
    delivered = second.count("live_deliveries_total")
    eventually(lambda: second.count("live_deliveries_total") > delivered + 200)
    assert second.connections() == 40
    users.stop()
    # A close frame may be lost to a reset when the service closes with something of ours unread.
    told, untold = (users.count(f"disconnections_total {ending}") for ending in ("service restart", "lost"))
    assert users.count("reconnections_total") == told + untold == 40
    assert told >= 20
    assert users.count("connection_attempts_total success") == 80
    assert users.count("messages_lost_total") == users.count("messages_repeated_total") == 0
    assert users.count("messages_intended_total") > users.count("messages_acknowledged_total")
    assert users.failed("connect") == users.count("connection_attempts_total failure")


def test_users_whose_connection_is_cut_reconnect(service, load):
    users = load(service.url)
    eventually(lambda: service.connections() == 20)
    service.fault({"kind": "drop", "probability": 0.5, "for_seconds": 0.9})
    eventually(lambda: service.count("websocket_server_connections_opened_total") == 30)
    eventually(lambda: service.connections() == 20)
    users.stop()
    assert users.count("reconnections_total") == users.count("disconnections_total lost") == 10
    assert users.count("messages_lost_total") == users.count("messages_repeated_total") == 0


def test_users_that_are_refused_try_again_until_they_are_let_in(service, load):
    service.fault({"kind": "error", "status": 503, "routes": f"CONNECT {LIVE}"})
    users = load(service.url)
    eventually(lambda: service.count("websocket_server_handshakes_refused_total", status="503") >= 30)
    service.fault()
    eventually(lambda: service.connections() == 20)
    eventually(lambda: service.count("live_published_total") > 20)
    refused = service.count("websocket_server_handshakes_refused_total", status="503")
    users.stop()
    assert users.failed("connect") == users.count("connection_attempts_total failure") == refused
    assert users.count("connection_attempts_total success") == 20
    assert users.count("reconnections_total") == 0
    assert users.count("messages_intended_total") > users.count("messages_acknowledged_total")


def test_every_message_that_the_service_loses_is_counted(service, load):
    service.fault({"kind": "error", "probability": 0.1, "routes": f"DELIVER {LIVE}"})
    users = load(service.url)
    eventually(lambda: service.count("reference_faults_injected_total", kind="error") >= 30)
    users.stop()
    lost = service.count("reference_faults_injected_total", kind="error")
    assert users.count("messages_lost_total") == lost
    assert users.finished("delivery") == service.count("live_deliveries_total") - lost
    assert users.count("messages_repeated_total") == users.count("messages_out_of_order_total") == 0


def test_a_refused_publication_is_a_failed_round_trip(service, load):
    service.fault({"kind": "error", "probability": 0.5, "routes": f"PUBLISH {LIVE}"})
    users = load(service.url)
    eventually(lambda: service.count("live_refused_total", reason="injected_fault") >= 10)
    users.stop()
    refused = service.count("live_refused_total", reason="injected_fault")
    assert users.failed("round trip") == refused
    assert users.count("messages_acknowledged_total") == users.finished("round trip") - refused


def test_a_service_that_answers_no_more_is_left_and_its_round_trips_fail(service, load, tmp_path):
    impatient = tmp_path / "impatient.py"
    impatient.write_text(
        "from scenarios.metrics import websocket_users\n"
        "websocket_users.ANSWER_SECONDS = 1.0\n"
        "from benchmarks.websocket_load import LiveUser\n"
    )
    users = load(service.url, 10, locustfile=str(impatient))
    eventually(lambda: service.count("live_published_total") > 10)
    service.fault({"kind": "hang", "routes": f"PUBLISH {LIVE}"})
    eventually(lambda: service.count("websocket_server_connections_opened_total") >= 20)
    service.fault()
    published = service.count("live_published_total")
    eventually(lambda: service.count("live_published_total") > published + 20)
    users.stop()
    assert users.count("disconnections_total no answer") >= 10
    assert users.failed("round trip") >= 10


def test_a_service_that_is_not_there_costs_attempts_and_no_user(load):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    users = load(f"http://127.0.0.1:{port}", 3)
    # Nothing can be seen from outside: three attempts each take at most 0.5 + 1 seconds of rest.
    time.sleep(8)
    users.stop()
    assert users.failed("connect") == users.finished("connect") >= 6
    assert users.count("messages_intended_total") > 0
    assert "Traceback" not in users.log


def test_a_service_that_talks_nonsense_costs_connections_and_no_user(load):
    subscribed = []

    def talk(connection):
        tenant = {"type": "ready", "tenant": "tenant-01", "publisher": "x"}
        for answer in (tenant, {"type": "subscribed", "channel": "live-0", "subscribers": 1}):
            connection.recv()
            connection.send(json.dumps(answer))
        subscribed.append(connection)
        connection.send("nonsense")
        connection.recv(timeout=PATIENCE_SECONDS)

    def hang_up(connection):
        with contextlib.suppress(ConnectionClosed):
            talk(connection)

    with serve(hang_up, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        users = load(f"http://127.0.0.1:{server.socket.getsockname()[1]}", 1)
        eventually(lambda: len(subscribed) >= 3)
        users.stop()
        server.shutdown()
        thread.join()
    assert users.count("disconnections_total other") >= 2
    assert users.count("reconnections_total") >= 2
    assert users.log.count("Connections are given up for what came over them") == 1


def test_without_a_token_for_another_host_the_run_ends_with_what_to_do(load):
    users = load("https://metrics.example.com", 1)
    _, log = users.process.communicate(timeout=PATIENCE_SECONDS)
    assert "No access token for https://metrics.example.com: LIVE_TOKENS is not set." in log


@pytest.mark.long
def test_a_thousand_connections_carry_ten_thousand_messages_per_second():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.websocket"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
