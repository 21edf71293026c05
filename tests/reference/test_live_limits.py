import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosed

from reference.metrics import live as live_module
from reference.metrics.live_channels import MOST_CHANNELS, MOST_WAITING, MOST_WAITING_CHARACTERS, Outbox
from reference.metrics.live_messages import BadMessage, read
from reference.running import running
from reference.service import Service
from reference.tokens import LOCAL_SECRET, Tokens
from reference.websocket_protocol import EXTENSION, MOST_MESSAGE_BYTES


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("{", "not_json", "The message is not JSON."),
        ("[1]", "invalid", "A message is an object with a type."),
        ("{}", "invalid", "type: expected authenticate, subscribe, unsubscribe or publish"),
        (
            '{"type":"subscribe","channel":"a b"}',
            "invalid",
            "channel: expected at most 100 of A-Z a-z 0-9 _ . : -, a letter or digit first",
        ),
        (
            '{"type":"publish","channel":"c","sequence":true,"data":1}',
            "invalid",
            "sequence: expected a whole number from 1 to 9007199254740991",
        ),
        ('{"type":"publish","channel":"c","sequence":1}', "invalid", "data: missing"),
        ('{"type":"publish","channel":"c","sequence":1,"data":NaN}', "invalid", "data: not a JSON value"),
        (
            '{"type":"authenticate","token":"t","publisher":"\\"x"}',
            "invalid",
            "publisher: expected at most 64 of A-Z a-z 0-9 _ . : -",
        ),
    ],
)
def test_a_message_that_makes_no_sense_is_told_what_was_expected(text, code, detail):
    with pytest.raises(BadMessage) as bad:
        read(text)
    assert (bad.value.code, str(bad.value)) == (code, detail)


def test_a_message_that_makes_no_sense_does_not_end_the_connection(live_client, live_count):
    client = live_client()
    before = live_count("live_refused_total", reason="invalid")
    assert client.ask(type="publish", channel="c", sequence=0) == {
        "type": "error",
        "code": "invalid",
        "detail": "sequence: expected a whole number from 1 to 9007199254740991",
    }
    client.socket.send('"\\ud800"')
    assert client.next()["detail"] == "A message is an object with a type."
    client.publish(1, "\ud800")
    assert client.next()["type"] == "acknowledged"
    assert live_count("live_refused_total", reason="invalid") == before + 2


def test_an_oversized_message_ends_the_connection(live_client, live_count, eventually):
    client, before = live_client(), live_count("websocket_server_connections_closed_total", reason="too_big")
    client.publish(1, "x" * (MOST_MESSAGE_BYTES - 200))
    assert client.next()["type"] == "acknowledged"
    with suppress(ConnectionClosed):  # the service may be quicker than the sender
        client.publish(2, "x" * MOST_MESSAGE_BYTES)
    assert client.closing()[0] == 1009
    eventually(
        lambda: live_count("websocket_server_connections_closed_total", reason="too_big") == before + 1
    )


def test_fragments_add_up_to_an_oversized_message(live_client):
    client = live_client()
    with suppress(ConnectionClosed):
        client.socket.send(["x" * 40_000, "x" * 40_000])
    assert client.closing()[0] == 1009


def test_a_binary_message_ends_the_connection(live_client):
    client = live_client()
    client.socket.send(b"{}")
    assert client.closing() == (1003, "messages are text")


def test_a_connection_has_a_bounded_number_of_channels(live_client):
    client = live_client()
    for number in range(MOST_CHANNELS):
        assert client.subscribe(f"c{number}")["type"] == "subscribed"
    assert client.subscribe("one-more") == {
        "type": "error",
        "code": "too_many_channels",
        "detail": f"A connection may use {MOST_CHANNELS} channels.",
    }
    assert client.subscribe("c0")["type"] == "subscribed"


def test_a_client_that_does_not_read_is_closed_and_holds_nobody_up(live_client, live_count, eventually):
    sender, reader, slow = live_client(), live_client(), live_client(max_queue=1)
    reader.subscribe()
    slow.subscribe()
    before, text, sequence = live_count("live_slow_consumers_total"), "x" * 60_000, 0
    deadline = time.monotonic() + 20
    while live_count("live_slow_consumers_total") == before:
        assert time.monotonic() < deadline, "the slow client was never closed"
        for _ in range(20):
            sequence += 1
            sender.publish(sequence, text)
            assert sender.next()["sequence"] == reader.next()["sequence"] == sequence
    assert slow.closing() == (1013, "too slow for its channels")
    eventually(lambda: live_count("websocket_server_connections") == 2)
    assert live_count("websocket_server_connections_closed_total", reason="slow_consumer") >= 1
    sender.publish(sequence + 1)
    assert sender.next()["subscribers"] == 1


@pytest.mark.parametrize(
    ("texts", "waiting"),
    [(["x"] * (MOST_WAITING + 1), MOST_WAITING), (["x" * (MOST_WAITING_CHARACTERS // 2)] * 3, 2)],
)
def test_an_outbox_is_bounded_in_messages_and_in_characters(texts, waiting):
    overflows = []
    outbox = Outbox(lambda: overflows.append(True))
    for text in texts[:waiting]:
        outbox.put(text)
    assert (len(outbox), overflows) == (waiting, [])
    for text in texts[waiting:]:
        outbox.put(text)
        outbox.put(text)
    assert (len(outbox), overflows) == (0, [True])


def test_a_message_that_is_held_back_holds_those_behind_it_back():
    outbox = Outbox(lambda: None)
    outbox.put("first", due=50.0)
    outbox.put("second")
    assert [outbox.take(), outbox.take(), outbox.take()] == [
        ("first", 50.0, None),
        ("second", 50.0, None),
        None,
    ]


def test_a_connection_without_a_token_is_closed_in_time(monkeypatch):
    monkeypatch.setattr(live_module, "AUTHENTICATION_SECONDS", 0.01)
    service = Service("live-test", "Test", ":memory:")
    live = live_module.Live(service, Tokens("metrics", LOCAL_SECRET), time.time)
    closed = []

    async def serve():
        messages = asyncio.Queue()
        messages.put_nowait({"type": "websocket.connect"})

        def close_now(code, reason):
            closed.append((code, reason))
            messages.put_nowait({"type": "websocket.disconnect", "code": code})

        async def send(message):
            pass

        scope = {"query_string": b"", "extensions": {EXTENSION: SimpleNamespace(close_now=close_now)}}
        await asyncio.wait_for(live(scope, messages.get, send), 10)

    asyncio.run(serve())
    assert closed == [(1008, "no token came in time")]


def test_a_service_that_stops_says_so_to_every_connection(tmp_path, live_client_of):
    database = ("--database", str(tmp_path / "live.sqlite3"), "--local-key")
    with running("reference.metrics.live_service", *database) as service:
        clients = [live_client_of(service.url) for _ in range(3)]
        clients[0].subscribe()
    assert [client.closing()[0] for client in clients] == [1012] * 3


def test_without_the_local_key_a_local_token_is_refused(tmp_path, live_client_of, make_live_token):
    with running("reference.metrics.live_service", "--database", str(tmp_path / "live.sqlite3")) as service:
        client = live_client_of(service.url, None)
        client.send(type="authenticate", token=make_live_token())
        assert client.closing() == (1008, "the token's signature is wrong")
