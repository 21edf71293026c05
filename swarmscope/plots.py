"""Which PromQL queries make which plot of the report. Values only, no I/O.

The lines show the course of a run; the verdict does not come from them (a percentile of a plot is interpolated
between the exported bounds). But as every limit is a bound, a line is above its limit exactly when the
requests of that moment were.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmscope import names
from swarmscope.names import Metric, Outcome
from swarmscope.run_result import MeasuredSignal, Plot, Series
from swarmscope.targets import ALL_REQUESTS, Kind, Profile, System, Target
from swarmscope.targets.match import promql_matchers, quote

MOST_LATENCY_PLOTS = 6
POINTS = 400
"""About as many points as a plot has room for."""
SMOOTHED_SECONDS = 5
"""What a point of a short run is measured over at least: a second of a slow request holds too few to have a P95."""
BUSY_CPU_RATIO = 0.9
"""Locust's own warning threshold: above it a generator's response times include its own delays."""
_PERCENTILES = (Kind.P50, Kind.P95, Kind.P99)


@dataclass(frozen=True, slots=True)
class Line:
    """One query of a plot; several series in its answer are told apart by their label `by`."""

    query: str
    label: str = ""
    by: str = ""
    unit: str | None = None
    """As in `run_result.Series`."""


@dataclass(frozen=True, slots=True)
class PlotQueries:
    """A plot before its queries are answered; the fields are those of `run_result.Plot`."""

    id: str
    title: str
    unit: str
    lines: Sequence[Line]
    limits: Sequence[tuple[str, float]] = ()


def step_seconds(seconds: float) -> int:
    """Time between two points of a plot of a run that took `seconds`."""
    return max(1, math.ceil(seconds / POINTS))


def plot_queries(
    system: System, profile: Profile, run: str, seconds: float, busiest: Iterable[str] = ()
) -> tuple[PlotQueries, ...]:
    """The plots of one run: one of latency per main request, then rate, errors, waiting requests, generators.

    Main requests are those with latency targets, filled up with the `busiest` (patterns, busiest first).
    """
    targets = system.targets_under(profile.name)
    over = f"{max(SMOOTHED_SECONDS, step_seconds(seconds))}s"
    patterns = [target.request for target in targets if target.kind.is_latency]
    main = list(dict.fromkeys([*patterns, *busiest]))[:MOST_LATENCY_PLOTS]
    return (
        *(_latency(pattern, targets, run, over) for pattern in main),
        _rate(targets, run, over),
        _errors(targets, run, over),
        _waiting(run),
        _generators(run),
    )


def signal_plots(measured: Sequence[MeasuredSignal]) -> tuple[Plot, ...]:
    """Plots of the service's side, from what was measured: each beside the users' response time."""
    known = {signal.id: signal for signal in measured if signal.points}
    client = known.get("all-p95")
    plots = []
    for key, title, unit, ids in _SIGNAL_PLOTS:
        shown = [known[each] for each in ids if each in known]
        if not shown:
            continue
        series = [Series(signal.title, signal.points) for signal in shown]
        if client is not None:
            series.append(Series("users' response time, p95", client.points, None if unit == "s" else "s"))
        limits = dict.fromkeys(
            (signal.limit, signal.is_floor) for signal in shown if signal.limit is not None
        )
        plots.append(
            Plot(
                f"signals-{key}",
                title,
                unit,
                tuple(series),
                tuple(
                    ("healthy above" if is_floor else "healthy below", limit) for limit, is_floor in limits
                ),
            )
        )
    return tuple(plots)


_SIGNAL_PLOTS = (
    (
        "time",
        "Time in the service and its database",
        "s",
        (
            "service-p95",
            "db-operation-p99",
            "db-operation-average",
            "pg-statement-average",
            "pg-longest-query",
        ),
    ),
    ("cpu", "CPU of the service and the machine", "ratio", ("service-cpu", "node-cpu", "node-disk")),
    ("pool", "Connections in use", "ratio", ("db-pool-use", "pg-connections")),
    ("database", "Cache and indexes of the database", "ratio", ("pg-cache-hit", "pg-index-use")),
    ("work", "Work at once", "", ("service-active-requests", "pg-active-queries", "pg-lock-waits")),
    ("memory", "Memory of the machine in use", "ratio", ("node-memory",)),
)


def _latency(pattern: str, targets: Iterable[Target], run: str, over: str) -> PlotQueries:
    limiting = [target for target in targets if target.kind.is_latency and target.request == pattern]
    kinds = {*_PERCENTILES, *(target.kind for target in limiting)}
    # The slowest line first, so that the legend is in the order of the lines.
    shown = sorted((kind for kind in kinds if kind.quantile is not None), key=_quantile, reverse=True)
    duration = names.REQUEST_DURATION
    lines = [
        Line(
            f"histogram_quantile({_quantile(kind)}, "
            f"sum by (le) (rate({_series(duration, run, pattern, suffix='_bucket')}[{over}])))",
            kind.value,
        )
        for kind in shown
    ]
    if Kind.AVERAGE in kinds:
        total, number = (
            f"sum(rate({_series(duration, run, pattern, suffix=suffix)}[{over}]))"
            for suffix in ("_sum", "_count")
        )
        lines.append(Line(f"{total} / {number}", "average"))
    return PlotQueries(
        id=f"latency-{_slug(pattern)}",
        title=f"Response time of {_subject(pattern)}",
        unit="s",
        lines=tuple(lines),
        limits=_limits(limiting),
    )


def _rate(targets: Iterable[Target], run: str, over: str) -> PlotQueries:
    floors = [target for target in targets if target.kind is Kind.RPS]
    lines = [
        Line(f"sum(rate({_series(names.REQUESTS, run, pattern)}[{over}]))", _subject(pattern))
        for pattern in _patterns(floors)
    ]
    lines.append(Line(f"sum({_series(names.USERS, run)})", "users", unit=""))
    wanted = _series(names.USERS_WANTED, run)
    lines.append(Line(f"max({wanted})", "users wanted", unit=""))
    return PlotQueries("rate", "Rate of answers, and users", "per second", tuple(lines), _limits(floors))


def _errors(targets: Iterable[Target], run: str, over: str) -> PlotQueries:
    ceilings = [target for target in targets if target.kind is Kind.ERROR_RATE]
    failed = f"outcome={quote(Outcome.FAILURE)}"
    lines = tuple(
        Line(
            f"sum(rate({_series(names.REQUESTS, run, pattern, failed)}[{over}]))"
            f" / sum(rate({_series(names.REQUESTS, run, pattern)}[{over}]))",
            _subject(pattern),
        )
        for pattern in _patterns(ceilings)
    )
    return PlotQueries("errors", "Share of answers that failed", "ratio", lines, _limits(ceilings))


def _waiting(run: str) -> PlotQueries:
    lines = (
        Line(f"sum({_series(names.IN_FLIGHT, run)})", "in flight"),
        Line(f"max({_series(names.OLDEST_AGE, run)})", "age of the oldest", unit="s"),
    )
    return PlotQueries("waiting", "Requests waiting for an answer", "", lines)


def _generators(run: str) -> PlotQueries:
    lines = (
        Line(f"max by (worker) ({_series(names.WORKER_CPU, run)})", "CPU", by="worker"),
        Line(f"max({_series(names.GENERATOR_LAG, run)})", "worst delay of the event loop", unit="s"),
    )
    limits = ((f"results doubtful above {BUSY_CPU_RATIO:.0%}", BUSY_CPU_RATIO),)
    return PlotQueries("generators", "CPU of the load generators (1 core = 100 %)", "ratio", lines, limits)


def _patterns(targets: Iterable[Target]) -> list[str]:
    return list(dict.fromkeys([ALL_REQUESTS, *(target.request for target in targets)]))


def _limits(targets: Iterable[Target]) -> tuple[tuple[str, float], ...]:
    return tuple((_limit_label(target), float(target.limit)) for target in targets)


def _limit_label(target: Target) -> str:
    sign = "≥" if target.kind.is_floor else "≤"
    if target.kind.is_latency:
        return f"{target.kind.value} {sign} {target.written}"
    return f"{_subject(target.request)} {sign} {target.written}"


def _series(metric: Metric, run: str, pattern: str = ALL_REQUESTS, *more: str, suffix: str = "") -> str:
    matchers = (f"run={quote(run)}", promql_matchers(pattern), *more)
    return f"{metric.name}{suffix}{{{','.join(matcher for matcher in matchers if matcher)}}}"


def _subject(pattern: str) -> str:
    return "all requests" if pattern == ALL_REQUESTS else pattern


def _quantile(kind: Kind) -> str:
    return str(kind.quantile)


def _slug(pattern: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", _subject(pattern).lower()).strip("-")
