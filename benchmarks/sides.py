"""Real Locust users whose every request takes one of two "sides": with what is measured, or without.

The sides of a user differ in nothing else: each has a session and connection of its own to the same service, and
its own request event, on which Locust's own listener comes first. A coin decides which side the next request
takes, so that whatever the machine does meanwhile hits both alike, and the CPU time of each side is added up. CPU
time is split by greenlet (greenlet's trace hook, on both sides), so that many users can run at once, as they do.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import gevent
import greenlet
from gevent.event import Event
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, FastHttpUser
from locust.env import Environment
from locust.event import EventHook
from locust.user.users import HttpUser, User
from locust.user.wait_time import constant

from exporters.http_clients import HttpClients
from exporters.in_flight import InFlight

USERS = 50
PAUSE = {"FastHttpUser": 0.01, "HttpUser": 0.06}
"""Seconds that a user waits between requests at a usual pace: about 4,000 and 800 requests a second in all."""
FLAT_OUT = 0.0
LONGEST = 0.003
"""CPU seconds above which a request is left out on either side: a full garbage collection, or a stolen core."""
WINDOW = 0.06
"""Seconds that all users take the same side when their rate is compared."""

KINDS: dict[str, tuple[type, type]] = {
    "FastHttpUser": (FastHttpUser, FastHttpSession),
    "HttpUser": (HttpUser, HttpSession),
}
_NAMES = [f"/v1/events/{number}" for number in range(20)]
_EVENT = {
    "event_type": "order.created",
    "payload": {"order_id": "ord_123", "items": [1, 2, 3], "total": 99.5},
}
_HEADERS = {"X-API-Key": "sk_benchmark_0123456789abcdef"}


@dataclass
class Side:
    """One way to run a request, and what its requests cost."""

    name: str
    listener: Callable[..., Any] | None = None
    in_flight: InFlight | None = None
    followed: type | None = None
    cpu_seconds: float = 0.0
    squares: float = 0.0
    requests: int = 0

    def add(self, seconds: float) -> None:
        """Take in one request's CPU time."""
        if seconds < LONGEST:
            self.cpu_seconds += seconds
            self.squares += seconds * seconds
            self.requests += 1

    @property
    def mean(self) -> float:
        """CPU seconds per request."""
        return self.cpu_seconds / self.requests

    @property
    def variance(self) -> float:
        """Variance of the mean."""
        return (self.squares / self.requests - self.mean**2) / self.requests

    def session(self, user: Any, kind: type) -> Any:
        """A session of this side for a user, made like the user's own."""
        event = EventHook()
        for handler in user.environment.events.request._handlers:
            event.add_listener(handler)
        if self.listener is not None:
            event.add_listener(self.listener)
        return self._session_class(kind)(base_url=user.host, request_event=event, user=user)

    def _session_class(self, kind: Any) -> Any:
        """The class itself, or one whose `request` is followed as track_http_clients() would."""
        if self.in_flight is None:
            return kind
        if self.followed is None:
            original = kind.request
            copy = FunctionType(original.__code__, original.__globals__, "request", original.__defaults__)
            copy.__kwdefaults__ = original.__kwdefaults__
            HttpClients(self.in_flight).follow(copy)
            self.followed = type(kind.__name__, (kind,), {"request": copy})
        return self.followed


def added(plain: Side, side: Side) -> tuple[float, float]:
    """What the side adds to a request, in CPU seconds, and its standard error."""
    return side.mean - plain.mean, (side.variance + plain.variance) ** 0.5


class _CpuOfGreenlets:
    """CPU time of this thread, split by the greenlet that used it."""

    def __init__(self) -> None:
        self._spent: defaultdict[Any, float] = defaultdict(float)
        self._since = time.thread_time()

    def __enter__(self) -> _CpuOfGreenlets:
        greenlet.settrace(self._on_switch)
        return self

    def __exit__(self, *_: object) -> None:
        greenlet.settrace(None)

    def _on_switch(self, _event: str, switch: tuple[Any, Any]) -> None:
        now = time.thread_time()
        self._spent[switch[0]] += now - self._since
        self._since = now

    def of_this_one(self) -> float:
        """CPU seconds that the running greenlet has used."""
        return self._spent[greenlet.getcurrent()] + time.thread_time() - self._since


def added_cost(kind: str, host: str, sides: tuple[Side, Side], requests: int, pause: float) -> None:
    """Let users send so many requests, a coin deciding the side of each; the sides keep what they cost."""
    chance = random.Random(1)
    done = Event()
    left = requests

    def send(user: Any) -> None:
        nonlocal left
        toss = chance.randrange(2)
        before = cpu.of_this_one()
        _post(user.sessions[toss], chance)
        sides[toss].add(cpu.of_this_one() - before)
        left -= 1
        if left == 0:
            done.set()

    with _CpuOfGreenlets() as cpu:
        _run([_bench_user(kind, host, sides, send, pause)], USERS, done, seconds=requests * 0.006 + 20)


def compared_rate(
    kind: str,
    host: str,
    plain: Side,
    side: Side,
    pairs: int,
    *,
    window: float = WINDOW,
    pause: float = FLAT_OUT,
    on_side: Callable[[], None] = lambda: None,
) -> float:
    """Requests per second with the side as a share of those without: median over pairs of neighbouring windows.

    `on_side` is called when a window of the side begins, for what it does beside its requests.
    """
    sides = (plain, side)
    chance = random.Random(2)
    done = Event()
    turn = sent = 0
    ratios = []

    def send(user: Any) -> None:
        nonlocal sent
        _post(user.sessions[turn], chance)
        sent += 1
        if pause:
            gevent.sleep(pause)

    def rate(side_in_turn: int) -> float:
        nonlocal turn
        turn = side_in_turn
        if turn:
            on_side()
        before, since = sent, time.perf_counter()
        gevent.sleep(window)
        return (sent - before) / (time.perf_counter() - since)

    def compare(_: Any) -> None:
        gevent.sleep(1)
        for _pair in range(pairs):
            first = chance.randrange(2)
            rates = {toss: rate(toss) for toss in (first, 1 - first)}
            ratios.append(rates[1] / rates[0])
        done.set()
        gevent.sleep(60)  # until the run is ended

    users = [_bench_user(kind, host, sides, send, FLAT_OUT), _watcher(compare)]
    _run(users, USERS + 1, done, seconds=pairs * window * 4 + 20)
    return sorted(ratios)[len(ratios) // 2]


def own_cost(kind: str, host: str, pause: float, seconds: float = 3.0) -> float:
    """CPU seconds per request of the whole Locust process with nothing added."""
    chance = random.Random(3)
    done = Event()
    sent = 0
    cost = 0.0

    def send(user: Any) -> None:
        nonlocal sent
        _post(user.sessions[0], chance)
        sent += 1

    def measure(_: Any) -> None:
        nonlocal cost
        gevent.sleep(1)
        before, sent_before = time.process_time(), sent
        gevent.sleep(seconds)
        cost = (time.process_time() - before) / (sent - sent_before)
        done.set()
        gevent.sleep(60)  # until the run is ended

    users = [_bench_user(kind, host, (Side("plain"),), send, pause), _watcher(measure)]
    _run(users, USERS + 1, done, seconds=seconds + 20)
    return cost


def _post(session: Any, chance: random.Random) -> None:
    """The request of the measurements: an event as the Triggers API takes it."""
    session.post("/v1/events", json=_EVENT, headers=_HEADERS, name=chance.choice(_NAMES))


def _bench_user(
    kind: str, host: str, sides: tuple[Side, ...], send: Callable[[Any], None], pause: float
) -> type:
    """A user class of this kind, with a session per side; each user waits `pause` seconds between two requests."""
    user_class, session_class = KINDS[kind]

    def on_start(user: Any) -> None:
        user.sessions = [side.session(user, session_class) for side in sides]
        chance = random.Random(0)
        for session in user.sessions * 20:  # connections, caches and the interpreter's inline caches get warm
            _post(session, chance)

    members = {
        "wait_time": constant(pause),
        "host": host,
        "abstract": False,
        "on_start": on_start,
        "tasks": [send],
    }
    return type("BenchUser", (user_class,), members)


def _watcher(watch: Callable[[Any], None]) -> type:
    """One user beside the others that sends nothing."""
    return type("Watcher", (User,), {"tasks": [watch], "fixed_count": 1, "wait_time": constant(0)})


def _run(user_classes: list[type], users: int, done: Event, seconds: float) -> None:
    """Run Locust users until `done`; raises TimeoutError when that takes too long."""
    runner = Environment(user_classes=user_classes).create_local_runner()
    try:
        runner.start(users, spawn_rate=100)
        if not done.wait(timeout=seconds):
            raise TimeoutError(f"the benchmark's users were not done after {seconds:.0f} s")
    finally:
        runner.quit()
