"""Rules of targets on requests: latency percentiles, averages, error rates and rate floors. No I/O.

A breach is counted, never interpolated: the share of requests slower than a limit is a difference of counters at a
bucket bound that lies exactly on the limit, and it is compared in whole numbers (`slow * 100 > 5 * requests`).
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import (
    PER_RUN,
    duration,
    equals,
    le,
    plain,
    sum_counted,
    whole_ratio,
)
from swarmscope.alerting.rule_file import Rule
from swarmscope.alerting.target_parts import (
    ENOUGH,
    breach,
    minimum_reached,
    record,
    recorded,
    series_of,
    steady,
)
from swarmscope.names import Outcome, Recorded
from swarmscope.targets import Kind, System, Target


def request_target_rules(system: System, target: Target, links: Links) -> list[Rule]:
    """The recording rules and the alert of a target on requests."""
    if target.kind.quantile is not None:
        return _latency(system, target, links)
    if target.kind is Kind.AVERAGE:
        return _average(system, target, links)
    if target.kind is Kind.RPS:
        return _rate(system, target, links)
    return _error_rate(system, target, links)


def _latency(system: System, target: Target, links: Links) -> list[Rule]:
    quantile = target.kind.quantile
    assert quantile is not None  # noqa: S101 - only latency percentiles come here
    allowed = whole_ratio(1 - quantile)
    durations = names.REQUEST_DURATION.name
    window = duration(system.alerting.window)
    requests = series_of(system, target, f"{durations}_count")
    in_time = series_of(system, target, f"{durations}_bucket", le(target.limit))
    return [
        record(Recorded.WINDOW_REQUESTS, target, sum_counted(requests, window)),
        record(
            Recorded.WINDOW_BREACHING,
            target,
            f"{recorded(Recorded.WINDOW_REQUESTS, system, target)}\n"
            f"- {PER_RUN} group_left () {sum_counted(in_time, window)}",
        ),
        _share_alert(AlertName.LATENCY_TARGET_BREACHED, system, target, links, allowed),
    ]


def _error_rate(system: System, target: Target, links: Links) -> list[Rule]:
    allowed = whole_ratio(target.limit)
    window = duration(system.alerting.window)
    requests = series_of(system, target, names.REQUESTS.name)
    failed = series_of(system, target, names.REQUESTS.name, equals("outcome", Outcome.FAILURE))
    return [
        record(Recorded.WINDOW_REQUESTS, target, sum_counted(requests, window)),
        record(Recorded.WINDOW_BREACHING, target, sum_counted(failed, window)),
        _share_alert(AlertName.ERROR_RATE_TARGET_BREACHED, system, target, links, allowed),
    ]


def _share_alert(
    name: AlertName, system: System, target: Target, links: Links, allowed: tuple[int, int]
) -> Rule:
    """Fires when more than `allowed` (part, whole) of the requests were slow or failed; no rounding."""
    part, whole = allowed
    breaching = recorded(Recorded.WINDOW_BREACHING, system, target)
    requests = recorded(Recorded.WINDOW_REQUESTS, system, target)
    return breach(
        name,
        system,
        target,
        links,
        f"({breaching} / {requests})",
        f"and ({breaching} * {whole} > {part} * {requests})",
        f"and ({breaching} >= {ENOUGH})",
        *minimum_reached(system, target),
    )


def _average(system: System, target: Target, links: Links) -> list[Rule]:
    durations = names.REQUEST_DURATION.name
    window = duration(system.alerting.window)
    taken = recorded(Recorded.WINDOW_DURATION, system, target)
    requests = recorded(Recorded.WINDOW_REQUESTS, system, target)
    return [
        record(
            Recorded.WINDOW_REQUESTS,
            target,
            sum_counted(series_of(system, target, f"{durations}_count"), window),
        ),
        record(
            Recorded.WINDOW_DURATION,
            target,
            sum_counted(series_of(system, target, f"{durations}_sum"), window),
        ),
        breach(
            AlertName.LATENCY_TARGET_BREACHED,
            system,
            target,
            links,
            f"({taken} / {requests})",
            f"and ({taken} > {plain(target.limit)} * {requests})",
            f"and ({requests} >= {ENOUGH})",
            *minimum_reached(system, target),
        ),
    ]


def _rate(system: System, target: Target, links: Links) -> list[Rule]:
    window = duration(system.alerting.window)
    requests = sum_counted(series_of(system, target, names.REQUESTS.name), window)
    finished = recorded(Recorded.WINDOW_REQUESTS, system, target)
    seconds = steady(system)
    per_run = f"{PER_RUN} group_left ()"
    return [
        # A request that was never seen has no series to count: none of it finished.
        record(
            Recorded.WINDOW_REQUESTS,
            target,
            f"{requests}\nor {PER_RUN} 0 * {seconds}",
        ),
        # Divided by the exporter's own clock, so that a scrape that came late does not look like a lower rate.
        breach(
            AlertName.RATE_TARGET_BREACHED,
            system,
            target,
            links,
            f"({finished} / {per_run} {seconds})",
            f"and ({finished} < {per_run} ({plain(target.limit)} * {seconds}))",
        ),
    ]
