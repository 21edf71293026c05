"""CPU that counting adds to a request, beside what other ways to count add.

python -m benchmarks.cost_per_request          about three minutes

Everything that Swarmscope adds per request (listener, in-flight and status) must stay under 2 % of FastHttpUser's own
CPU per request and under 0.7 % of HttpUser's, at a usual pace: a generator at its limit measures itself. What it
costs flat out, where a request is cheapest and the share therefore largest, is printed beside it, and the rate that
is reached flat out must stay above 0.98 of the rate without.
"""

from __future__ import annotations

# Locust first: it monkey-patches on import.
import locust  # isort: skip

import argparse
import logging
import os
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from prometheus_client import CollectorRegistry, Histogram

from benchmarks.service import service
from benchmarks.sides import FLAT_OUT, PAUSE, USERS, WINDOW, Side, added, added_cost, compared_rate, own_cost
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from swarmscope.histogram import fine_bounds

BARS = {"FastHttpUser": 0.02, "HttpUser": 0.007}
RATE_BAR = 0.98
REQUESTS = {"FastHttpUser": 24_000, "HttpUser": 6_000}
JUDGED = 3
"""How many times as many requests and windows the judged side gets, as its error must stay below its bar."""
ROUNDS = 3
"""Times that each measurement is repeated, in turns, so that a busy minute does not fall on one of them."""
MOST_ROUNDS = 12
"""Of the judged side, which goes on until its standard error is a third of its bar."""
PAIRS = 100


def swarmscope() -> Side:
    """All that Swarmscope adds to a request."""
    recorder = Recorder(fine_bounds([Decimal("0.1"), Decimal("0.5")]))
    return Side("Swarmscope: listener, in-flight, status", recorder.on_request, InFlight())


def control() -> Side:
    """Nothing added: what this differs from nothing by is the error of the method."""
    return Side("control: nothing")


def empty() -> Side:
    """The least that any listener can cost."""

    def on_request(**_: Any) -> None:
        pass

    return Side("empty listener", on_request)


def prometheus_client() -> Side:
    """What most exporters do."""
    histogram = Histogram(
        "request_duration_seconds", "", ["method", "name", "status"], registry=CollectorRegistry()
    )

    def on_request(request_type: str, name: str, response_time: float, response: Any, **_: Any) -> None:
        histogram.labels(request_type, name, str(response.status_code)).observe(response_time / 1000)

    return Side("prometheus-client Histogram.labels().observe()", on_request)


def opentelemetry() -> Side | None:
    """Locust's own listener behind --otel, with a reader that keeps the metrics in memory; None when not installed."""
    try:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    except ImportError:
        return None
    from locust import opentelemetry as locust_otel

    os.environ |= {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "", "OTEL_METRICS_EXPORTER": "none"}
    provider = MeterProvider(metric_readers=[InMemoryMetricReader()])
    locust_otel._setup_meter_provider = lambda *_: provider
    locust_otel._setup_auto_instrumentation = lambda: None
    before = list(locust.events.request._handlers)
    locust_otel.setup_opentelemetry("benchmark", None)
    (listener,) = [handler for handler in locust.events.request._handlers if handler not in before]
    return Side("Locust --otel metrics", listener)


def main() -> None:
    """Measure and print both tables; exit with 1 when a bar is missed."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--scale", type=float, default=1.0, help="share of the usual number of requests")
    scale = arguments.parse_args().scale
    logging.disable(logging.WARNING)  # Locust's, about rates and CPU: both are wanted here
    missed = []
    with service() as host:
        everything = [control, swarmscope, empty, prometheus_client, opentelemetry]
        missed += _table("FastHttpUser", host, everything, PAUSE["FastHttpUser"], scale)
        missed += _table("HttpUser", host, [control, swarmscope], PAUSE["HttpUser"], scale)
        _table("FastHttpUser", host, [control, swarmscope], FLAT_OUT, scale)
        missed += _rates(host, max(3, round(PAIRS * scale)))
    for bar in missed:
        print(f"FAIL: {bar}")
    sys.exit(1 if missed else 0)


def _table(
    kind: str, host: str, variants: list[Callable[[], Side | None]], pause: float, scale: float
) -> list[str]:
    """Measure and print; returns the bars that were missed. Flat out, nothing is judged."""
    own = [own_cost(kind, host, pause)]
    sides = [(Side("plain"), side) for make in variants if (side := make()) is not None]
    for _ in range(ROUNDS):
        for plain, side in sides:
            share = JUDGED if side.in_flight is not None else 1
            added_cost(kind, host, (plain, side), round(REQUESTS[kind] * scale * share / ROUNDS), pause)
    for _ in range(MOST_ROUNDS - ROUNDS if pause else 0):
        for plain, side in sides:
            if side.in_flight is not None and added(plain, side)[1] > BARS[kind] * own[0] / 3:
                added_cost(kind, host, (plain, side), round(REQUESTS[kind] * scale * JUDGED / ROUNDS), pause)
    own.append(own_cost(kind, host, pause))
    whole = sum(own) / len(own)
    pace = f"{USERS} users, each pausing {pause * 1000:.0f} ms" if pause else f"{USERS} users, flat out"
    print(f"\nCPU added per request of {kind}, whose own is {whole * 1e6:.0f} µs ({pace})")
    print(f"{'':50}{'µs':>8}{'± s.e.':>8}{'of its own':>12}   bar")
    missed = []
    for plain, side in sides:
        more, error = added(plain, side)
        verdict = ""
        if side.in_flight is not None and pause:
            bar = BARS[kind] * whole
            known = more <= bar or more - 2 * error > bar
            told = ("pass" if more <= bar else "FAIL") if known else "inconclusive: within its error"
            verdict = f"≤ {BARS[kind]:.1%} {told}"
            if more > bar and known:
                missed.append(f"{more / whole:.2%} of {kind}'s own CPU, bar {BARS[kind]:.1%}")
        print(
            f"{side.name:50}{more * 1e6:8.2f}{error * 1e6:8.2f}{more / whole:12.2%}   {verdict}", flush=True
        )
    if opentelemetry in variants and len(sides) < len(variants):
        print(f"{'Locust --otel metrics':50}  not measured: pip install opentelemetry-sdk")
    return missed


def _rates(host: str, pairs: int) -> list[str]:
    print(f"\nRate of FastHttpUser with / without, median over pairs of neighbouring windows of {WINDOW} s")
    missed = []
    for make, share in ((control, JUDGED), (swarmscope, JUDGED), (prometheus_client, 1)):
        side = make()
        ratio = compared_rate("FastHttpUser", host, Side("plain"), side, pairs * share)
        verdict = ""
        if side.in_flight is not None:
            verdict = f"≥ {RATE_BAR} {'pass' if ratio >= RATE_BAR else 'FAIL'}"
            if ratio < RATE_BAR:
                missed.append(f"rate {ratio:.3f} of the rate without, bar {RATE_BAR}")
        print(f"{side.name:50}{ratio:8.3f}   {verdict}", flush=True)
    return missed


if __name__ == "__main__":
    main()
