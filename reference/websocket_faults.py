"""Carries faults out on WebSocket connections: on connecting, and by cutting open ones.

A WebSocket route has three "methods" that a fault may name; without one it hits all three:

    CONNECT /api/v1/live    the handshake: delay, hang, error (answers with `status` instead)
    PUBLISH /api/v1/live    a message on its way in;  carried out by the route, as it knows what its messages mean
    DELIVER /api/v1/live    a message on its way out; the same

A `drop` cuts the share `probability` of the route's open connections when it is commanded, and again each second
for as long as it lasts: with `for_seconds: 1`, exactly once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference.faults import Decision, FaultBoard, Kind
from reference.websocket_protocol import EXTENSION

CONNECT, PUBLISH, DELIVER = "CONNECT", "PUBLISH", "DELIVER"
DROP_EACH_SECONDS = 1.0


class Connection(Protocol):
    """What can be cut."""

    def abort(self) -> None:
        """End it without a word."""


class WebSocketFaults:
    """The open connections of one service, and what is done to them."""

    def __init__(
        self,
        board: FaultBoard,
        count: Callable[[Kind], None],
        change: Callable[[float | None], Awaitable[None]],
        chance: Random,
    ) -> None:
        """`count` counts what a fault hit, `change` waits for another set of faults, at most so many seconds."""
        self._board, self._count, self._change, self._chance = board, count, change, chance
        self._open: dict[Connection, str] = {}
        self._dropping: asyncio.Task[None] | None = None

    async def connect(  # noqa: PLR0917  # what ASGI hands over, and two values
        self, decision: Decision, app: ASGIApp, route: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Let one connection in, or not, after whatever hang and delay; it can be cut while it is open."""
        if decision.error is not None:
            await refuse(send, decision.error.status, "injected_fault", "A commanded fault.")
            return
        connection = scope.get("extensions", {}).get(EXTENSION)
        if connection is None:
            await app(scope, receive, send)
            return

        async def noting_send(message: Message) -> None:
            await send(message)
            if message["type"] == "websocket.accept":
                self._open[connection] = route
                if self._dropping is None:
                    self._dropping = asyncio.create_task(self._drop_on_command())

        try:
            await app(scope, receive, noting_send)
        finally:
            self._open.pop(connection, None)

    async def _drop_on_command(self) -> None:
        while True:
            dropping = self._drop()
            await self._change(DROP_EACH_SECONDS if dropping else None)

    def _drop(self) -> bool:
        """Cut what the active faults ask for; whether there are any."""
        drops = [fault for fault, _ in self._board.active() if fault.kind is Kind.DROP]
        for fault in drops:
            hit = [one for one, route in self._open.items() if fault.hits(CONNECT, route)]
            for connection in self._chance.sample(hit, round(len(hit) * fault.probability)):
                self._open.pop(connection)
                self._count(Kind.DROP)
                connection.abort()
        return bool(drops)


async def refuse(send: Send, status: int, code: str, detail: str) -> None:
    """Answer a handshake with an HTTP status and a JSON body."""
    body = json.dumps({"code": code, "detail": detail}).encode()
    headers = [(b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
