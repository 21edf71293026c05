"""/api/v1/live: a WebSocket over which a tenant's clients publish to channels and receive what others publish.

A client authenticates (`?token=…`, or its first message), subscribes, publishes. A publication goes to everyone in
the channel but its sender, who gets an acknowledgement. Publications of one connection to one channel arrive in their
order, each at most once: their sequence numbers must rise, and are passed on. Nothing is stored: whoever is not
connected misses what is published meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from reference.faults import NOTHING, Decision, Kind
from reference.metrics import live_messages as messages
from reference.metrics.live_channels import MOST_CHANNELS, Channels, Outbox
from reference.metrics.live_messages import Authenticate, BadMessage, Publish, Subscribe, Unsubscribe
from reference.server_metrics import Counter, Gauge
from reference.service import Service
from reference.tokens import TokenProblem, Tokens
from reference.websocket_faults import DELIVER, PUBLISH, refuse
from reference.websocket_protocol import EXTENSION, WebSocketProtocol

PATH = "/api/v1/live"
TENANT = "tenant"
"""The claim of a token that says whose channels its bearer may use."""
AUTHENTICATION_SECONDS = 10.0
"""From connecting to a token."""
REFUSED, SLOW, UNSUPPORTED = 1008, 1013, 1003
"""Close codes of RFC 6455."""
MOST_REASON_BYTES = 123


def live_routes(
    service: Service, tokens: Tokens, now: Callable[[], float] = time.time
) -> list[WebSocketRoute]:
    """The route of live channels; `now` is Unix seconds and must be the tokens'."""
    return [WebSocketRoute(PATH, Live(service, tokens, now))]


class Live:
    """The ASGI application behind the route; one per service."""

    def __init__(self, service: Service, tokens: Tokens, now: Callable[[], float]) -> None:
        self.service, self.tokens, self.now = service, tokens, now
        self.channels = Channels()
        self.numbers = itertools.count(1)
        self.published = Counter("live_published_total", "Publications taken and acknowledged.")
        self.delivered = Counter(
            "live_deliveries_total", "Messages put on their way to a subscriber, each subscriber counted."
        )
        self.refused = Counter(
            "live_refused_total",
            "Messages that were not carried out, by reason.",
            ("reason",),
            [("not_json",), ("invalid",), ("sequence",), ("too_many_channels",), ("injected_fault",)],
        )
        self.slow = Counter("live_slow_consumers_total", "Connections closed for lagging too far behind.")
        service.metrics.register(
            self.published,
            self.delivered,
            self.refused,
            self.slow,
            Gauge(
                "live_channels", "Channels that somebody listens to.", (), lambda: {(): len(self.channels)}
            ),
            Gauge(
                "live_subscriptions",
                "Subscriptions of all connections.",
                (),
                lambda: {(): self.channels.subscriptions},
            ),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        query = {
            name: values[0] for name, values in parse_qs(scope["query_string"].decode("latin-1")).items()
        }
        claims: dict[str, Any] | None = None
        publisher = query.get("publisher", "")
        if "token" in query:
            try:
                claims = self.claims(query["token"])
            except TokenProblem as error:
                await refuse(send, 401, "unauthorised", f"{error}.".capitalize())
                return
            if publisher and not messages.PUBLISHER.fullmatch(publisher):
                await refuse(send, 400, "invalid", messages.PUBLISHER_EXPECTED)
                return
        await receive()  # websocket.connect
        with suppress(ClientDisconnected):
            await send({"type": "websocket.accept"})
            await _Connection(self, scope, receive, send).serve(claims, publisher)

    def claims(self, token: str) -> dict[str, Any]:
        """What a token says; raises TokenProblem also for one that names no tenant."""
        claims = self.tokens.read(token)
        if not isinstance(claims.get(TENANT), str) or not claims[TENANT]:
            raise TokenProblem("the token names no tenant")
        return claims

    def decide(self, method: str) -> Decision:
        """What commanded faults do to a message."""
        board = self.service.board
        decision = board.decide(method, PATH) if board.active() else NOTHING
        for kind in decision.kinds:
            self.service.faults.injected.add(kind)
        return decision


class _Connection:
    """One client."""

    def __init__(self, live: Live, scope: Scope, receive: Receive, send: Send) -> None:
        self._live, self._receive, self._send = live, receive, send
        self._protocol: WebSocketProtocol = scope["extensions"][EXTENSION]
        self._outbox = Outbox(self._lags)
        self._tenant = self._publisher = ""
        self._subscribed: set[str] = set()
        self._sequences: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(AUTHENTICATION_SECONDS, self._close, "no token came in time")

    async def serve(self, claims: dict[str, Any] | None, publisher: str) -> None:
        """Carry out the client's messages until the connection ends."""
        writer = asyncio.create_task(self._write())
        try:
            if claims is not None:
                self._admit(claims, publisher)
            while (message := await self._receive())["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:
                    self._protocol.close_now(UNSUPPORTED, "messages are text")
                elif self._tenant:
                    await self._carry_out(text)
                else:
                    self._authenticate(text)
        finally:
            self._timer.cancel()
            self._outbox.close()
            for channel in self._subscribed:
                self._live.channels.unsubscribe(self._tenant, channel, self._outbox)
            writer.cancel()
            with suppress(asyncio.CancelledError, ClientDisconnected):
                await writer

    def _authenticate(self, text: str) -> None:
        try:
            first = messages.read(text)
            if not isinstance(first, Authenticate):
                raise TokenProblem("the first message must be authenticate")
            self._admit(self._live.claims(first.token), first.publisher)
        except (BadMessage, TokenProblem) as error:
            self._close(str(error))

    def _admit(self, claims: dict[str, Any], publisher: str) -> None:
        self._tenant = claims[TENANT]
        self._publisher = publisher or str(next(self._live.numbers))
        self._close_at(claims["exp"])
        self._outbox.put(messages.ready(self._tenant, self._publisher))

    def _prolong(self, token: str) -> None:
        """A fresh token before the old one expires: access tokens are shorter than what a dashboard stays open."""
        try:
            claims = self._live.claims(token)
        except TokenProblem as error:
            self._close(str(error))
            return
        if claims[TENANT] != self._tenant:
            self._close("the token is of another tenant")
            return
        self._close_at(claims["exp"])
        self._outbox.put(messages.ready(self._tenant, self._publisher))

    def _close_at(self, expires: float) -> None:
        self._timer.cancel()
        self._timer = self._loop.call_later(
            max(0.0, expires - self._live.now()), self._close, "the token has expired"
        )

    async def _carry_out(self, text: str) -> None:
        live, outbox = self._live, self._outbox
        publication: Publish | None = None
        try:
            message = messages.read(text)
            match message:
                case Publish():
                    publication = message
                    await self._publish(message)
                case Subscribe(channel):
                    self._bound(self._subscribed, channel)
                    self._subscribed.add(channel)
                    number = live.channels.subscribe(self._tenant, channel, outbox)
                    outbox.put(messages.subscribed(channel, number))
                case Unsubscribe(channel):
                    self._subscribed.discard(channel)
                    number = live.channels.unsubscribe(self._tenant, channel, outbox)
                    outbox.put(messages.unsubscribed(channel, number))
                case Authenticate(token):
                    self._prolong(token)
        except BadMessage as error:
            live.refused.add(error.code)
            outbox.put(messages.problem(error.code, str(error), publication))

    async def _publish(self, publication: Publish) -> None:
        live = self._live
        decision = live.decide(PUBLISH)
        if decision:
            if decision.hang is not None:
                await live.service.faults.outlast(decision.hang)
            if decision.delay_seconds:
                await asyncio.sleep(decision.delay_seconds)
            if decision.error is not None:
                raise BadMessage("injected_fault", "A commanded fault.")
        channel, sequence = publication.channel, publication.sequence
        self._bound(self._sequences, channel)
        if sequence <= self._sequences.get(channel, 0):
            raise BadMessage("sequence", f"sequence: expected more than {self._sequences[channel]}")
        self._sequences[channel] = sequence
        listeners = live.channels.listeners(self._tenant, channel, self._outbox)
        if Kind.LEAK in decision.kinds:
            listeners = [*listeners, *live.channels.strangers(self._tenant, channel)]
        live.published.add()
        live.delivered.add(amount=len(listeners))
        self._outbox.put(messages.acknowledged(channel, sequence, len(listeners)))
        if not listeners:
            return
        text = messages.delivery(publication, self._publisher)
        faulty = bool(live.service.board.active())
        for listener in listeners:
            listener.delivered += 1
            if not faulty:
                listener.outbox.put(text)
                continue
            decision = live.decide(DELIVER)
            if (
                decision.error is None
            ):  # else it is lost, which the count at the end of the subscription shows
                held = decision.delay_seconds
                due = self._loop.time() + held if held else 0.0
                for _ in range(2 if Kind.DOUBLE in decision.kinds else 1):
                    listener.outbox.put(text, due, decision.hang)

    def _bound(self, known: set[str] | dict[str, int], channel: str) -> None:
        if channel not in known and len(known) >= MOST_CHANNELS:
            raise BadMessage("too_many_channels", f"A connection may use {MOST_CHANNELS} channels.")

    async def _write(self) -> None:
        outbox, send = self._outbox, self._send
        while True:
            item = outbox.take()
            if item is None:
                something: asyncio.Future[None] = self._loop.create_future()
                outbox.wake = lambda ready=something: ready.done() or ready.set_result(None)
                await something
                continue
            text, due, hang = item
            if hang is not None:
                await self._live.service.faults.outlast(hang)
            if due and (early := due - self._loop.time()) > 0:
                await asyncio.sleep(early)
            await send({"type": "websocket.send", "text": text})

    def _lags(self) -> None:
        self._live.slow.add()
        self._protocol.close_now(SLOW, "too slow for its channels")

    def _close(self, reason: str) -> None:
        self._protocol.close_now(REFUSED, reason[:MOST_REASON_BYTES])
