"""Carries faults out: a pure ASGI layer around a service, and the /faults path that switches them.

Without an active fault the layer costs one attribute read per request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import random
from collections import deque
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference.faults import CONTROL, Decision, Fault, FaultBoard, FaultError, Kind, describe, parse_faults
from reference.lambda_functions import LambdaFunctions
from reference.server_metrics import Counter, Gauge, RouteNames, ServerMetrics
from reference.throttle import Turnstile
from reference.websocket_faults import CONNECT, WebSocketFaults

MOST_BUFFERED = 1 << 20
"""Bytes of a body that a hung request reads ahead (to notice that the client left) before it leaves it unread."""
QUEUED = "swarmscope.queued_seconds"
"""Where a request's scope says how long a throttle held it."""
_KINDS = "swarmscope.faults"
"""Where a request's scope says which faults hit it."""


def is_asked_for(kind: Kind, request: Request) -> bool:
    """Whether a fault of this kind, one that the service itself carries out, hits this request."""
    return kind in request.scope.get(_KINDS, ())


class FaultInjection:
    """Holds the board, wakes hung requests when it changes, and counts what it did."""

    def __init__(self, board: FaultBoard) -> None:
        self.board = board
        self.switched_from: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
        """Networks beside this machine that may switch faults."""
        self.functions = LambdaFunctions()
        """Routes that are served like Lambda functions; a cold_start fault adds to them."""
        self._changed = asyncio.Event()
        self._turnstiles: dict[int, tuple[Fault, Turnstile]] = {}
        board.on_change = self._wake
        self.injected = Counter(
            "reference_faults_injected_total",
            "Requests that a commanded fault hit, by kind.",
            ("kind",),
            [(kind,) for kind in Kind],
        )
        self.websockets = WebSocketFaults(board, self.injected.add, self.change, random.Random())

    def register(self, metrics: ServerMetrics) -> None:
        """Publish what is injected and what is active."""
        active = Gauge(
            "reference_faults_active", "Commanded faults that are active, by kind.", ("kind",), self._active
        )
        metrics.register(self.injected, active)
        self.functions.register(metrics)

    def _active(self) -> dict[tuple[str, ...], float]:
        counts: dict[tuple[str, ...], float] = {(kind.value,): 0.0 for kind in Kind}
        for fault, _ in self.board.active():
            counts[(fault.kind.value,)] += 1
        return counts

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._turnstiles.clear()

    async def change(self, timeout: float | None) -> None:
        """Wait until other faults are commanded, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout)

    async def outlast(self, fault: Fault) -> None:
        """Wait until a fault has ended."""
        while (left := self.board.seconds_left(fault)) != 0.0:
            await self.change(left)

    def middleware(self, app: ASGIApp, routes: RouteNames) -> ASGIApp:
        """The ASGI layer; sits inside the metrics', so that its delays are measured."""
        board, functions = self.board, self.functions

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            is_websocket = scope["type"] == "websocket"
            if not is_websocket and (scope["type"] != "http" or not (functions or board.active())):
                await app(scope, receive, send)
                return
            method, route = CONNECT if is_websocket else scope["method"], routes.find(scope["path"])
            decision = board.decide(method, route)
            scope[_KINDS] = decision.kinds
            for kind in decision.kinds:
                self.injected.add(kind)
            function = functions.find(method, route, decision.cold_start)
            if function is None:
                await broken(decision, scope, receive, send)
            else:
                # Its faults are the function's: they keep the instance busy, as slow code does.
                await functions.invoke(function, scope, send, partial(broken, decision, scope, receive))

        async def broken(decision: Decision, scope: Scope, receive: Receive, send: Send) -> None:
            if decision.hang is not None:
                held = _HeldRequest(receive)
                if not await self._outlast(decision.hang, held):
                    return
                receive = held.replay
            if decision.throttle is not None:
                held, began = _HeldRequest(receive), perf_counter()
                if not await self._queue(decision.throttle, held):
                    return
                scope[QUEUED] = perf_counter() - began
                receive = held.replay
            if decision.delay_seconds:
                await asyncio.sleep(decision.delay_seconds)
            if scope["type"] == "websocket":
                route = routes.find(scope["path"])
                await self.websockets.connect(decision, app, route, scope, receive, send)
            elif decision.error is not None:
                answer = JSONResponse(
                    {"code": "injected_fault", "detail": "A commanded fault."}, decision.error.status
                )
                await answer(scope, receive, send)
            else:
                await app(scope, receive, send)

        return faulty

    async def _outlast(self, fault: Fault, held: _HeldRequest) -> bool:
        """Wait until the fault has ended; False when the client left before that."""
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return await self._hold(fault, held, never)

    async def _queue(self, fault: Fault, held: _HeldRequest) -> bool:
        """Wait in line until let through, or until the fault has ended; False when the client left before that."""
        # By identity: two equal throttles are two lines, and one that is put again starts anew.
        _, turnstile = self._turnstiles.setdefault(
            id(fault), (fault, Turnstile(fault.rate, asyncio.get_running_loop().time))
        )
        place = turnstile.enter()
        try:
            return await self._hold(fault, held, place)
        finally:
            turnstile.leave(place)

    async def _hold(self, fault: Fault, held: _HeldRequest, released: asyncio.Future[None]) -> bool:
        """Wait until released, or until the fault has ended; False when the client left before that."""
        gone = asyncio.ensure_future(held.client_gone())
        try:
            while not released.done() and (left := self.board.seconds_left(fault)) != 0.0:
                changed = asyncio.ensure_future(self._changed.wait())
                # A body too long to look past ends the watch without an answer: then only the fault is awaited.
                watched: set[asyncio.Future[Any]] = (
                    {changed, released} if gone.done() else {changed, released, gone}
                )
                await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if gone.done() and gone.result():
                    return False
            return True
        finally:
            gone.cancel()

    def routes(self) -> list[Route]:
        """GET, PUT and DELETE /faults."""
        return [Route(CONTROL, self._control, methods=["GET", "PUT", "DELETE"])]

    def _may_switch(self, request: Request) -> bool:
        try:
            caller = ipaddress.ip_address(request.client.host if request.client is not None else "")
        except ValueError:
            return False
        return caller.is_loopback or any(caller in network for network in self.switched_from)

    async def _control(self, request: Request) -> Response:
        if not self._may_switch(request):
            return JSONResponse(
                {"code": "forbidden", "detail": "Faults are switched from this machine only."}, 403
            )
        if request.method == "PUT":
            try:
                self.board.put(parse_faults(json.loads(await request.body())))
            except FaultError as error:
                return JSONResponse({"code": "invalid", "problems": list(error.problems)}, 422)
            except (ValueError, RecursionError) as error:
                return JSONResponse({"code": "not_json", "detail": f"Not JSON: {error}"}, 400)
        elif request.method == "DELETE":
            self.board.clear()
        return JSONResponse([describe(fault, left) for fault, left in self.board.active()])


class _HeldRequest:
    """Reads a request's messages ahead while it hangs, so that a client that leaves is noticed, and replays them."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: deque[Message] = deque()

    async def client_gone(self) -> bool:
        """True once the client has left; False when the body is too long to look past."""
        size = 0
        while size <= MOST_BUFFERED:
            message = await self._receive()
            if message["type"] in ("http.disconnect", "websocket.disconnect"):
                return True
            self._messages.append(message)
            size += len(message.get("body", b""))
        return False

    async def replay(self) -> Message:
        """What was read ahead, then the rest."""
        return self._messages.popleft() if self._messages else await self._receive()


def faults_from_json(text: str) -> list[Fault]:
    """Faults from the command line; raises FaultError with every problem."""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FaultError([f"not JSON: {error}"]) from None
    return parse_faults(document)
