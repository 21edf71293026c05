"""A finished run that the report tests share and change, and programs that they start."""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

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
from tests.ports import free_port

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


def wait_until(what: str, check: Callable[[], bool], seconds: float = 60.0) -> None:
    """Poll until `check` holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)


@dataclass
class Page:
    """What the scraped page answers: its text, or 503 while it is None."""

    text: str | None = None
    scrapes: int = field(default=0)

    def serve(self) -> ThreadingHTTPServer:
        """A server of this page on a free port."""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = page.text
                # A scraper that gives up is no error of ours: its traceback, printed in this thread, parses source,
                # and in CPython 3.11 another test's ast.parse that is under way then fails.
                with contextlib.suppress(ConnectionError):
                    self.send_response(503 if text is None else 200)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.end_headers()
                    self.wfile.write((text or "").encode())
                    page.scrapes += 1

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server


@dataclass
class PrometheusServer:
    """A real Prometheus that scrapes a page twice (as two jobs), with history of a run in its blocks."""

    url: str
    page: Page
    history: float
    """Unix time at which the run `past` in its blocks began."""

    def scraped(self) -> None:
        """Wait until what the page shows now has been stored."""
        before = self.page.scrapes
        wait_until("four scrapes", lambda: self.page.scrapes >= before + 4)
        time.sleep(0.2)


def history_of_a_run(start: float) -> str:
    """OpenMetrics text of a run `past`: 60 s, slow and failing from 30 s to 40 s, with the alerts of that."""
    families: dict[str, list[str]] = {}

    def sample(name: str, labels: str, value: float, second: int) -> None:
        families.setdefault(name, []).append(f"{name}{{{labels}}} {value} {start + second:.3f}")

    fast = slow = failed = 0
    request = 'run="past",system="triggers",method="POST",name="/events"'
    for second in range(61):
        for le, number in (("0.05", fast), ("0.1", fast), ("0.45", fast + slow), ("+Inf", fast + slow)):
            sample("locust_request_duration_seconds_bucket", f'{request},le="{le}"', number, second)
        success = fast + slow - failed
        sample("locust_requests_total", f'{request},outcome="success",status="200"', success, second)
        sample("locust_requests_total", f'{request},outcome="failure",status="503"', failed, second)
        sample("locust_users", 'run="past",user_class="User"', min(second, 50), second)
        sample("locust_worker_cpu_ratio", 'run="past",worker="w1"', 0.25, second)
        sample("locust_worker_cpu_ratio", 'run="past",worker="w2"', 0.5, second)
        # Eight of a hundred are slow, from 30 s to 40 s all of them; nothing at all after 50 s.
        if second < 50:
            bad = 30 <= second < 40
            fast += 0 if bad else 92
            slow += 100 if bad else 8
            failed += 10 if bad else 0
        alert = 'alertstate="firing",severity="critical"'
        if 32 <= second <= 41 or 55 <= second <= 60:
            sample(
                "ALERTS",
                f'alertname="LatencyTargetBreached",run="past",target="post-events-p95",{alert}',
                1,
                second,
            )
        if second == 45:
            sample("ALERTS", f'alertname="LatencyTargetBreached",run="another",target="x",{alert}', 1, second)
        if 20 <= second <= 22:
            sample("ALERTS", f'alertname="ServiceNotScraped",job="service",{alert}', 1, second)
            sample("ALERTS", 'alertname="RequestHung",run="past",alertstate="pending"', 1, second)
        sample("ALERTS", 'alertname="Watchdog",alertstate="firing",severity="none"', 1, second)
    return "\n".join(line for lines in families.values() for line in lines) + "\n# EOF\n"


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A real Prometheus; the page it scrapes is changed by the tests."""
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        pytest.fail("prometheus and promtool are needed: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    history = float(int(time.time()) - 3 * 3600)
    _backfill(folder, history)
    page = Page()
    server = page.serve()
    jobs = "".join(
        f"  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]\n"
        for name in ("exporter", "again")
    )
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}\n"
        f"scrape_configs:\n{jobs}"
    )
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until("Prometheus", lambda: process.poll() is None and _is_ready(url))
        yield PrometheusServer(url, page, history)
    finally:
        process.terminate()
        process.wait(20)
        server.shutdown()
        server.server_close()


def _backfill(folder: Path, history: float) -> None:
    text = folder / "history.txt"
    text.write_text(history_of_a_run(history))
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/-/ready", timeout=2).status_code == 200
    except requests.RequestException:
        return False


@pytest.fixture(scope="session")
def exactness() -> dict[str, Any]:
    """The exactness table, made in a process of its own: Locust patches what it is imported into."""
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.exactness", "--json"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.stdout, made.stderr
    return dict(json.loads(made.stdout))
