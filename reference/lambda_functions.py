"""Serves routes as Lambda serves functions: waits for cold starts, and shows them in answers, metrics and log lines.

A route is a function when the service declares it one, with start-up times of its own, or while a cold_start fault
hits it. An ASGI layer inside the faults' one.
"""

from __future__ import annotations

import asyncio
import math
import random
import resource
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

from reference.cold_starts import InstancePool, StartUp
from reference.faults import Fault
from reference.server_metrics import UNMATCHED, Counter, Durations, Gauge, ServerMetrics

INIT_BOUNDS = (
    0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 7.5, 10.0, 30.0,
)  # fmt: skip
"""Seconds; 3 s, the limit of the Access system's target, is one of them."""
MEMORY_MB = 256
"""What the functions are said to have; the process that stands for all their instances fits in."""

INVOKED = "swarmscope.invoked"
"""Where a request's scope keeps the Invoked, once a function has served it."""
Write = Callable[[str], None]
"""Takes a log line."""


@dataclass(frozen=True, slots=True)
class Invoked:
    """How a function served one request."""

    request_id: str
    seconds: float
    """Of the handler, the instance's start left out."""
    init_seconds: float | None
    """How long the instance took to start; None for one that was warm."""
    instance: str


@dataclass(slots=True)
class _Function:
    name: str
    pool: InstancePool
    own: StartUp | None
    """Its ordinary start-up times; None when it is a function only while a fault says so."""
    start_up: StartUp
    fault: Fault | None = None


class LambdaFunctions:
    """The functions of one service."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, chance: random.Random | None = None
    ) -> None:
        self._clock, self._chance = clock, chance or random.Random()
        self._functions: dict[tuple[str, str], _Function] = {}
        self.log_cold_start: Write = lambda line: None
        """Takes the REPORT lines of invocations that started an instance."""
        self.log: Write = lambda line: None
        """Takes the REPORT lines of all invocations."""
        self.invocations = Counter(
            "lambda_invocations_total", "Requests that functions served.", ("function",)
        )
        self.cold_starts = Counter(
            "lambda_cold_starts_total",
            "Requests for which a function's instance had to start first.",
            ("function",),
        )
        self.inits = Durations(
            "lambda_init_duration_seconds",
            "Time that an instance of a function took to start.",
            ("function",),
            INIT_BOUNDS,
        )

    def register(self, metrics: ServerMetrics) -> None:
        """Publish invocations, cold starts and instances."""
        instances = Gauge(
            "lambda_instances", "Instances of a function by state.", ("function", "state"), self._instances
        )
        metrics.register(self.invocations, self.cold_starts, self.inits, instances)

    def __bool__(self) -> bool:
        return bool(self._functions)

    def declare(self, method: str, route: str, name: str, start_up: StartUp) -> None:
        """Make a route a function in the ordinary case, too."""
        self._add((method, route), name, start_up, start_up)

    def find(self, method: str, route: str, fault: Fault | None) -> _Function | None:
        """The function that serves a route now, None when it is none; `fault` is the cold start that hits it."""
        function = self._functions.get((method, route))
        if fault is None:
            if function is None or function.own is None:
                return None
            function.start_up = function.own
            return function
        if route == UNMATCHED:
            return None
        start_up = StartUp.of(fault)
        if function is None:
            function = self._add((method, route), f"{method} {route}", None, start_up)
        if function.fault is not fault:
            # As after a deployment: a fault that begins finds no warm instance.
            function.pool.forget()
            function.fault = fault
        function.start_up = start_up
        return function

    async def invoke(
        self, function: _Function, scope: Scope, send: Send, serve: Callable[[Send], Awaitable[None]]
    ) -> None:
        """Let an instance serve one request: its start first, if it is a new one; the scope keeps what happened."""
        acquired = function.pool.acquire(function.start_up)
        request_id = str(uuid.uuid4())
        init = acquired.init_seconds
        self.invocations.add(function.name)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Amzn-RequestId"] = request_id
                if init is not None:
                    headers["X-Cold-Start"] = "true"
                    headers["X-Init-Duration-Ms"] = f"{init * 1000:.2f}"
            await send(message)

        started = self._clock()
        try:
            if init is not None:
                await asyncio.sleep(init)
                # Known once it has happened: a start that is still under way is in no answer either.
                self.cold_starts.add(function.name)
                self.inits.observe(init, function.name)
                started = self._clock()
            await serve(sending)
        finally:
            function.pool.release(acquired.instance)
            seconds = self._clock() - started
            scope[INVOKED] = Invoked(request_id, seconds, init, acquired.instance.name)
            line = report_line(request_id, seconds, init)
            self.log(line)
            if init is not None:
                self.log_cold_start(line)

    def _add(self, key: tuple[str, str], name: str, own: StartUp | None, start_up: StartUp) -> _Function:
        function = _Function(name, InstancePool(self._clock, self._chance), own, start_up)
        self._functions[key] = function
        self.invocations.add(name, amount=0)
        self.cold_starts.add(name, amount=0)
        self.inits.declare(name)
        return function

    def _instances(self) -> dict[tuple[str, ...], float]:
        return {
            (function.name, state): float(count)
            for function in self._functions.values()
            for state, count in function.pool.counts(function.start_up.idle_seconds).items()
        }


def report_line(
    request_id: str, seconds: float, init_seconds: float | None, used_mb: int | None = None
) -> str:
    """An invocation's REPORT line as Lambda writes it to CloudWatch Logs; starting is billed, as of August 2025."""
    milliseconds = seconds * 1000
    if used_mb is None:
        used_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    init = 0.0 if init_seconds is None else init_seconds * 1000
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {max(1, math.ceil(milliseconds + init))} ms",
        f"Memory Size: {MEMORY_MB} MB",
        f"Max Memory Used: {min(MEMORY_MB, used_mb)} MB",
    ]
    if init_seconds is not None:
        fields.append(f"Init Duration: {init:.2f} ms")
    return "\t".join(fields) + "\t"
