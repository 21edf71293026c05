"""Every series of the Prometheus page, family by family: which values of a run, under which labels. No I/O.

`SERIES` and `OWN` together hold one function per metric of `swarmscope.names`; the page asks them in its order.
A block is rendered without a pause, so what it says of one request is consistent in itself (buckets, sum and count;
success and failure), also while the run goes on between two blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exporters.page_templates import RunTexts, labels_text, line
from exporters.run_view import ExporterCounters, GeneratorView, RunView
from swarmscope import names
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import NO_STATUS, OTHER, Metric, Outcome, RunState
from swarmscope.targets import Target
from swarmscope.verdict import Judgement, Status, Verdict

MAX_WORKERS = 256
"""Load generators with series of their own; the rest are added up in one called `other`."""
WORKER_STATES = ("ready", "spawning", "running", "missing", "lost")


class PageRun(NamedTuple):
    """One run, made ready for the page."""

    view: RunView
    texts: RunTexts
    requests: Sequence[tuple[RequestKey, RequestCounts | None]]
    """Every known request; without counters when it waits for its very first answer."""
    generators: Sequence[GeneratorView]


class OwnNumbers(NamedTuple):
    """What the exporter says of itself."""

    counters: ExporterCounters
    scrape_seconds: float
    """What the previous scrape took."""
    scrapes: int
    """How many were answered before this one."""


def bounded_generators(generators: Sequence[GeneratorView]) -> list[GeneratorView]:
    """The generators with series of their own, and from MAX_WORKERS on one that stands for the rest.

    Users and memory of the rest are sums; CPU, age and lag are those of the worst.
    """
    own, rest = list(generators[:MAX_WORKERS]), generators[MAX_WORKERS:]
    if rest:
        other = GeneratorView(
            name=OTHER,
            state=rest[0].state,
            users=sum(generator.users for generator in rest),
            cpu_ratio=max(generator.cpu_ratio for generator in rest),
            memory_bytes=sum(generator.memory_bytes for generator in rest),
            report_age=max(generator.report_age for generator in rest),
            lag=max(generator.lag for generator in rest),
        )
        own.append(other)
    return own


def _by_label(metric: Metric, counts: Mapping[str, int]) -> Iterator[str]:
    for value, count in list(counts.items()):
        yield line(metric, labels_text(metric.labels, (value,)), count)


def _durations(run: PageRun) -> Iterator[str]:
    for key, counts in run.requests:
        yield run.texts.histogram(key, counts)


def _requests(run: PageRun) -> Iterator[str]:
    # Both outcomes exist at 0 from the start: a sum over statuses sees the first failure as a step from 0 to 1,
    # and a ratio is never absent.
    zero = {(str(Outcome.SUCCESS), NO_STATUS): 0, (str(Outcome.FAILURE), NO_STATUS): 0}
    known: dict[tuple[str, str], str] = {}
    for key, counts in run.requests:
        labels = run.texts.request(key)
        outcomes = {**zero, **counts.outcomes} if counts else zero
        block = ""
        for pair, count in outcomes.items():
            more = known.get(pair)
            if more is None:
                more = known[pair] = labels_text(("outcome", "status"), (str(pair[0]), pair[1]))
            block += f"{names.REQUESTS.name}{{{labels},{more}}} {count}\n"
        yield block


def _failures(run: PageRun) -> Iterator[str]:
    for key, counts in run.requests:
        if counts and counts.errors:
            labels = run.texts.request(key)
            for error, count in list(counts.errors.items()):
                yield line(names.FAILURES, f"{labels},{labels_text(('error',), (error,))}", count)


def _per_request(
    metric: Metric, number: Callable[[RequestCounts], int]
) -> Callable[[PageRun], Iterator[str]]:
    def series(run: PageRun) -> Iterator[str]:
        for key, counts in run.requests:
            yield f"{metric.name}{{{run.texts.request(key)}}} {number(counts) if counts else 0}\n"

    return series


def _in_flight(run: PageRun) -> Iterator[str]:
    for key, _ in run.requests:
        waiting = run.view.waiting.get(key)
        yield line(names.IN_FLIGHT, run.texts.request(key), waiting.requests if waiting else 0)


def _oldest_age(run: PageRun) -> Iterator[str]:
    for key, _ in run.requests:
        waiting = run.view.waiting.get(key)
        yield line(names.OLDEST_AGE, run.texts.request(key), waiting.oldest_age if waiting else 0)


def _users(run: PageRun) -> Iterator[str]:
    for user_class, users in list(run.view.users.items()):
        yield line(names.USERS, run.texts.with_labels(("user_class",), (user_class,)), users)


def _one_of(
    metric: Metric, label: str, values: Callable[[RunView], Sequence[str]], present: Callable[[RunView], str]
) -> Callable[[PageRun], Iterator[str]]:
    """Series that are 1 for the value that holds and 0 for the others; one that is not listed is added."""

    def series(run: PageRun) -> Iterator[str]:
        now = present(run.view)
        every = dict.fromkeys(str(value) for value in values(run.view))
        if now:
            every.setdefault(now)
        for value in every:
            yield line(metric, run.texts.with_labels((label,), (value,)), int(value == now))

    return series


def _label_value(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.name.lower()


def _info(run: PageRun) -> Iterator[str]:
    view = run.view
    described = (view.profile, view.environment, view.version, view.host, view.description)
    yield line(names.RUN_INFO, run.texts.with_labels(_beyond_run(names.RUN_INFO), described), 1)


def _per_run(metric: Metric, number: Callable[[RunView], float | None]) -> Callable[[PageRun], Iterator[str]]:
    """One series per run, absent while there is no number."""

    def series(run: PageRun) -> Iterator[str]:
        value = number(run.view)
        if value is not None:
            yield line(metric, run.texts.labels, value)

    return series


def _per_target(
    metric: Metric, number: Callable[[Target, Judgement | None], float | None]
) -> Callable[[PageRun], Iterator[str]]:
    """One series per target, absent while there is no number."""

    def series(run: PageRun) -> Iterator[str]:
        judgements = {judgement.target.id: judgement for judgement in run.view.judgements}
        for target in run.view.targets:
            value = number(target, judgements.get(target.id))
            if value is not None:
                described = (target.id, target.request, str(target.kind), str(target.priority))
                yield line(metric, run.texts.with_labels(_beyond_run(metric), described), value)

    return series


def _value(_: Target, judgement: Judgement | None) -> float | None:
    if judgement is None or judgement.value is None or math.isnan(judgement.value):
        return None
    return judgement.value


def _met(_: Target, judgement: Judgement | None) -> float | None:
    if judgement is None or judgement.status is Status.NO_DATA:
        return None
    return int(judgement.status is Status.PASS)


def _recoveries(run: PageRun) -> Iterator[str]:
    for recovery in run.view.recoveries:
        if recovery.seconds is not None:
            labels = run.texts.with_labels(_beyond_run(names.RECOVERY), (recovery.phase,))
            yield line(names.RECOVERY, labels, recovery.seconds)


def _workers(run: PageRun) -> Iterator[str]:
    states = dict.fromkeys(WORKER_STATES, 0)
    for generator in run.view.generators:
        states[generator.state] = states.get(generator.state, 0) + 1
    for state, number in states.items():
        yield line(names.WORKERS, run.texts.with_labels(("state",), (state,)), number)


def _per_worker(
    metric: Metric, number: Callable[[GeneratorView], float]
) -> Callable[[PageRun], Iterator[str]]:
    def series(run: PageRun) -> Iterator[str]:
        for generator in run.generators:
            labels = run.texts.with_labels(("worker",), (generator.name,))
            yield line(metric, labels, number(generator))

    return series


def scenario_series(metric: Metric, run: PageRun) -> Iterator[str]:
    """The series of one of the scenario's own metrics."""
    for (name, *values), value in list(run.view.scenario_values.items()):
        if name == metric.name:
            labels = run.texts.with_labels(_beyond_run(metric), values) if values else run.texts.labels
            yield line(metric, labels, value)


def _beyond_run(metric: Metric) -> tuple[str, ...]:
    return metric.labels[len(names.RUN_LABELS) :]


SERIES: dict[Metric, Callable[[PageRun], Iterator[str]]] = {
    names.REQUEST_DURATION: _durations,
    names.REQUESTS: _requests,
    names.FAILURES: _failures,
    names.RESPONSE_BYTES: _per_request(names.RESPONSE_BYTES, lambda counts: counts.response_bytes),
    names.UNFINISHED: _per_request(names.UNFINISHED, lambda counts: counts.unfinished),
    names.IN_FLIGHT: _in_flight,
    names.OLDEST_AGE: _oldest_age,
    names.USERS: _users,
    names.USERS_WANTED: _per_run(names.USERS_WANTED, lambda view: view.users_wanted),
    names.RUN_STATE: _one_of(
        names.RUN_STATE, "state", lambda _: tuple(RunState), lambda view: str(view.state)
    ),
    names.RUN_PHASE: _one_of(
        names.RUN_PHASE, "phase", lambda view: view.phases, lambda view: str(view.phase)
    ),
    names.RUN_INFO: _info,
    names.RUN_START: _per_run(names.RUN_START, lambda view: view.started),
    names.RUN_END: _per_run(names.RUN_END, lambda view: view.stopped),
    names.RUN_VERDICT: _one_of(
        names.RUN_VERDICT,
        "verdict",
        lambda _: [_label_value(verdict) for verdict in Verdict],
        lambda view: _label_value(view.verdict),
    ),
    names.STEADY_SECONDS: _per_run(names.STEADY_SECONDS, lambda view: view.steady_seconds),
    names.TARGET_LIMIT: _per_target(names.TARGET_LIMIT, lambda target, _: float(target.limit)),
    names.TARGET_VALUE: _per_target(names.TARGET_VALUE, _value),
    names.TARGET_MET: _per_target(names.TARGET_MET, _met),
    names.RECOVERY: _recoveries,
    names.WORKERS: _workers,
    names.WORKER_USERS: _per_worker(names.WORKER_USERS, lambda generator: generator.users),
    names.WORKER_CPU: _per_worker(names.WORKER_CPU, lambda generator: generator.cpu_ratio),
    names.WORKER_MEMORY: _per_worker(names.WORKER_MEMORY, lambda generator: generator.memory_bytes),
    names.WORKER_REPORT_AGE: _per_worker(names.WORKER_REPORT_AGE, lambda generator: generator.report_age),
    names.GENERATOR_LAG: _per_worker(names.GENERATOR_LAG, lambda generator: generator.lag),
}

OWN: dict[Metric, Callable[[OwnNumbers], Iterator[str]]] = {
    names.SCRAPE_DURATION: lambda own: iter([line(names.SCRAPE_DURATION, "", float(own.scrape_seconds))]),
    names.SCRAPES: lambda own: iter([line(names.SCRAPES, "", own.scrapes)]),
    names.LISTENER_ERRORS: lambda own: iter([line(names.LISTENER_ERRORS, "", own.counters.listener_errors)]),
    names.LABEL_OVERFLOW: lambda own: _by_label(names.LABEL_OVERFLOW, own.counters.label_overflow),
    names.REPORTS: lambda own: _by_label(names.REPORTS, own.counters.reports),
    names.CLOUDWATCH_DATA: lambda own: _by_label(
        names.CLOUDWATCH_DATA, own.counters.cloudwatch.together().data
    ),
    names.CLOUDWATCH_CALLS: lambda own: _by_label(
        names.CLOUDWATCH_CALLS, own.counters.cloudwatch.together().calls
    ),
    names.CLOUDWATCH_BACKLOG: lambda own: iter(
        [line(names.CLOUDWATCH_BACKLOG, "", own.counters.cloudwatch.together().backlog)]
    ),
    names.CLOUDWATCH_LAST_SUCCESS: lambda own: iter(
        [line(names.CLOUDWATCH_LAST_SUCCESS, "", float(own.counters.cloudwatch.together().last_success))]
    ),
}
"""Families about the exporter, not about a run."""
