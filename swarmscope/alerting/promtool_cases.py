"""Generates promtool tests of a system's alerts from its targets: each fires when it should, and only then. No I/O.

Per target: traffic just over its limit fires, with exact labels and texts, and not a second too early; the same
traffic is silent in the ramp and under another profile; traffic exactly at the limit and a short spike are silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.alerting.expected_alerts import (
    expected_alerts,
    expected_hang,
    expected_missing,
    expected_server,
)
from swarmscope.alerting.promql import equals, plain, selector, whole_ratio
from swarmscope.alerting.rule_file import INTERVAL, as_yaml
from swarmscope.alerting.server_rules import MISSING_HOLD
from swarmscope.alerting.synthetic_traffic import Flow, Traffic, input_series
from swarmscope.aws.settled import names_minutes
from swarmscope.document import origin
from swarmscope.measurements import RequestKey
from swarmscope.names import Phase, Recorded
from swarmscope.targets import ALL_REQUESTS, Kind, Moment, System, Target

Case = dict[str, Any]
_RUN = "r1"
FAST = Decimal("0.0001")
"""Seconds: within every limit that can be written."""


def system_tests(system: System) -> str:
    """The text of the promtool test file of a system, to lie in alerts/tests/."""
    cases: list[Case] = [_hang(system), _short_wait(system)]
    for target in system.alerted_targets:
        if target.at is Moment.SETTLED:
            cases += _settled_cases(system, target)
        else:
            cases += (
                _server_cases(system, target) if target.kind.is_query else [_request_case(system, target)]
            )
    document = {
        "rule_files": [f"../{system.name}.generated.yml", "../guards.generated.yml"],
        "evaluation_interval": INTERVAL,
        "tests": cases,
    }
    return as_yaml(document, origin(system.source or f"scenarios/{system.name}/targets.yaml"))


def alert_of(target: Target) -> AlertName:
    """The name of the alert that a target has."""
    if target.kind.is_query:
        return AlertName.SERVER_TARGET_BREACHED
    if target.kind.is_latency:
        return AlertName.LATENCY_TARGET_BREACHED
    return AlertName.RATE_TARGET_BREACHED if target.kind is Kind.RPS else AlertName.ERROR_RATE_TARGET_BREACHED


def _request_case(system: System, target: Target) -> Case:
    """Several runs at once, of which only `broken` may alert; each is named for what it tries."""
    profile = _profile_of(system, target)
    good, bad = at_the_limit(target), over_the_limit(target)
    window, hold = math.ceil(system.alerting.window), math.ceil(system.alerting.hold)
    fires = window + hold
    spike = int(system.alerting.hold - system.alerting.window)
    length = 3 * fires + 5

    def run(
        name: str, *stretches: tuple[int, Flow], under: str = profile, phase: str = Phase.STEADY
    ) -> Traffic:
        return Traffic(name, example_of(target.request), under, stretches, phase)

    # Run → what its steady traffic breaks for good: that of the other targets, too.
    runs = {
        run("broken", (length, bad)): bad,
        run("at-the-limit", (length, good)): good,
        run("ramp", (length, bad), phase=Phase.RAMP): None,
    }
    if spike > 0:
        calm = _calm(system, bad)
        runs[run("spike", (fires, calm), (spike, bad), (length - fires - spike, calm))] = calm
    others = [name for name in system.profiles if not target.judged_under(name)]
    if others:
        runs[run("other-profile", (length, bad), under=others[0])] = bad
    name = alert_of(target)
    lasting = [
        alert
        for traffic, flow in runs.items()
        if flow is not None
        for alert in expected_alerts(system, name, traffic, flow)
    ]
    series: dict[str, str] = {}
    for traffic in runs:
        series |= input_series(system, traffic)
    # Just before it may fire, when it must, and each second in which a spike could be taken for a breach.
    times = (fires, *range(fires + hold - 1, fires + window + spike + 2))
    return _case(
        target.in_words,
        series,
        [(fires - 1, name, []), *((time, name, lasting) for time in times)],
    )


def over_the_limit(target: Target) -> Flow:
    """The least traffic a second that breaks the target."""
    if target.kind is Kind.RPS:
        return Flow(((math.ceil(target.limit) - 1, FAST),))
    if target.kind is Kind.AVERAGE:
        return Flow(((10, target.limit * 2),))
    part, whole = whole_ratio(_allowed(target))
    if target.kind is Kind.ERROR_RATE:
        return Flow(((whole, FAST),), failures=part + 1)
    return Flow(((whole - part - 1, FAST), (part + 1, target.limit + Decimal("0.001"))))


def at_the_limit(target: Target) -> Flow:
    """The worst traffic a second that still holds the target."""
    if target.kind is Kind.RPS:
        return Flow(((math.ceil(target.limit), FAST),))
    if target.kind is Kind.AVERAGE:
        # A little under it: the sum of response times is a float, and "exactly" is not to be had.
        return Flow(((10, target.limit * Decimal("0.99")),))
    part, whole = whole_ratio(_allowed(target))
    if target.kind is Kind.ERROR_RATE:
        return Flow(((whole, FAST),), failures=part)
    # As slow as the limit itself is not slower than the limit.
    return Flow(((whole - part, target.limit), (part, target.limit + Decimal("0.001"))))


def _calm(system: System, bad: Flow) -> Flow:
    """As much traffic as any target wants, all of it fast: what only `bad` itself disturbs."""
    rates = [math.ceil(target.limit) for target in system.alerted_targets if target.kind is Kind.RPS]
    return Flow(((max([bad.requests, *rates]), FAST),))


def example_of(pattern: str) -> RequestKey:
    """A request that the pattern names."""
    if pattern == ALL_REQUESTS:
        return RequestKey("GET", "/any")
    method, _, name = pattern.partition(" ")
    return RequestKey(method.replace("*", "GET"), name.replace("*", "1"))


def _profile_of(system: System, target: Target) -> str:
    return target.profiles[0] if target.profiles else system.default_profile


def _allowed(target: Target) -> Decimal:
    return target.limit if target.kind.quantile is None else 1 - target.kind.quantile


def _server_cases(system: System, target: Target) -> list[Case]:
    """The query itself needs its service: what it answers is given, and what follows from it is tested."""
    profile = _profile_of(system, target)
    fires = math.ceil(system.alerting.window) + math.ceil(system.alerting.hold)
    missed = math.ceil(system.alerting.window) + int(MISSING_HOLD.rstrip("s"))
    length = fires + 20
    page = input_series(system, Traffic(_RUN, RequestKey("GET", "/any"), profile, ((length, Flow()),)))
    answer, broken = _answer(system, target), target.limit + (-1 if target.kind is Kind.MIN else 1)
    name, missing = AlertName.SERVER_TARGET_BREACHED, AlertName.SERVER_MEASUREMENT_MISSING
    others_missing = [
        other
        for other in system.alerted_targets
        if other.kind.is_query and other.at is Moment.WINDOW and other is not target
    ]
    judged = [other for other in others_missing if other.judged_under(profile)]
    return [
        _case(
            f"{target.in_words}: fires when it is broken",
            {**page, answer: f"{plain(broken)}x{length}"},
            [(fires - 1, name, []), (fires, name, [expected_server(system, target, _RUN, broken)])],
        ),
        _case(
            f"{target.in_words}: silent exactly at the limit",
            {**page, answer: f"{plain(target.limit)}x{length}"},
            [
                (fires + 15, name, []),
                (fires + 15, missing, [expected_missing(system, other, _RUN) for other in judged]),
            ],
        ),
        _case(
            f"{target.in_words}: an answer that is missing is told, not taken for a good one",
            page,
            [
                (missed - 1, missing, []),
                (missed, missing, [expected_missing(system, other, _RUN) for other in [*judged, target]]),
                (fires + 15, name, []),
            ],
        ),
    ]


def _answer(system: System, target: Target) -> str:
    return selector(
        Recorded.SERVER_VALUE, equals("run", _RUN), equals("system", system.name), equals("target", target.id)
    )


def _settled_cases(system: System, target: Target) -> list[Case]:
    """As for other queries, but that nothing is known yet is no alert, and minutes are told when they arrive."""
    profile = _profile_of(system, target)
    hold = math.ceil(system.alerting.hold)
    fires = hold if names_minutes(target.query) else math.ceil(system.alerting.window) + hold
    length = fires + 20
    page = input_series(system, Traffic(_RUN, RequestKey("GET", "/any"), profile, ((length, Flow()),)))
    answer, broken = _answer(system, target), target.limit + (-1 if target.kind is Kind.MIN else 1)
    name = AlertName.SERVER_TARGET_BREACHED
    of_others = [
        expected_missing(system, other, _RUN)
        for other in system.alerted_targets
        if other.kind.is_query and other.at is Moment.WINDOW and other.judged_under(profile)
    ]
    return [
        _case(
            f"{target.in_words}: fires when it is broken",
            {**page, answer: f"{plain(broken)}x{length}"},
            [(fires - 1, name, []), (fires, name, [expected_server(system, target, _RUN, broken)])],
        ),
        _case(
            f"{target.in_words}: silent exactly at the limit",
            {**page, answer: f"{plain(target.limit)}x{length}"},
            [(fires + 15, name, [])],
        ),
        _case(
            f"{target.in_words}: silent while nothing is known",
            page,
            [(fires + 15, name, []), (fires + 15, AlertName.SERVER_MEASUREMENT_MISSING, of_others)],
        ),
    ]


def _hang(system: System) -> Case:
    hung = math.floor(system.alerting.hung_after) + 1
    return _case(
        "a request that is not answered: fires",
        _waiting(system, f"0 0 0 0 0+1x{hung + 10}"),
        # Unanswered from second 4 on; older than allowed at the next sample, then two evaluations.
        [
            (4 + hung, AlertName.REQUEST_HUNG, []),
            (4 + hung + 1, AlertName.REQUEST_HUNG, [expected_hang(system, _RUN, Decimal(hung + 1))]),
        ],
    )


def _short_wait(system: System) -> Case:
    allowed = plain(system.alerting.hung_after)
    return _case(
        "a request that waits as long as is allowed: silent",
        _waiting(system, f"{allowed}x30"),
        [(20, AlertName.REQUEST_HUNG, [])],
    )


def _waiting(system: System, ages: str) -> Mapping[str, str]:
    page = input_series(
        system, Traffic(_RUN, RequestKey("GET", "/slow"), system.default_profile, ((40, Flow()),), Phase.RAMP)
    )
    request = (equals("run", _RUN), equals("system", system.name), 'method="GET",name="/slow"')
    return {
        **page,
        selector(names.OLDEST_AGE.name, *request): ages,
        selector(names.IN_FLIGHT.name, *request): "3x40",
    }


def _case(
    name: str, series: Mapping[str, str], checks: Iterable[tuple[int, AlertName, list[dict[str, Any]]]]
) -> Case:
    return {
        "name": name,
        "interval": INTERVAL,
        "input_series": [{"series": series_name, "values": values} for series_name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": f"{time}s", "alertname": alertname, "exp_alerts": expected}
            for time, alertname, expected in checks
        ],
    }
