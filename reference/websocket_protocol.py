"""Uvicorn's WebSocket protocol, with the two ends that ASGI has no message for: at once, and without a farewell.

A server's `websocket.close` waits until the connection can be written to, which the connection of a client that has
stopped reading never can; and `transport.close()` waits for the same. Here neither outlives LAST_WORDS_SECONDS.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

MOST_MESSAGE_BYTES = 64 * 1024
"""Of one message, its fragments together; a longer one closes the connection with 1009."""
PING_SECONDS = 20.0
"""Between two pings of the server, and what a client gets to answer one."""
LAST_WORDS_SECONDS = 5.0
"""What a client gets to take a close frame and answer it."""
EXTENSION = "swarmscope.connection"
"""Under scope["extensions"]: the WebSocketProtocol that a scope belongs to."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    def handle_connect(self, event: Request) -> None:
        """Start the application, and tell it how to reach this connection."""
        super().handle_connect(event)
        if not self.close_sent:
            cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self

    async def send(self, message: ASGISendEvent) -> None:
        """Send for the application; a message after the close is a disconnect, as in the middle of the close."""
        if message["type"] == "websocket.send":
            if not self.writable.is_set():
                await self.writable.wait()
            # A connection that failed in mid-write is told of in the loop's next turn; what is written until then is
            # a warning each.
            if self.close_sent or self.transport.is_closing():
                raise ClientDisconnected
        await super().send(message)

    def close_now(self, code: int, reason: str) -> None:
        """Put a close frame behind what is written, waiting for nobody; the application receives the disconnect."""
        if self.close_sent or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return
        self.stop_keepalive()
        self.queue.put_nowait(
            cast(ASGIReceiveEvent, {"type": "websocket.disconnect", "code": code, "reason": reason})
        )
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:  # or the client's answer to the close frame would never be read
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(LAST_WORDS_SECONDS, self.transport.abort)

    def abort(self) -> None:
        """Cut the connection without a close frame, as a broken network does."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        """End the connection of a client that has not answered a ping, whether or not it still takes bytes."""
        super().keepalive_timeout()
        self.loop.call_later(LAST_WORDS_SECONDS, self.transport.abort)
