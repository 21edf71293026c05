import base64
import hashlib
import socket
import struct
import threading

import pytest

from scenarios.metrics.websocket_connection import (
    ConnectionEnded,
    HandshakeRefused,
    NotConnected,
    WebSocketConnection,
)

TEXT, CONTINUATION, CLOSE, PING, PONG = 1, 0, 8, 9, 10


def frame(opcode, payload, *, fin=True):
    """A server's frame (RFC 6455, 5.2)."""
    size = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head += bytes([size])
    elif size < 65536:
        head += struct.pack("!BH", 126, size)
    else:
        head += struct.pack("!BQ", 127, size)
    return head + payload


class RawServer:
    """Accepts one connection and speaks raw bytes."""

    def __init__(self, after_handshake=b"", status="101 Switching Protocols"):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self._after, self._status = after_handshake, status
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        self.socket, _ = self._listener.accept()
        self.socket.settimeout(10)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(4096)
        (key,) = (
            line[19:] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key: ")
        )
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324
        answer = (
            f"HTTP/1.1 {self._status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Content-Length: 0\r\nSec-WebSocket-Accept: {accept.decode()}\r\n\r\n"
        )
        self.socket.sendall(answer.encode() + self._after)

    def received(self):
        """(opcode, unmasked payload) of the client's next frame, which must be masked."""
        first, second = self._read(2)
        assert second & 0x80, "a client's frame must be masked"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._read(2))
        mask = self._read(4)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._read(size)))

    def _read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the client closed"
            data += more
        return data

    def ready(self):
        self._thread.join(10)

    def close(self):
        self._thread.join(10)
        self.socket.close()
        self._listener.close()


@pytest.fixture
def connected():
    made = []

    def connect(after_handshake=b""):
        server = RawServer(after_handshake)
        made.append(server)
        connection = WebSocketConnection(server.url)
        server.ready()
        connection.set_timeout(10)
        made.append(connection)
        return connection, server

    yield connect
    for one in made:
        one.release() if isinstance(one, WebSocketConnection) else one.close()


def test_messages_that_come_with_the_handshake_are_not_lost(connected):
    connection, _ = connected(frame(TEXT, b"one") + frame(TEXT, "zwölf".encode()))
    assert connection.receive() == ["one", "zwölf"]


def test_all_messages_of_one_packet_are_received_at_once_and_in_order(connected):
    connection, server = connected()
    server.socket.sendall(b"".join(frame(TEXT, b"%d" % number) for number in range(50)))
    found = []
    while len(found) < 50:
        found += connection.receive()
    assert found == [str(number) for number in range(50)]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 1 << 20])
def test_every_length_of_a_frame_is_read(connected, size):
    connection, server = connected()
    sender = threading.Thread(target=server.socket.sendall, args=(frame(TEXT, b"x" * size),))
    sender.start()
    assert connection.receive() == ["x" * size]
    sender.join()


def test_a_message_in_fragments_is_one_and_a_ping_between_them_is_answered(connected):
    connection, server = connected()
    server.socket.sendall(
        frame(TEXT, "Zür".encode()[:-2], fin=False)
        + frame(PING, b"?")
        + frame(CONTINUATION, "Zür".encode()[-2:] + b"i", fin=False)
        + frame(CONTINUATION, b"ch")
    )
    assert connection.receive() == ["Zürich"]
    assert server.received() == (PONG, b"?")


def test_a_frame_that_comes_byte_by_byte_is_read(connected):
    connection, server = connected()

    def trickle():
        for byte in frame(TEXT, b"slowly"):
            server.socket.sendall(bytes([byte]))

    sender = threading.Thread(target=trickle)
    sender.start()
    assert connection.receive() == ["slowly"]
    sender.join()


def test_what_is_sent_is_masked_text(connected):
    connection, server = connected()
    connection.send("grüezi " + "x" * 200)
    assert server.received() == (TEXT, ("grüezi " + "x" * 200).encode())


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (1000, "normal"),
        (1001, "going away"),
        (1008, "refused"),
        (1009, "message too big"),
        (1011, "service error"),
        (1012, "service restart"),
        (1013, "too slow"),
        (4000, "other"),
    ],
)
def test_the_end_is_named_by_the_services_close_code_and_answered(connected, code, ending):
    connection, server = connected()
    server.socket.sendall(frame(TEXT, b"last") + frame(CLOSE, struct.pack("!H", code)))
    assert connection.receive() == ["last"]
    with pytest.raises(ConnectionEnded) as ended:
        connection.receive()
    assert (ended.value.ending, str(ended.value)) == (ending, f"the connection ended: {ending}")
    assert server.received() == (CLOSE, struct.pack("!H", code))


def test_an_end_without_a_close_frame_is_a_loss(connected):
    connection, server = connected()
    server.socket.close()
    with pytest.raises(ConnectionEnded, match="the connection ended: lost"):
        connection.receive()


@pytest.mark.parametrize(
    "broken",
    [frame(3, b"reserved opcode"), frame(TEXT, b"no start")[:0] + frame(CONTINUATION, b"of nothing"),
     bytes([0xC1, 0]), frame(PING, b"x" * 126)],
)  # fmt: skip
def test_a_service_that_breaks_the_protocol_is_left(connected, broken):
    connection, server = connected()
    server.socket.sendall(broken)
    with pytest.raises(ConnectionEnded, match="the connection ended: protocol error"):
        connection.receive()
    assert server.received()[0] == CLOSE


def test_a_message_that_is_too_big_ends_the_connection(connected):
    connection, server = connected()
    server.socket.sendall(frame(TEXT, b"")[:1] + struct.pack("!BQ", 127, 1 << 40))
    with pytest.raises(ConnectionEnded, match="the connection ended: message too big"):
        connection.receive()


def test_a_silent_service_is_a_timeout(connected):
    connection, _ = connected()
    connection.set_timeout(0.05)
    with pytest.raises(TimeoutError):
        connection.receive()


def test_a_connection_that_is_given_up_says_why_to_who_waits_on_it(connected):
    connection, _ = connected()
    connection.abort("no answer")
    with pytest.raises(ConnectionEnded, match="the connection ended: no answer"):
        connection.receive()
    with pytest.raises(ConnectionEnded, match="the connection ended: no answer"):
        connection.send("x")


def test_what_was_put_back_comes_first(connected):
    connection, _ = connected(frame(TEXT, b"one") + frame(TEXT, b"two"))
    first, *more = connection.receive()
    connection.put_back(more)
    assert (first, connection.receive()) == ("one", ["two"])


def test_a_refused_handshake_names_the_status():
    server = RawServer(status="503 Service Unavailable")
    with pytest.raises(HandshakeRefused, match="the handshake was answered with 503") as refused:
        WebSocketConnection(server.url)
    assert refused.value.code == 503
    server.close()


def test_a_service_that_is_not_there_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(NotConnected, match="connection refused"):
        WebSocketConnection(f"ws://127.0.0.1:{port}/live")
