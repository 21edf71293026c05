"""Made-up traffic for promtool: the series that the exporter shows of it, and what targets make of it. No I/O.

The expectation is worked out here from counts alone, in whole numbers and without PromQL, so that the rules are
tested against a second opinion and not against themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from prometheus_client.utils import floatToGoString

from swarmscope import names
from swarmscope.alerting.promql import equals, selector
from swarmscope.measurements import RequestKey
from swarmscope.names import NO_STATUS, Outcome, Phase
from swarmscope.targets import Kind, System, Target
from swarmscope.targets.match import matches

STARTED = 1_700_000_000
SO_FAR = Decimal("0.5")
"""What `locust_target_value` says of every target."""
BEFORE = 1_000_000
"""Where counters start, so that a rule that reads more than its window is found out."""
MINIMUM = 3
"""Slow or failed requests below which nothing is a breach."""

_go_number: Callable[[float], str] = floatToGoString


@dataclass(frozen=True, slots=True)
class Flow:
    """What one second of traffic holds."""

    answers: tuple[tuple[int, Decimal], ...] = ()
    """(requests, seconds that each of them took)."""
    failures: int = 0
    """How many of the requests fail."""

    @property
    def requests(self) -> int:
        """Requests per second."""
        return sum(count for count, _ in self.answers)

    @property
    def duration(self) -> Decimal:
        """Response times of a second's requests, added up."""
        return sum((count * seconds for count, seconds in self.answers), Decimal(0))

    def slower_than(self, limit: Decimal) -> int:
        """Requests per second that take longer."""
        return sum(count for count, seconds in self.answers if seconds > limit)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Traffic of one request in one run over time: stretches of (seconds, flow)."""

    run: str
    request: RequestKey
    profile: str
    stretches: tuple[tuple[int, Flow], ...]
    phase: str = Phase.STEADY


def input_series(system: System, traffic: Traffic) -> dict[str, str]:
    """The exporter's page over time, as far as the rules read it: series → a value per second, in promtool's words."""
    run = (equals("run", traffic.run), equals("system", system.name))
    request = (*run, equals("method", traffic.request.method), equals("name", traffic.request.name))
    durations = names.REQUEST_DURATION.name
    length = sum(seconds for seconds, _ in traffic.stretches)
    constant = f"x{length}"
    found = {
        selector(
            names.RUN_PHASE.name, *run, equals("phase", phase)
        ): f"{int(phase == traffic.phase)}{constant}"
        for phase in Phase
    }
    found[selector(names.RUN_INFO.name, *run, equals("profile", traffic.profile))] = f"1{constant}"
    found[selector(names.RUN_START.name, *run)] = f"{STARTED}{constant}"
    found[selector(names.STEADY_SECONDS.name, *run)] = f"0+1x{length}"
    for target in system.alerted_targets:
        found[selector(names.TARGET_VALUE.name, *run, equals("target", target.id))] = f"{SO_FAR}{constant}"
    for limit in dict.fromkeys(system.latency_limits):
        bucket = selector(f"{durations}_bucket", *request, equals("le", _go_number(float(limit))))
        found[bucket] = _counter(traffic, [f.requests - f.slower_than(limit) for _, f in traffic.stretches])
    found[selector(f"{durations}_count", *request)] = _counter(
        traffic, [flow.requests for _, flow in traffic.stretches]
    )
    found[selector(f"{durations}_sum", *request)] = _counter(
        traffic, [flow.duration for _, flow in traffic.stretches]
    )
    for outcome, counts in (
        (Outcome.SUCCESS, [flow.requests - flow.failures for _, flow in traffic.stretches]),
        (Outcome.FAILURE, [flow.failures for _, flow in traffic.stretches]),
    ):
        status = (equals("outcome", outcome), equals("status", NO_STATUS))
        found[selector(names.REQUESTS.name, *request, *status)] = _counter(traffic, counts)
    return found


def _counter(traffic: Traffic, rises: Sequence[int | Decimal]) -> str:
    """A counter that rises by so much a second in each stretch."""
    value = Decimal(BEFORE)
    pieces = [str(BEFORE)]
    for (seconds, _), rise in zip(traffic.stretches, rises, strict=True):
        pieces.append(f"{value + rise}+{rise}x{seconds - 1}")
        value += rise * seconds
    return " ".join(pieces)


def broken_by(system: System, target: Target, traffic: Traffic, flow: Flow) -> Fraction | None:
    """What the target's alert would measure while this flow lasts, or None where the target holds.

    Shares and error rates are 0 to 1, averages seconds, rates per second.
    """
    if target.kind.is_query or not target.judged_under(traffic.profile):
        return None
    # Samples are a second apart, so a window of 2.5 s begins at the sample before it.
    seconds = math.ceil(system.alerting.window)
    seen = flow if matches(target.request, *traffic.request) else Flow()
    requests = seen.requests * seconds
    if target.kind is Kind.RPS:
        return Fraction(seen.requests) if seen.requests < target.limit else None
    if target.kind is Kind.AVERAGE:
        average = Fraction(seen.duration) / seen.requests if seen.requests else Fraction(0)
        return average if average > target.limit and requests >= MINIMUM else None
    if target.kind is Kind.ERROR_RATE:
        breaching, allowed = seen.failures * seconds, Fraction(target.limit)
    else:
        breaching, allowed = seen.slower_than(target.limit) * seconds, 1 - Fraction(target.kind.quantile or 0)
    if breaching < MINIMUM or breaching <= allowed * requests:
        return None
    return Fraction(breaching, requests)
