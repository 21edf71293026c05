"""A finished run that the report tests share and change, and programs that they start."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from swarmscope.errors import ExitCode
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.run_result import (
    FiredAlert,
    PendingRequest,
    Plot,
    Reconciliation,
    RunInfo,
    RunResult,
    Series,
)
from swarmscope.targets import Kind, Priority, Profile, System, Target
from swarmscope.verdict import QueryValue, judge, verdict_of

MakeResult = Callable[..., RunResult]

START = 1_735_689_600.0
EVENTS = RequestKey("POST", "/events")
INBOX = RequestKey("GET", "/inbox")
LIMITED = RequestKey("POST", "/events (rate limited)")
TARGETS = (
    Target(
        "post-events-p95",
        Kind.P95,
        Decimal("0.1"),
        "100ms",
        request="POST /events",
        priority=Priority.CRITICAL,
    ),
    Target("inbox-p95", Kind.P95, Decimal("0.2"), "200ms", request="GET /inbox"),
    Target("errors", Kind.ERROR_RATE, Decimal("0.001"), "0.1%", request="*", priority=Priority.CRITICAL),
    Target("throughput", Kind.RPS, Decimal(50), "50", request="POST /events", priority=Priority.MEDIUM),
    Target("cold-start", Kind.MAX, Decimal(3), "3s", query="max(cold{run='$run'})", unit="s"),
    Target("webhook-p99", Kind.P99, Decimal("0.5"), "500ms", request="POST /webhook", min_samples=50),
    Target("spike-p95", Kind.P95, Decimal("0.4"), "400ms", request="*", profiles=("spike",)),
)
PROFILE = Profile(
    "baseline",
    users=50,
    spawn_rate=Decimal(10),
    run_time=Decimal(70),
    warm_up=Decimal(5),
    description="Normal.",
)
SYSTEM = System(
    "triggers",
    "Zapier Triggers API",
    TARGETS,
    {"baseline": PROFILE},
    "baseline",
    description="Events in, inbox out.",
)
BOUNDS = fine_bounds(SYSTEM.latency_limits)


def counted(
    buckets: dict[str, int],
    failed: int = 0,
    unfinished: int = 0,
    error: str = "HTTPError 503 Service Unavailable",
) -> RequestCounts:
    """Counters with this many requests at these bounds (`inf`: beyond the last one)."""
    counts = [0] * (len(BOUNDS) + 1)
    for bound, number in buckets.items():
        counts[len(BOUNDS) if bound == "inf" else BOUNDS.index(Decimal(bound))] += number
    finished = sum(counts)
    seconds = {bound: float(bound) if bound != "inf" else 61.5 for bound in buckets}
    outcomes = {("success", "200"): finished - failed}
    if failed:
        outcomes[("failure", "503")] = failed
    return RequestCounts(
        counts,
        sum(seconds[bound] * number for bound, number in buckets.items()),
        max(seconds.values(), default=0.0),
        outcomes,
        {error: failed} if failed else {},
        finished * 120,
        unfinished,
    )


def make_result(**changes: Any) -> RunResult:
    """A run that fails: POST /events is slow for 8 %, three requests hang, an alert fired, a worker was lost."""
    limited = counted({"0.002": 40})
    limited.outcomes = {("success", "429"): 40}
    window_counts = {
        EVENTS: counted({"0.012": 3600, "0.013": 80, "0.45": 320}, failed=6, unfinished=3),
        INBOX: counted({"0.02": 900, "0.19": 100}),
        LIMITED: limited,
    }
    totals = {key: counts.copy() for key, counts in window_counts.items()}
    totals[EVENTS].add(counted({"0.9": 300}))
    window = Window(BOUNDS, 60.0, window_counts, {key: each.finished for key, each in window_counts.items()})
    answers = {"cold-start": QueryValue(2.125)}
    judgements = judge(SYSTEM.targets_under("baseline"), window, answers)
    info = RunInfo(
        run="triggers-20250101-000000",
        system="triggers",
        profile="baseline",
        environment="local",
        version="1.4.2",
        description="",
        host="http://127.0.0.1:8000",
        started=START,
        stopped=START + 75,
        steady=((START + 10, START + 70),),
        users_wanted=50,
        users_peak=50,
        generators=2,
    )
    result = RunResult(
        info=info,
        system=SYSTEM,
        profile=PROFILE,
        verdict=verdict_of(judgements, (), SYSTEM.gate),
        exit_code=ExitCode.FAIL,
        judgements=judgements,
        not_judged=("spike-p95",),
        window=window,
        totals=totals,
        invalid=(
            "worker w2 was lost 31 s after the start: what it measured after its last report is missing",
        ),
        notes=(),
        pending=(PendingRequest(EVENTS, 12.25), PendingRequest(EVENTS, 29.5), PendingRequest(EVENTS, 3.0)),
        reconciliation=tuple(
            Reconciliation(key, outcome, number, number, number)
            for key, each in sorted(totals.items())
            for outcome, number in (("success", each.finished - each.failures), ("failure", each.failures))
        ),
        alerts=(
            FiredAlert(
                "LatencyTargetBreached",
                {"target": "post-events-p95", "severity": "critical", "run": info.run},
                START + 23,
                START + 41,
            ),
            FiredAlert("RequestHung", {"request": "POST /events", "severity": "critical"}, START + 50, None),
        ),
        plots=(
            Plot(
                "latency-post-events",
                "Response time of POST /events",
                "s",
                (Series("p95", tuple((START + second, 0.05 + second / 1000) for second in range(70))),),
                (("p95 ≤ 100ms", 0.1),),
            ),
            Plot("errors", "Share of answers that failed", "ratio", ()),
        ),
        locust_statistics={"total_rps": 66.7, "odd": math.inf},
    )
    return replace(result, **changes)


@pytest.fixture
def make() -> MakeResult:
    """`make_result`, for tests: without a common package, tests cannot import each other."""
    return make_result


@pytest.fixture
def result() -> RunResult:
    """The failing run."""
    return make_result()
