"""The signals of one run: those that every run has, and its system's own targets over time. No I/O."""

from __future__ import annotations

from collections.abc import Sequence

from swarmscope import names
from swarmscope.names import Metric, Outcome
from swarmscope.signals import (
    CLIENT_P95,
    GENERATOR_SIGNALS,
    LOAD_SIGNALS,
    RUN,
    SERVER_SIGNALS,
    Area,
    Signal,
    average_of,
)
from swarmscope.targets import ALL_REQUESTS, Kind, Moment, Profile, System, Target
from swarmscope.targets.match import promql_matchers, quote


def signals_of(system: System, profile: Profile) -> tuple[Signal, ...]:
    """Everything that is asked about one run: its load, the client's targets, the generators, the service's side."""
    targets = system.targets_under(profile.name)
    return (
        *LOAD_SIGNALS,
        *client_signals(targets, float(system.alerting.hung_after)),
        *GENERATOR_SIGNALS,
        *SERVER_SIGNALS,
        *(
            # CloudWatch has one point a minute: the alerting window would hold none.
            target_signal(
                target, "1m" if target.at is Moment.SETTLED else f"{float(system.alerting.window):g}s"
            )
            for target in system.alerted_targets
            if target.kind.is_query and target.judged_under(profile.name)
        ),
    )


def client_signals(targets: Sequence[Target], hung_after: float) -> tuple[Signal, ...]:
    """What the users saw: each latency and error target over time, hanging requests, and the P95 of everything."""
    return (
        Signal(
            CLIENT_P95,
            "Response time of all requests, p95",
            _quantile("0.95", ALL_REQUESTS),
            "s",
            Area.CLIENT,
        ),
        Signal(
            "client-oldest",
            "Oldest request without an answer",
            f"max({names.OLDEST_AGE.name}{{{RUN}}})",
            "s",
            Area.CLIENT,
            hung_after,
        ),
        *(
            Signal(
                f"client-{target.id}",
                target.in_words,
                query,
                "ratio" if target.kind is Kind.ERROR_RATE else "s",
                Area.CLIENT,
                float(target.limit),
            )
            for target in targets
            if (query := _client_query(target))
        ),
    )


def target_signal(target: Target, window: str) -> Signal:
    """A server-side target of the system as a signal, its query's window being the one of its alert."""
    query = target.query.replace("$window", window)
    return Signal(
        f"target-{target.id}",
        target.in_words,
        query,
        "",
        Area.TARGET,
        float(target.limit),
        is_floor=target.kind.is_floor,
        points_to=target.description,
    )


def _client_query(target: Target) -> str:
    if target.kind.quantile is not None:
        return _quantile(str(target.kind.quantile), target.request)
    if target.kind is Kind.AVERAGE:
        return average_of(names.REQUEST_DURATION.name, _matchers(target.request))
    if target.kind is Kind.ERROR_RATE:
        failed = f"outcome={quote(Outcome.FAILURE)}"
        return (
            f"sum(rate({_series(names.REQUESTS, target.request, failed)}[$over]))"
            f" / sum(rate({_series(names.REQUESTS, target.request)}[$over]))"
        )
    return ""


def _quantile(quantile: str, pattern: str) -> str:
    series = _series(names.REQUEST_DURATION, pattern, suffix="_bucket")
    return f"histogram_quantile({quantile}, sum by (le) (rate({series}[$over])))"


def _series(metric: Metric, pattern: str, *more: str, suffix: str = "") -> str:
    return f"{metric.name}{suffix}{{{_matchers(pattern, *more)}}}"


def _matchers(pattern: str, *more: str) -> str:
    return ",".join(matcher for matcher in (RUN, promql_matchers(pattern), *more) if matcher)
