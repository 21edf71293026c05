"""Counts a reference service's WebSocket connections, how each ended, and their messages: an ASGI layer.

Control frames (ping, pong, close) are no messages; a message of several fragments is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REASONS = {
    1000: "normal",
    1001: "going_away",
    1002: "protocol_error",
    1005: "lost",
    1006: "lost",
    1007: "protocol_error",
    1008: "refused",
    1009: "too_big",
    1011: "error",
    1012: "shutdown",
    1013: "slow_consumer",
}
"""Close code (RFC 6455, 7.4.1) → the label of connections that ended so; `lost` ended without a code."""
OTHER = "other"
NO_CODE = 1005


class _Route:
    """The counts of one route's connections."""

    def __init__(self) -> None:
        self.open = self.opened = self.received = self.sent = 0
        self.closed = dict.fromkeys([*REASONS.values(), OTHER], 0)
        self.refused: dict[int, int] = {401: 0}


class WebSocketMetrics:
    """The counts of every WebSocket route of one service."""

    def __init__(self) -> None:
        self._routes: dict[str, _Route] = {}

    def declare(self, route: str) -> None:
        """Make a route's series exist at zero."""
        self._routes.setdefault(route, _Route())

    def open(self, route: str) -> int:
        """How many connections to a route are open."""
        counts = self._routes.get(route)
        return counts.open if counts else 0

    async def measure(self, app: ASGIApp, route: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application for one connection and count what it does."""
        counts = self._routes.setdefault(route, _Route())
        code: int | None = None
        accepted = False

        async def counting_receive() -> Message:
            nonlocal code
            message = await receive()
            if message["type"] == "websocket.receive":
                counts.received += 1
            elif message["type"] == "websocket.disconnect" and code is None:
                code = message.get("code", NO_CODE)
            return message

        async def counting_send(message: Message) -> None:
            nonlocal accepted, code
            await send(message)
            kind = message["type"]
            if kind == "websocket.send":
                counts.sent += 1
            elif kind == "websocket.accept":
                accepted = True
                counts.open += 1
                counts.opened += 1
            elif kind == "websocket.close":
                if not accepted:
                    counts.refused[403] = counts.refused.get(403, 0) + 1
                elif code is None:
                    code = message.get("code", 1000)
            elif kind == "websocket.http.response.start":
                counts.refused[message["status"]] = counts.refused.get(message["status"], 0) + 1

        try:
            await app(scope, counting_receive, counting_send)
        finally:
            if accepted:
                counts.open -= 1
                counts.closed[REASONS.get(NO_CODE if code is None else code, OTHER)] += 1

    def collect(self) -> Iterator[Metric]:
        """The counts as prometheus-client renders them."""
        name = "websocket_server_"
        routes = list(self._routes.items())
        gauge = GaugeMetricFamily(f"{name}connections", "Open WebSocket connections.", labels=["route"])
        for route, counts in routes:
            gauge.add_metric([route], counts.open)
        yield gauge
        families: list[tuple[str, str, list[str], Callable[[_Route], dict[tuple[str, ...], int]]]] = [
            ("connections_opened", "Accepted.", [], lambda counts: {(): counts.opened}),
            (
                "connections_closed",
                "Ended, by reason of the close code ('lost': without one).",
                ["reason"],
                lambda counts: {(reason,): number for reason, number in counts.closed.items()},
            ),
            (
                "handshakes_refused",
                "Answered with an HTTP status instead.",
                ["status"],
                lambda counts: {(str(status),): number for status, number in counts.refused.items()},
            ),
            (
                "messages",
                "Messages by direction, as the service sees it.",
                ["direction"],
                lambda counts: {("received",): counts.received, ("sent",): counts.sent},
            ),
        ]
        for suffix, words, labels, read in families:
            family = CounterMetricFamily(
                name + suffix, f"WebSocket {suffix.replace('_', ' ')}. {words}", labels=["route", *labels]
            )
            for route, counts in routes:
                for values, number in read(counts).items():
                    family.add_metric([route, *values], number)
            yield family
