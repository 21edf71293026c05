import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from reference.running import running
from tests.ports import free_port, in_processes
from tests.scenarios.locust_runs import ROOT, clean_environment, start, stats

SERVICE = "reference.metrics.live_service"
PATIENCE_SECONDS = 60
LIVE = "/api/v1/live"
LOCUSTFILE = "tests/scenarios/live_locustfile.py"


def eventually(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "what the test waits for did not happen"
        time.sleep(0.05)


class Service:
    """The live service, and its page; its totals count from when the test began."""

    def __init__(self, stack, folder, port=0):
        options = ("--database", str(folder / "live.sqlite3"), "--local-key", "--faults", "--port", str(port))
        self.stack = contextlib.ExitStack()
        stack.push(self.stack)
        self.url = self.stack.enter_context(running(SERVICE, *options)).url
        self.port = self.url.rpartition(":")[2]
        self.page_before = ""

    def begin(self):
        """A test begins: nobody is connected, nothing is broken, every total is 0."""
        self.fault()
        eventually(lambda: self.connections() == 0)
        self.page_before = self.page()

    def page(self):
        return requests.get(f"{self.url}/metrics", timeout=PATIENCE_SECONDS).text

    def count(self, name, **labels):
        now = _sum(self.page(), name, labels)
        return now - _sum(self.page_before, name, labels) if name.endswith("_total") else now

    def connections(self):
        return self.count("websocket_server_connections")

    def fault(self, *faults):
        answer = requests.put(f"{self.url}/faults", json=list(faults), timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text


def _sum(page, name, labels):
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


class Load:
    """Live users in a process of their own (Locust patches the one that imports it)."""

    def __init__(self, stack, url, folder, users, processes=1, **variables):
        self.folder = folder / "counts"
        self.folder.mkdir(exist_ok=True)
        command = (
            "-f", LOCUSTFILE, "--headless", "--json", "--host", url,
            "-u", str(users), "-r", "100", "--stop-timeout", str(PATIENCE_SECONDS),
            *in_processes(processes),
        )  # fmt: skip
        environment = clean_environment(WEBSOCKET_COUNTS=str(self.folder), **variables)
        self.process = stack.enter_context(start(environment, *command))

    def stop(self):
        """End it in order; reads what it counted."""
        # Not SIGINT: whichever user is at work would be interrupted, and not count what it has just heard.
        self.process.terminate()
        output, self.log = self.process.communicate()
        self.requests = stats(output)
        self.counts = self._read("json")

    def so_far(self, name):
        """What they had counted when the last request failed."""
        return self._read("so-far")[f"locust_websocket_{name}"]

    def _read(self, ending):
        counts = Counter()
        for file in self.folder.glob(f"*.{ending}"):
            counts.update(json.loads(file.read_text()))
        return counts

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


@pytest.fixture(scope="module")
def shared_service(tmp_path_factory):
    with contextlib.ExitStack() as stack:
        yield Service(stack, tmp_path_factory.mktemp("live"))


@pytest.fixture
def service(shared_service):
    shared_service.begin()
    return shared_service


@pytest.fixture
def load(stack, tmp_path):
    def start_load(url, users=20, **options):
        return Load(stack, url, tmp_path, users, **options)

    return start_load


def test_what_users_count_is_what_the_service_counts(service, load):
    # Both kept by the processes themselves: Locust's master may miss what its workers report last.
    users = load(service.url, 30, processes=2)
    eventually(lambda: service.count("live_deliveries_total") > 600)
    eventually(lambda: service.connections() == 30)
    # Ten users to a channel, whichever of the two processes they are in.
    assert (service.count("live_channels"), service.count("live_subscriptions")) == (3, 30)
    users.stop()
    eventually(lambda: service.connections() == 0)
    assert len(list(users.folder.glob("*.json"))) == 3
    assert users.count("connection_attempts_total success") == 30
    assert service.count("websocket_server_connections_opened_total") == 30
    assert users.count("connection_attempts_total failure") == users.count("reconnections_total") == 0
    assert users.count("messages_acknowledged_total") == service.count("live_published_total") > 60
    # Apart from publications each sends who it is, and the begin and the end of its subscription.
    assert users.count("messages_total sent") == users.count("messages_acknowledged_total") + 3 * 30
    assert users.count("messages_intended_total") >= users.count("messages_acknowledged_total")
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
    assert users.count("connections") == 0


def test_users_survive_a_restart_of_the_service_and_all_come_back(stack, tmp_path, load):
    first = Service(stack, tmp_path, free_port())  # where no user, who tries again and again, meets itself
    users = load(first.url, 40)
    eventually(lambda: first.count("live_subscriptions") == 40 and first.count("live_deliveries_total") > 200)
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
    eventually(lambda: service.count("live_subscriptions") == 20)
    service.fault({"kind": "drop", "probability": 0.5})
    eventually(lambda: service.count("reference_faults_injected_total", kind="drop") >= 10)
    service.fault()
    eventually(lambda: service.count("live_subscriptions") == 20)
    cut = service.count("reference_faults_injected_total", kind="drop")
    assert service.count("websocket_server_connections_opened_total") == 20 + cut
    users.stop()
    # On a busy machine there is time to cut some again, and one that has just begun is a failed attempt.
    reconnected, lost = users.count("reconnections_total"), users.count("disconnections_total lost")
    assert reconnected == lost >= 10
    assert lost + users.count("connection_attempts_total failure") == cut
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


def test_a_service_that_answers_no_more_is_left_and_its_round_trips_fail(service, load):
    users = load(service.url, 10, ANSWER_SECONDS="0.5")
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
    eventually(lambda: users.so_far("connection_attempts_total failure") >= 6)
    eventually(lambda: users.so_far("messages_intended_total") > 0)
    users.stop()
    assert users.failed("connect") == users.finished("connect") >= 6
    assert users.count("connection_attempts_total success") == 0
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
    _, log = users.process.communicate()
    assert "No access token for https://metrics.example.com: LIVE_TOKENS is not set." in log


@pytest.mark.long
def test_a_thousand_connections_carry_ten_thousand_messages_per_second():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.websocket"],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
