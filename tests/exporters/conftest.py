"""Runs to show: what the tests of the page, the live JSON and the server have in common."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import gevent
import pytest

from exporters.http_server import ExporterServer
from exporters.run_view import ALL_PHASES, ClimbProgress, ExporterCounters, GeneratorView, RunView, Waiting
from exporters.stop_request import StopAnswer
from swarmscope.histogram import coarse_bounds, fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome, Phase, RunState
from swarmscope.recovery import Recovery
from swarmscope.targets import Kind, Priority, Target
from swarmscope.verdict import Judgement, Status, Verdict

LIMITS = (Decimal("0.1"), Decimal("0.33"))
BOUNDS = fine_bounds(LIMITS)
EVENTS = RequestKey("POST", "/events")
INBOX = RequestKey("GET", "/inbox")
P95 = Target("post-events-p95", Kind.P95, Decimal("0.1"), "100ms", "POST /events", priority=Priority.CRITICAL)
RATE = Target("all-rps", Kind.RPS, Decimal(1000), "1000", "*")
ERRORS = Target("all-errors", Kind.ERROR_RATE, Decimal("0.001"), "0.1%", "*", priority=Priority.MEDIUM)


@pytest.fixture
def counts_of() -> Callable[..., RequestCounts]:
    """Counters of a request whose successes took the given milliseconds."""

    def make(*milliseconds: float, failures: dict[str, int] | None = None) -> RequestCounts:
        counts = RequestCounts([0] * (len(BOUNDS) + 1))
        for value in milliseconds:
            seconds = Decimal(str(value)) / 1000
            index = next((i for i, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
            counts.buckets[index] += 1
            counts.duration_sum += value / 1000
            counts.duration_max = max(counts.duration_max, value / 1000)
        if milliseconds:
            counts.outcomes[Outcome.SUCCESS, "201"] = len(milliseconds)
        for status, number in (failures or {}).items():
            counts.outcomes[Outcome.FAILURE, status] = number
            counts.errors[f"HTTP {status}"] = number
        counts.response_bytes = 100 * len(milliseconds)
        return counts

    return make


@pytest.fixture
def run_view(counts_of: Callable[..., RequestCounts]) -> Callable[..., RunView]:
    """A run in its steady phase with everything that a run can show; keyword arguments change fields."""
    full = RunView(
        run="triggers-1",
        system="triggers",
        profile="baseline",
        environment="local",
        version="1.4",
        host="http://127.0.0.1:8000",
        description='a "quoted" \\ description\nof two lines',
        state=RunState.RUNNING,
        phase=Phase.STEADY,
        phases=ALL_PHASES,
        bounds=BOUNDS,
        exported_bounds=coarse_bounds(LIMITS),
        counts={
            EVENTS: counts_of(3, 99.9, 100, 100.1, 70_000, failures={"500": 2, "none": 1}),
            INBOX: counts_of(),
        },
        targets=(P95, RATE, ERRORS),
        judgements=(
            Judgement(P95, Status.FAIL, float("inf"), 5, "3 of 5 requests took at most 100ms; 95 % needed"),
            Judgement(RATE, Status.PASS, 1234.5, 5, "1,234.5 per second; 1000 needed"),
            Judgement(ERRORS, Status.NO_DATA, None, 0, "no request was sent"),
        ),
        verdict=Verdict.FAIL,
        steady_seconds=12.5,
        started=1_735_689_600.25,
        stopped=1_735_689_660.5,
        planned_seconds=60.0,
        users={"TriggersAPIUser": 8, "HighThroughputUser": 2},
        users_wanted=12,
        waiting={EVENTS: Waiting(3, 4.75), RequestKey("GET", "/hung"): Waiting(1, 9.5)},
        generators=(
            GeneratorView("w1", "running", 6, 0.31, 90_000_000, 0.4, 0.002),
            GeneratorView("w2", "missing", 4, 0.9, 80_000_000, 12.5, 0.75),
        ),
        problems=("worker w2 was lost",),
        climb=ClimbProgress(150, 148.25, None),
        recoveries=(Recovery("spike", 1_735_689_630.0, 1_735_689_660.0, 7.5, missed_in_peak=True),),
    )

    def make(**changes: Any) -> RunView:
        return replace(full, **changes)

    return make


Views = Callable[..., RunView]
PROMETHEUS = {"User-Agent": "Prometheus/2.42.0", "Accept-Encoding": "gzip"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Fixture:
    """A server with runs that a test can change, and the stop requests that it got."""

    runs: list[RunView]
    counters: ExporterCounters = field(default_factory=ExporterCounters)
    stops: list[tuple[str, str, str]] = field(default_factory=list)
    answer: str = StopAnswer.STOPPING
    token: str = ""
    server: ExporterServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ExporterServer(
            "127.0.0.1", 0, self.views, self.counters, self.on_stop, token=self.token
        )
        self.server.start()

    def views(self) -> Sequence[RunView]:
        return self.runs

    def on_stop(self, run: str, reason: str, target: str) -> str:
        self.stops.append((run, reason, target))
        return self.answer

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        return ask(self.server.port, path, method, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def scrape(self) -> Answer:
        return ask(self.server.port, "/metrics", headers=PROMETHEUS)


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request from a thread of its own, while this thread's hub runs the server."""

    def blocking() -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    result: Answer = gevent.get_hub().threadpool.apply(blocking)
    return result


@pytest.fixture
def serve(run_view: Views) -> Iterator[Callable[..., Fixture]]:
    started: list[Fixture] = []

    def make(*runs: RunView, token: str = "") -> Fixture:
        started.append(Fixture(list(runs or [run_view()]), token=token))
        return started[-1]

    yield make
    for fixture in started:
        fixture.server.stop(grace=0)


@pytest.fixture(name="ask")
def ask_fixture() -> Callable[..., Answer]:
    return ask
