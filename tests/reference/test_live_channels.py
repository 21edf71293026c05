import time

import pytest
import websockets
from websockets.exceptions import InvalidStatus


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"seconds": -1}, "the token has expired"),
        ({"tenant": ""}, "the token names no tenant"),
        ({"tenant": 7}, "the token names no tenant"),
    ],
)
def test_a_token_that_does_not_hold_is_refused_in_the_first_message(
    live_client, make_live_token, claims, reason
):
    client = live_client(token=None)
    client.send(type="authenticate", token=make_live_token(**claims))
    assert client.closing() == (1008, reason)


def test_a_forged_token_is_refused_in_the_first_message(live_client, make_live_token):
    client = live_client(token=None)
    client.send(type="authenticate", token=make_live_token()[:-4] + "AAAA")
    assert client.closing() == (1008, "the token's signature is wrong")


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ('{"type": "subscribe", "channel": "c"}', "the first message must be authenticate"),
        ("hello", "The message is not JSON."),
        ('{"type": "authenticate"}', "token: expected text"),
        ("[" * 50_000, "The message is not JSON."),
    ],
)
def test_nothing_can_be_done_before_the_token(live_client, first, reason):
    client = live_client(token=None)
    client.socket.send(first)
    assert client.closing() == (1008, reason)


def test_a_token_in_the_address_is_as_good(live_client, make_live_token):
    client = live_client(token=None, query=f"?token={make_live_token()}&publisher=me")
    assert client.next() == {"type": "ready", "tenant": "tenant-a", "publisher": "me"}


@pytest.mark.parametrize(
    ("query", "status"), [("?token=nonsense", 401), ("?token={token}&publisher=a%20b", 400)]
)
def test_a_bad_address_is_refused_in_the_handshake(live_client, make_live_token, live_count, query, status):
    before = live_count("websocket_server_handshakes_refused_total", status=str(status))
    with pytest.raises(InvalidStatus) as refused:
        live_client(token=None, query=query.format(token=make_live_token()))
    assert refused.value.response.status_code == status
    assert live_count("websocket_server_handshakes_refused_total", status=str(status)) == before + 1


def test_a_connection_ends_with_its_token(live_client, make_live_token):
    client = live_client(token=make_live_token(seconds=2))
    assert client.subscribe()["type"] == "subscribed"
    assert client.closing() == (1008, "the token has expired")


def test_a_fresh_token_prolongs_the_connection(live_client, make_live_token):
    client = live_client(token=make_live_token(seconds=2))
    until = time.monotonic() + 2.2
    assert client.ask(type="authenticate", token=make_live_token())["type"] == "ready"
    while time.monotonic() < until:
        assert client.subscribe()["type"] == "subscribed"
        time.sleep(0.2)


def test_a_fresh_token_of_another_tenant_ends_the_connection(live_client, make_live_token):
    client = live_client()
    client.send(type="authenticate", token=make_live_token("tenant-b"))
    assert client.closing() == (1008, "the token is of another tenant")


def test_a_publication_reaches_everyone_in_the_channel_but_its_sender(live_client):
    sender, *others = (live_client() for _ in range(4))
    for number, client in enumerate((sender, *others), start=1):
        assert client.subscribe("all") == {"type": "subscribed", "channel": "all", "subscribers": number}
    sender.publish(1, {"cpu": 0.5, "city": "Zürich"}, "all")
    assert sender.next() == {"type": "acknowledged", "channel": "all", "sequence": 1, "subscribers": 3}
    first = others[0].next()
    assert first | {"publisher": ""} == {
        "type": "message", "channel": "all", "publisher": "", "sequence": 1,
        "data": {"cpu": 0.5, "city": "Zürich"},
    }  # fmt: skip
    assert [client.next() for client in others[1:]] == [first, first]
    assert sender.ask(type="unsubscribe", channel="all")["delivered"] == 0


def test_other_channels_and_other_tenants_hear_nothing(live_client):
    sender, elsewhere, stranger = live_client(), live_client(), live_client("tenant-b")
    assert elsewhere.subscribe("other")["subscribers"] == 1
    assert stranger.subscribe("c")["subscribers"] == 1
    sender.publish(1)
    assert sender.next()["subscribers"] == 0
    for client, channel in ((elsewhere, "other"), (stranger, "c")):
        assert client.ask(type="unsubscribe", channel=channel) == {
            "type": "unsubscribed",
            "channel": channel,
            "delivered": 0,
        }


def test_each_publishers_messages_arrive_in_their_order_and_once(live_client):
    listener, *senders = (live_client() for _ in range(4))
    listener.subscribe()
    for sequence in range(1, 101):
        for sender in senders:
            sender.publish(sequence)
    heard: dict[str, list[int]] = {}
    for _ in range(300):
        message = listener.next()
        heard.setdefault(message["publisher"], []).append(message["sequence"])
    assert list(heard.values()) == [list(range(1, 101))] * 3
    for sender in senders:
        assert [sender.next()["sequence"] for _ in range(100)] == list(range(1, 101))
    assert listener.ask(type="unsubscribe", channel="c")["delivered"] == 300


def test_a_number_that_does_not_rise_is_refused_and_not_delivered(live_client):
    listener, sender = live_client(), live_client()
    listener.subscribe()
    sender.publish(5)
    assert sender.next()["type"] == "acknowledged"
    for repeated in (5, 4):
        sender.publish(repeated)
        assert sender.next() == {
            "type": "error", "code": "sequence", "detail": "sequence: expected more than 5",
            "channel": "c", "sequence": repeated,
        }  # fmt: skip
    sender.publish(1, channel="another")
    assert sender.next()["type"] == "acknowledged"
    assert listener.next()["sequence"] == 5
    assert listener.ask(type="unsubscribe", channel="c")["delivered"] == 1


def test_who_unsubscribes_hears_nothing_more(live_client):
    listener, sender = live_client(), live_client()
    listener.subscribe()
    sender.publish(1)
    assert listener.next()["sequence"] == 1
    assert listener.ask(type="unsubscribe", channel="c")["delivered"] == 1
    sender.publish(2)
    assert [sender.next()["subscribers"] for _ in range(2)] == [1, 0]
    assert listener.subscribe()["type"] == "subscribed"


def test_who_leaves_is_out_of_the_channel(live_client, live_count, eventually):
    listener, sender = live_client(), live_client()
    before = live_count("websocket_server_connections_closed_total", reason="normal")
    listener.subscribe("left")
    listener.socket.close()
    eventually(lambda: live_count("websocket_server_connections_closed_total", reason="normal") == before + 1)
    sender.publish(1, channel="left")
    assert sender.next()["subscribers"] == 0


def test_the_service_counts_connections_and_messages(live_client, live_count, eventually):
    eventually(lambda: live_count("websocket_server_connections") == 0)
    names = ("connections_opened_total", "connections_closed_total")
    before = [live_count(f"websocket_server_{name}") for name in names]
    received, sent = (
        live_count("websocket_server_messages_total", direction=direction)
        for direction in ("received", "sent")
    )
    client = live_client()
    client.subscribe()
    assert live_count("websocket_server_connections") == 1
    assert live_count("websocket_server_messages_total", direction="received") == received + 2
    assert live_count("websocket_server_messages_total", direction="sent") == sent + 2
    client.socket.close()
    eventually(lambda: live_count("websocket_server_connections") == 0)
    assert [live_count(f"websocket_server_{name}") for name in names] == [before[0] + 1, before[1] + 1]


def test_a_ping_is_answered(live_client):
    assert live_client().socket.ping().wait(10)


def test_a_client_that_breaks_off_counts_as_lost(live_client, live_count, eventually):
    before = live_count("websocket_server_connections_closed_total", reason="lost")
    client = live_client()
    client.socket.socket.shutdown(2)
    eventually(lambda: live_count("websocket_server_connections_closed_total", reason="lost") == before + 1)
    with pytest.raises(websockets.ConnectionClosedError):
        client.next()
