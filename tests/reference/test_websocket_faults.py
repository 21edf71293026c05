import time

import pytest
import requests
from websockets.exceptions import ConnectionClosedError, InvalidStatus


@pytest.fixture
def fault(live):
    """Commands faults on the live channels, and ends them."""

    def command(*faults):
        answer = requests.put(f"{live.url}/faults", json=list(faults), timeout=10)
        assert answer.status_code == 200, answer.text

    yield command
    requests.delete(f"{live.url}/faults", timeout=10)


def test_an_error_answers_the_handshake(fault, live_client, live_count):
    fault({"kind": "error", "status": 503, "routes": "CONNECT /api/v1/live"})
    with pytest.raises(InvalidStatus) as refused:
        live_client()
    assert refused.value.response.status_code == 503
    assert live_count("websocket_server_handshakes_refused_total", status="503") == 1


def test_a_delay_holds_the_handshake_up(fault, live_client, stand_stills):
    fault({"kind": "delay", "delay_ms": 900, "routes": "CONNECT /api/v1/live"})
    started = time.monotonic()
    client = live_client()
    assert time.monotonic() - started >= 0.9
    began = time.time()
    client.subscribe()
    assert stand_stills.ran_since(began) < 0.9


def test_a_hang_holds_the_handshake_up_until_it_ends(fault, live_client, stand_stills):
    fault({"kind": "hang", "for_seconds": 0.5})
    started, began = time.monotonic(), time.time()
    live_client()
    assert time.monotonic() - started >= 0.45
    assert stand_stills.ran_since(began) < 5


def test_who_gives_up_a_hung_handshake_leaves_nothing_behind(fault, live_client, live_count):
    fault({"kind": "hang", "routes": "CONNECT /api/v1/live"})
    with pytest.raises(TimeoutError):
        live_client(open_timeout=0.2)
    fault()
    live_client()
    assert live_count("websocket_server_connections") == 1


def test_a_delay_on_the_route_delays_deliveries_and_keeps_their_order(fault, live_client, stand_stills):
    listener, sender = live_client(), live_client()
    listener.subscribe()
    fault({"kind": "delay", "delay_ms": 1000, "jitter_ms": 100, "routes": "DELIVER /api/v1/live"})
    started, began = time.monotonic(), time.time()
    for sequence in range(1, 21):
        sender.publish(sequence)
    assert [sender.next()["sequence"] for _ in range(20)] == list(range(1, 21))
    acknowledged = stand_stills.ran_since(began)
    assert [listener.next()["sequence"] for _ in range(20)] == list(range(1, 21))
    assert acknowledged < 0.9 <= time.monotonic() - started
    assert stand_stills.ran_since(began) < 5


def test_a_hang_of_deliveries_ends_with_the_fault(fault, live_client):
    listener, sender = live_client(), live_client()
    listener.subscribe()
    fault({"kind": "hang", "routes": "DELIVER /api/v1/live"})
    sender.publish(1)
    assert sender.next()["type"] == "acknowledged"
    with pytest.raises(TimeoutError):
        listener.socket.recv(timeout=0.3)
    fault()
    assert listener.next()["sequence"] == 1


def test_an_error_of_publications_refuses_them(fault, live_client):
    sender = live_client()
    fault({"kind": "error", "routes": "PUBLISH /api/v1/live"})
    sender.publish(1)
    assert sender.next() == {
        "type": "error", "code": "injected_fault", "detail": "A commanded fault.", "channel": "c", "sequence": 1,
    }  # fmt: skip


def test_an_error_of_deliveries_loses_them_and_the_count_tells(fault, live_client):
    listener, sender = live_client(), live_client()
    listener.subscribe()
    fault({"kind": "error", "routes": "DELIVER /api/v1/live"})
    sender.publish(1)
    assert sender.next()["subscribers"] == 1
    fault()
    assert listener.ask(type="unsubscribe", channel="c")["delivered"] == 1


def test_a_drop_cuts_the_share_that_was_asked_for_once(fault, live_client, live_count, eventually):
    eventually(lambda: live_count("websocket_server_connections") == 0)
    clients = [live_client() for _ in range(10)]
    before = live_count("reference_faults_injected_total", kind="drop")
    fault({"kind": "drop", "probability": 0.3, "for_seconds": 0.9})
    eventually(lambda: live_count("websocket_server_connections") == 7)
    eventually(lambda: live_count("reference_faults_active", kind="drop") == 0)
    ended = 0
    for client in clients:
        try:
            client.subscribe()
        except (ConnectionClosedError, OSError):
            ended += 1
    assert ended == 3
    assert live_count("reference_faults_injected_total", kind="drop") == before + 3


def test_a_drop_that_lasts_cuts_again_each_second(fault, live_client, live_count, eventually):
    fault({"kind": "drop"})
    client = live_client()
    with pytest.raises((ConnectionClosedError, OSError)):
        for _ in range(100):
            client.subscribe()
            time.sleep(0.05)
