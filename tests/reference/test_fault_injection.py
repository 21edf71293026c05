"""Faults against a real service: what a client sees while they are active, and once they are not."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from reference.fault_injection import FaultInjection
from reference.faults import FaultBoard, Kind
from reference.running import DidNotStart, running

KEY = {"Authorization": "Bearer local-load-test"}
EVENT = {"event_type": "x", "payload": {"kept": "through the hang"}}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    database = str(tmp_path_factory.mktemp("faults") / "x.sqlite3")
    with running("reference.triggers", "--database", database, "--local-key", "--faults") as started:
        yield started.url


@pytest.fixture
def http(service):
    with requests.Session() as session:
        session.trust_env = False
        session.headers.update(KEY)
        yield session
        session.delete(f"{service}/faults", timeout=10)


def put(http, service, *faults):
    answer = http.put(f"{service}/faults", json=list(faults), timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def metric(service, name, **labels):
    page = requests.get(f"{service}/metrics", timeout=10).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def eventually(condition):
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def times_out(http, url, **options):
    with pytest.raises(requests.exceptions.ReadTimeout):
        http.get(url, timeout=0.3, **options)
    return True


def test_faults_are_listed_with_the_time_left_and_cleared(http, service):
    (shown,) = put(http, service, {"kind": "delay", "delay_ms": 5, "for_seconds": 60})
    assert 0 < shown.pop("seconds_left") <= 60
    assert shown == {
        "kind": "delay",
        "routes": ["api"],
        "probability": 1.0,
        "delay_ms": 5,
        "jitter_ms": 0.0,
        "status": 500,
        "rate": 100.0,
        "idle_seconds": 300.0,
        "for_seconds": 60,
    }
    assert len(http.get(f"{service}/faults", timeout=10).json()) == 1
    assert http.delete(f"{service}/faults", timeout=10).json() == []
    assert http.get(f"{service}/faults", timeout=10).json() == []


def test_a_delay_holds_up_the_routes_it_names_and_no_others(http, service):
    put(http, service, {"kind": "delay", "delay_ms": 300, "routes": "GET /inbox"})
    assert http.get(f"{service}/inbox", timeout=10).elapsed.total_seconds() >= 0.3
    put(http, service, {"kind": "delay", "delay_ms": 5000, "routes": "GET /inbox"})
    assert http.post(f"{service}/events", json=EVENT, timeout=4).status_code == 201
    assert http.get(f"{service}/health", timeout=4).status_code == 200


def test_an_error_is_answered_with_the_status_asked_for_and_nothing_is_done(http, service):
    stored = metric(service, "triggers_events_stored_total")
    put(http, service, {"kind": "error", "status": 503, "routes": "/events"})
    answer = http.post(f"{service}/events", json=EVENT, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (503, "injected_fault")
    assert metric(service, "triggers_events_stored_total") == stored
    assert metric(service, "reference_faults_active", kind="error") == 1
    assert metric(service, "reference_faults_injected_total", kind="error") >= 1


def test_a_fault_ends_after_its_time(http, service):
    put(http, service, {"kind": "error", "for_seconds": 0.3})
    assert http.get(f"{service}/inbox", timeout=10).status_code == 500
    eventually(lambda: http.get(f"{service}/inbox", timeout=10).status_code == 200)


def test_a_hang_answers_nothing_but_health_and_metrics_until_it_is_cleared(http, service):
    put(http, service, {"kind": "hang"})
    answers = []

    def send():
        answers.append(requests.post(f"{service}/events", json=EVENT, headers=KEY, timeout=30))

    waiting = [threading.Thread(target=send) for _ in range(5)]
    for thread in waiting:
        thread.start()
    active = ("http_server_active_requests", {"method": "POST", "route": "/events"})
    eventually(lambda: metric(service, active[0], **active[1]) == 5)
    assert http.get(f"{service}/health", timeout=4).status_code == 200
    assert times_out(http, f"{service}/inbox")
    assert answers == []
    http.delete(f"{service}/faults", timeout=10)
    for thread in waiting:
        thread.join(20)
    assert [answer.status_code for answer in answers] == [201] * 5
    kept = http.get(f"{service}/events/{answers[0].json()['id']}", timeout=10).json()
    assert kept["payload"] == EVENT["payload"]


def test_a_hang_may_end_by_itself(http, service):
    put(http, service, {"kind": "hang", "for_seconds": 0.5})
    answer = http.get(f"{service}/inbox", timeout=20)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() > 0.2


def test_health_hangs_when_it_is_asked_to(http, service):
    put(http, service, {"kind": "hang", "routes": ["*"]})
    assert times_out(http, f"{service}/health")
    assert times_out(http, f"{service}/metrics")
    assert http.get(f"{service}/faults", timeout=4).status_code == 200


def test_a_client_that_leaves_a_hung_request_is_noticed(http, service):
    put(http, service, {"kind": "hang"})
    assert times_out(http, f"{service}/inbox")
    eventually(lambda: metric(service, "http_server_active_requests", route="/inbox") == 0)


def test_a_hung_request_with_a_long_body_is_still_answered_in_the_end(http, service):
    put(http, service, {"kind": "hang", "for_seconds": 0.5})
    answer = http.post(f"{service}/events", data=b"x" * 3_000_000, timeout=20)
    assert answer.status_code == 413


def test_slow_queries_hold_up_what_asks_the_database(http, service):
    put(http, service, {"kind": "slow_query", "delay_ms": 250})
    answer = http.post(f"{service}/events", json=EVENT, timeout=10)
    assert answer.elapsed.total_seconds() >= 0.25
    put(http, service)
    assert metric(service, "db_client_operation_duration_seconds_sum", operation="insert_event") >= 0.25


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (b"{", 400, {"code": "not_json"}),
        (
            b'[{"kind": "hang", "for": 3}]',
            422,
            {
                "code": "invalid",
                "problems": [
                    "[0].for: unknown; known are kind, routes, probability, delay_ms, jitter_ms, status, rate, "
                    "idle_seconds, for_seconds"
                ],
            },
        ),
    ],
)
def test_a_fault_that_makes_no_sense_changes_nothing(http, service, body, status, answer):
    put(http, service, {"kind": "delay", "delay_ms": 1})
    refused = http.put(f"{service}/faults", data=body, timeout=10)
    assert refused.status_code == status
    assert answer.items() <= refused.json().items()
    assert len(http.get(f"{service}/faults", timeout=10).json()) == 1


def test_faults_cannot_be_switched_unless_the_service_was_started_for_it(tmp_path):
    with running("reference.triggers", "--database", str(tmp_path / "x.sqlite3")) as service:
        assert requests.put(f"{service.url}/faults", json=[], timeout=10).status_code == 404


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", 200), ("::1", 200), ("10.0.0.7", 403), ("?", 403)]
)
def test_faults_are_switched_from_this_machine_only(address, status):
    scope = {"type": "http", "method": "GET", "path": "/faults", "headers": [], "client": (address, 5)}
    (route,) = FaultInjection(FaultBoard(time.monotonic)).routes()
    answer = asyncio.run(route.endpoint(Request(scope)))
    assert answer.status_code == status


def test_a_service_can_hang_from_its_first_request_and_still_stops(tmp_path):
    hang = json.dumps({"kind": "hang"})
    options = ("--database", str(tmp_path / "x.sqlite3"), "--local-key", "--fault", hang)
    with running("reference.triggers", *options) as service:
        address = urlsplit(service.url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(
                b"GET /inbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer local-load-test\r\n\r\n"
            )
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            assert requests.get(f"{service.url}/health", timeout=4).status_code == 200
            service.process.terminate()
            service.process.wait(9)


def test_a_fault_on_the_command_line_that_makes_no_sense_is_told_before_anything_starts(tmp_path, capfd):
    options = ("--database", str(tmp_path / "x.sqlite3"), "--fault", '{"kind": "hung"}')
    with pytest.raises(DidNotStart), contextlib.ExitStack() as stack:
        stack.enter_context(running("reference.triggers", *options))
    assert capfd.readouterr().err == (f"--fault: [0].kind: expected one of {', '.join(Kind)}, got 'hung'\n")
    assert not (tmp_path / "x.sqlite3").exists()
