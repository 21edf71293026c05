"""Runs as they could have been, by the course of each signal; each second has a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from swarmscope.errors import ExitCode
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.run_result import MeasuredSignal, RunInfo, RunResult, Signals
from swarmscope.run_signals import signals_of
from swarmscope.signals import Area, Signal
from swarmscope.targets import Kind, Profile, System, Target
from swarmscope.verdict import Verdict

START = 1_735_689_600.0
SECONDS = 60
TARGET = Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="*")
PROFILE = Profile("quick", users=50)
INFO = RunInfo(
    run="r",
    system="shop",
    profile="quick",
    environment="local",
    version="",
    description="",
    host="http://x",
    started=START,
    stopped=START + SECONDS,
    steady=((START + 10, START + 60),),
)
SYSTEM = System("shop", "Shop", (TARGET,), {"quick": PROFILE}, "quick")
CATALOGUE: Mapping[str, Signal] = {signal.id: signal for signal in signals_of(SYSTEM, PROFILE)}

Course = Callable[[int], float | None]


def flat(value: float) -> Course:
    return lambda second: value


def steps(*legs: tuple[int, float]) -> Course:
    """(from this second on, value) …"""
    return lambda second: [value for since, value in legs if second >= since][-1]


HEALTHY: Mapping[str, Course] = {
    "users": lambda second: float(min(50, 5 * second)),
    "rate": lambda second: float(min(400, 40 * second)),
    "client-oldest": flat(0.01),
    "generator-cpu": flat(0.3),
    "generator-lag": flat(0.001),
    "db-errors": flat(0),
    "pg-longest-query": flat(0.002),
    "pg-lock-waits": flat(0),
    "pg-active-queries": flat(3),
    "pg-statement-average": flat(0.002),
    "pg-index-use": flat(1),
    "pg-cache-hit": flat(0.999),
    "pg-connections": flat(0.1),
    "db-pool-use": flat(0.2),
    "db-operation-p99": flat(0.008),
    "db-operation-average": flat(0.003),
    "service-cpu": flat(0.4),
    "node-cpu": flat(0.5),
    "service-memory": flat(2e8),
    "node-memory": flat(0.3),
    "node-disk": flat(0.02),
    "service-active-requests": flat(4),
    "service-p95": flat(0.02),
}
SERVER = [
    signal for signal, each in CATALOGUE.items() if each.area not in (Area.LOAD, Area.CLIENT, Area.GENERATOR)
]
SLOW_FROM_30 = {
    "all-p95": steps((0, 0.02), (30, 0.4)),
    "service-active-requests": steps((0, 4), (30, 300)),
}


def run_of(
    courses: Mapping[str, Course],
    *,
    absent: Sequence[str] = (),
    average: float = 0.02,
    service: float | None = 0.015,
    **more: object,
) -> RunResult:
    """A run whose signals went like this; the client's target follows the client's P95."""
    courses = {"all-p95": flat(0.02), **HEALTHY, **courses}
    courses["client-" + TARGET.id] = courses["all-p95"]
    signals = [measured(CATALOGUE[name], None if name in absent else courses[name]) for name in CATALOGUE]
    counts = RequestCounts([1000, 0], average * 1000, average, {("success", "200"): 1000})
    return RunResult(
        info=INFO,
        system=SYSTEM,
        profile=PROFILE,
        verdict=Verdict.FAIL,
        exit_code=ExitCode.FAIL,
        judgements=(),
        not_judged=(),
        window=Window((Decimal("0.1"),), 50.0, {RequestKey("GET", "/x"): counts}),
        totals={},
        signals=Signals(
            tuple(signals),
            ((START, "ramp"), (START + 10, "steady")),
            service_seconds=service,
            **more,  # type: ignore[arg-type]
        ),
    )


def measured(signal: Signal, course: Course | None) -> MeasuredSignal:
    points = [
        (START + second, value)
        for second in range(SECONDS)
        if course is not None and (value := course(second)) is not None
    ]
    return MeasuredSignal(
        signal.id,
        signal.title,
        signal.unit,
        str(signal.area),
        signal.limit,
        signal.is_floor,
        signal.points_to,
        points,
    )
