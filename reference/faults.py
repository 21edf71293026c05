"""Faults on command: what can be asked of a reference service to go wrong, where, how likely and for how long.

Values and decisions only; `reference.fault_injection` carries them out. Times are seconds of a clock passed in.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

API = "api"
"""The default `routes`: everything but the operational paths, so that a broken service still reports its health."""
OPERATIONAL = frozenset({"/", "/health", "/metrics", "/openapi.json", "/faults"})
CONTROL = "/faults"
"""Never touched by a fault: it is the way to end one."""
LONGEST_SECONDS = 24 * 3600


class Kind(StrEnum):
    """What a fault does to a request that it hits."""

    DELAY = "delay"
    """Waits delay_ms, ± up to jitter_ms, then goes on."""
    ERROR = "error"
    """Answers with `status` instead of doing the work."""
    HANG = "hang"
    """Does not answer; when the fault ends, goes on as if nothing had been."""
    SLOW_QUERY = "slow_query"
    """Makes each database operation of the service take delay_ms, ± up to jitter_ms, longer."""
    COLD_START = "cold_start"
    """Serves like Lambda: one request at a time per instance; a new instance takes delay_ms, ± up to jitter_ms, to
    start, and one that was idle for idle_seconds is gone."""
    THROTTLE = "throttle"
    """Lets `rate` requests per second through, evenly; the others wait in line."""
    LEAK = "leak"
    """Answers reads with another tenant's rows. Carried out by services that have tenants."""
    LOSE = "lose"
    """Acknowledges what was sent without storing it. Carried out by services that acknowledge events."""
    DOUBLE = "double"
    """Stores what was sent twice. Carried out by services that acknowledge events."""
    DROP = "drop"
    """Cuts the share `probability` of the open WebSocket connections, at once and again each second."""


INSIDE = frozenset({Kind.LEAK, Kind.LOSE, Kind.DOUBLE})
"""Kinds that a service itself carries out, told by `fault_injection.is_asked_for`: they are about what it answers."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as asked for."""

    kind: Kind
    routes: tuple[str, ...] = (API,)
    """Globs of a path's template (`/events/*`), with or without a method before it (`POST /events`); `api` or `*`."""
    probability: float = 1.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    status: int = 500
    rate: float = 100.0
    """Requests per second that a throttle lets through."""
    idle_seconds: float = 300.0
    """After which an instance that served nothing has to start anew (cold_start)."""
    for_seconds: float | None = None
    """None lasts until it is cleared."""

    def hits(self, method: str, route: str) -> bool:
        """Whether the fault is meant for this route; probability comes on top."""
        if route == CONTROL:
            return False
        return any(_matches(pattern, method, route) for pattern in self.routes)

    def delay_seconds(self, chance: random.Random) -> float:
        """One draw of the delay, never below zero."""
        return max(0.0, self.delay_ms + chance.uniform(-self.jitter_ms, self.jitter_ms)) / 1000


def _matches(pattern: str, method: str, route: str) -> bool:
    if pattern == API:
        return route not in OPERATIONAL
    wanted_method, space, wanted_route = pattern.partition(" ")
    if not space:
        return fnmatchcase(route, _literal_braces(pattern))
    return fnmatchcase(method, wanted_method.upper()) and fnmatchcase(route, _literal_braces(wanted_route))


def _literal_braces(glob: str) -> str:
    # fnmatch knows no braces, only [ ]: a template such as /events/{event_id} is compared as it stands.
    return glob.replace("[", "[[]")


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one request: first a cold start, then the hang, the line, the delay, the error."""

    hang: Fault | None = None
    delay_seconds: float = 0.0
    error: Fault | None = None
    cold_start: Fault | None = None
    kinds: tuple[Kind, ...] = ()
    throttle: Fault | None = None

    def __bool__(self) -> bool:
        return bool(self.kinds)


NOTHING = Decision()


class FaultBoard:
    """The faults that are active now. One per service; every change calls `on_change`."""

    def __init__(self, clock: Callable[[], float], chance: random.Random | None = None) -> None:
        self._clock = clock
        self._chance = chance or random.Random()
        self._faults: list[tuple[Fault, float]] = []
        self.on_change: Callable[[], None] = lambda: None

    def put(self, faults: Sequence[Fault]) -> None:
        """Replace all faults by these, starting now."""
        now = self._clock()
        self._faults = [
            (fault, math.inf if fault.for_seconds is None else now + fault.for_seconds) for fault in faults
        ]
        self.on_change()

    def clear(self) -> None:
        """End every fault."""
        self.put(())

    def active(self) -> list[tuple[Fault, float | None]]:
        """The faults that have not ended, each with the seconds left (None: until cleared)."""
        if not self._faults:
            return []
        now = self._clock()
        self._faults = [entry for entry in self._faults if entry[1] > now]
        return [(fault, None if until == math.inf else until - now) for fault, until in self._faults]

    def seconds_left(self, fault: Fault) -> float | None:
        """Seconds until this very fault ends; 0 when it has ended or was replaced, None when it lasts."""
        for active, left in self.active():
            if active is fault:
                return left
        return 0.0

    def decide(self, method: str, route: str) -> Decision:
        """What happens to a request to this route; faults that hit it add up."""
        hang = error = throttle = cold_start = None
        delay = 0.0
        kinds: list[Kind] = []
        for fault, _ in self.active():
            if fault.kind in (Kind.SLOW_QUERY, Kind.DROP) or not fault.hits(method, route):
                continue
            if fault.probability < 1 and self._chance.random() >= fault.probability:
                continue
            kinds.append(fault.kind)
            if fault.kind is Kind.HANG:
                hang = hang or fault
            elif fault.kind is Kind.DELAY:
                delay += fault.delay_seconds(self._chance)
            elif fault.kind is Kind.THROTTLE:
                throttle = throttle or fault
            elif fault.kind is Kind.COLD_START:
                cold_start = cold_start or fault
            elif fault.kind not in INSIDE:
                error = error or fault
        return Decision(hang, delay, error, cold_start, tuple(kinds), throttle) if kinds else NOTHING

    def query_delay(self) -> float:
        """Seconds that the next database operation is to be held up."""
        if not self._faults:
            return 0.0
        return sum(
            fault.delay_seconds(self._chance)
            for fault, _ in self.active()
            if fault.kind is Kind.SLOW_QUERY
            and (fault.probability >= 1 or self._chance.random() < fault.probability)
        )


def describe(fault: Fault, seconds_left: float | None) -> dict[str, Any]:
    """A fault as GET /faults shows it."""
    seconds = None if seconds_left is None else round(seconds_left, 3)
    return {**asdict(fault), "routes": list(fault.routes), "seconds_left": seconds}


class FaultError(ValueError):
    """A fault that was asked for makes no sense; carries every problem found."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


_NUMBERS = {
    "probability": (0.0, 1.0),
    "delay_ms": (0.0, LONGEST_SECONDS * 1000.0),
    "jitter_ms": (0.0, LONGEST_SECONDS * 1000.0),
    "status": (400, 599),
    "rate": (0.001, 1_000_000.0),
    "idle_seconds": (0.001, LONGEST_SECONDS),
    "for_seconds": (0.001, LONGEST_SECONDS),
}


def parse_faults(document: Any) -> list[Fault]:
    """Turn JSON (one object or a list of them) into faults, or raise FaultError with every problem."""
    items = document if isinstance(document, list) else [document]
    problems: list[str] = []
    faults = [_parse(item, f"[{index}]", problems) for index, item in enumerate(items)]
    if problems:
        raise FaultError(problems)
    return [fault for fault in faults if fault is not None]


def _parse(item: Any, where: str, problems: list[str]) -> Fault | None:
    if not isinstance(item, dict):
        problems.append(f'{where}: expected an object such as {{"kind": "delay", "delay_ms": 300}}')
        return None
    before = len(problems)
    known = ["kind", "routes", *_NUMBERS]
    problems.extend(
        f"{where}.{key}: unknown; known are {', '.join(known)}" for key in item if key not in known
    )
    if item.get("kind") not in list(Kind):
        problems.append(f"{where}.kind: expected one of {', '.join(Kind)}, got {item.get('kind')!r}")
    routes = item.get("routes", [API])
    routes = [routes] if isinstance(routes, str) else routes
    if (
        not isinstance(routes, list)
        or not routes
        or not all(isinstance(route, str) and route for route in routes)
    ):
        problems.append(f"{where}.routes: expected a glob or a list of globs, got {item['routes']!r}")
    for key, (least, most) in _NUMBERS.items():
        value = item.get(key)
        if key not in item or (key == "for_seconds" and value is None):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            problems.append(f"{where}.{key}: expected a number from {least:.9g} to {most:.9g}, got {value!r}")
        elif key == "status" and not isinstance(value, int):
            problems.append(f"{where}.status: expected a whole number, got {value!r}")
    if len(problems) > before:
        return None
    numbers = {key: item[key] for key in _NUMBERS if key in item}
    return Fault(kind=Kind(item["kind"]), routes=tuple(routes), **numbers)
