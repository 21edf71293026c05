"""One WebSocket connection of a load generator: the protocol is the `websockets` library's, the socket is gevent's.

The library's sans-I/O half does all of RFC 6455; what it leaves to its user is moving bytes, which here costs one
system call for however many messages have arrived. Beside others: benchmarks/websocket_clients.py.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from functools import cache
from threading import Lock  # gevent's, where Locust has patched it

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

CONNECT_SECONDS = 10.0
"""For each step of connecting; one that takes longer has failed."""
MOST_MESSAGE_BYTES = 1 << 20
_CHUNK = 65536
_ENDINGS: dict[int, str] = {
    CloseCode.NORMAL_CLOSURE: "normal",
    CloseCode.GOING_AWAY: "going away",
    CloseCode.PROTOCOL_ERROR: "protocol error",
    CloseCode.INVALID_DATA: "protocol error",
    CloseCode.POLICY_VIOLATION: "refused",
    CloseCode.MESSAGE_TOO_BIG: "message too big",
    CloseCode.INTERNAL_ERROR: "service error",
    CloseCode.SERVICE_RESTART: "service restart",
    CloseCode.TRY_AGAIN_LATER: "too slow",
    CloseCode.ABNORMAL_CLOSURE: "lost",
    CloseCode.NO_STATUS_RCVD: "lost",
}
"""How a close code is called in counters and failures; `lost` is an end without one."""
ENDINGS = tuple(dict.fromkeys([*_ENDINGS.values(), "no answer", "other"]))


class NotConnected(Exception):
    """A connection that did not come about; the text says why."""


class HandshakeRefused(NotConnected):
    """The service answered the handshake with an HTTP status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake was answered with {status}")
        self.code = status


class ConnectionEnded(Exception):
    """A connection that is over; `ending` is one of ENDINGS."""

    def __init__(self, ending: str) -> None:
        super().__init__(f"the connection ended: {ending}")
        self.ending = ending


class WebSocketConnection:
    """A connection from its handshake to its end. One greenlet receives; any may send."""

    def __init__(self, url: str) -> None:
        """Connect to a ws:// or wss:// address; raises NotConnected."""
        uri = parse_uri(url)
        # Compression is not offered: it is the CPU of the load generator that is short.
        self._protocol = ClientProtocol(uri, max_size=MOST_MESSAGE_BYTES)
        self._lock = Lock()
        self._ending = ""
        self._ready: list[str] = []
        """What came with the answer to the handshake."""
        self._parts: list[bytes] = []
        try:
            self._socket = socket.create_connection((uri.host, uri.port), CONNECT_SECONDS)
        except OSError as error:
            raise NotConnected(_words(error)) from None
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if uri.secure:
                self._socket = _tls().wrap_socket(self._socket, server_hostname=uri.host)
            self._shake_hands()
        except BaseException as error:
            self._socket.close()
            if isinstance(error, OSError | WebSocketException):
                raise NotConnected(_words(error)) from None
            raise

    def _shake_hands(self) -> None:
        protocol = self._protocol
        protocol.send_request(protocol.connect())
        self._flush()
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            self._feed()
        if isinstance(protocol.handshake_exc, InvalidStatus):
            raise HandshakeRefused(protocol.handshake_exc.response.status_code)
        if protocol.handshake_exc is not None:
            raise NotConnected(_words(protocol.handshake_exc))
        self._ready = self._messages()

    def set_timeout(self, seconds: float | None) -> None:
        """How long `receive` waits for a message before it raises TimeoutError."""
        self._socket.settimeout(seconds)

    def send(self, text: str) -> None:
        """Send a text message; raises ConnectionEnded."""
        try:
            self._protocol.send_text(text.encode())
            self._flush()
        except (OSError, WebSocketException):
            raise ConnectionEnded(self._how_it_ended()) from None

    def receive(self) -> list[str]:
        """The text messages that have come since, at least one; raises ConnectionEnded, or TimeoutError."""
        found, self._ready = self._ready, []
        while not found:
            if self._is_over():
                raise ConnectionEnded(self._how_it_ended())
            try:
                self._feed()
            except TimeoutError:
                raise
            except OSError:
                raise ConnectionEnded(self._how_it_ended()) from None
            found = self._messages()
        return found

    def put_back(self, texts: list[str]) -> None:
        """Have `receive` return these first."""
        self._ready = texts + self._ready

    def close(self, code: int = CloseCode.NORMAL_CLOSURE) -> None:
        """Begin the closing handshake; whoever receives sees its end."""
        with suppress(OSError, WebSocketException):
            self._protocol.send_close(code)
            self._flush()

    def abort(self, ending: str = "") -> None:
        """End it at once, for whoever waits on it, too; `ending` says why, where it is not the service's doing."""
        self._ending = self._ending or ending
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the socket back; nothing may be called after it."""
        self._socket.close()

    def _feed(self) -> None:
        """Take what has arrived into the protocol, and send what it answers (pongs, close frames)."""
        data = self._socket.recv(_CHUNK)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        if self._protocol.writes:
            with suppress(OSError):  # a service that has closed takes no answer; what it said before counts
                self._flush()

    def _messages(self) -> list[str]:
        found = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue  # the answer to the handshake
            if event.opcode is Opcode.TEXT and event.fin:
                found.append(bytes(event.data).decode())
            elif event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    found.append(b"".join(self._parts).decode())
                    self._parts = []
        return found

    def _flush(self) -> None:
        # A greenlet that waits for room in the socket must not be overtaken by another's frame.
        with self._lock:
            for data in self._protocol.data_to_send():
                if data:
                    self._socket.sendall(data)
                else:
                    with suppress(OSError):  # the empty bytes mean the end of what we send
                        self._socket.shutdown(socket.SHUT_WR)

    def _is_over(self) -> bool:
        # Not before the service closes TCP, as RFC 6455 has it: one that forgets to would hold the user for ever.
        protocol = self._protocol
        return (
            protocol.state is State.CLOSED
            or protocol.close_rcvd is not None
            or protocol.parser_exc is not None
        )

    def _how_it_ended(self) -> str:
        if self._ending:
            return self._ending
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        # What the service says comes first; what we said of it (too big, not UTF-8) is next.
        said = received or sent
        return "lost" if said is None else _ENDINGS.get(said.code, "other")


@cache
def _tls() -> ssl.SSLContext:
    # Once: it reads every certificate of the machine.
    return ssl.create_default_context()


def _words(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError():
            return "connection reset"
        case OSError(strerror=str(words)):
            return words
    return str(error)
