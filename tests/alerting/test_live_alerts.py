"""A real Prometheus reads the exporter's real page and the generated rules: what fires, how soon, and what does not.

Several runs at once, one for each story, so that all of them take half a minute together.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from exporters.page import CONTENT_TYPE, render
from exporters.run_view import ALL_PHASES, ExporterCounters, RunView, Waiting
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.alerting.rule_files import RULE_GLOBS, rule_files
from swarmscope.histogram import coarse_bounds, fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome, Phase, RunState
from swarmscope.targets import Kind, Priority, Profile, System, Target
from tests.ports import free_port
from tests.stand_stills import StandStills

EVENTS = RequestKey("POST", "/events")
FAST, SLOW = Decimal("0.01"), Decimal("0.3")
PER_SECOND = 100
CALM = 8.0
"""Seconds from Prometheus' start to the trouble: more than a window, so that there is one to compare with."""
IN_TIME = 15.0
"""Seconds from the first slow answer to the notification, of which Alertmanager takes one."""
MENDING = 15.0
"""Seconds that a stand-still of the machine costs afterwards: a window fills anew, and a hold begins anew."""
PATIENCE = 90.0
"""Seconds after the trouble's start in which everything must have happened, on a busy machine, too."""
NOT_SCRAPED = {"ExporterNotScraped", "ServiceNotScraped"}
"""Alerts that are right when the machine stood still."""

SHOP = System(
    "shop",
    "Shop",
    (
        Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="POST /events", priority=Priority.CRITICAL),
        Target("errors", Kind.ERROR_RATE, Decimal("0.01"), "1%", request="*"),
        Target("rate", Kind.RPS, Decimal(50), "50", request="POST /events"),
        Target("queue", Kind.MAX, Decimal(10), "10", query="max(shop_queue_length)", profiles=("server",)),
        Target("absent", Kind.MIN, Decimal(1), "1", query="shop_nobody_exports_this", profiles=("server",)),
    ),
    {name: Profile(name, users=1) for name in ("quick", "server")},
    "quick",
)
BOUNDS = fine_bounds(SHOP.latency_limits)


@dataclass
class Story:
    """A run by what happens in it: totals as functions of the seconds since the trouble began (negative: before)."""

    run: str
    slow: Callable[[float], float] = lambda _: 0.0
    """Seconds' worth of slow traffic so far."""
    failing: Callable[[float], float] = lambda _: 0.0
    traffic: Callable[[float], float] = lambda since: since
    """Seconds' worth of traffic so far, beyond what was before the trouble."""
    hangs: bool = False
    profile: str = "quick"
    history: float = 100.0

    def view(self, since: float, recovers: float) -> RunView:
        """The run at a moment; from `recovers` on, nothing more is slow."""
        total = round(PER_SECOND * (self.history + self.traffic(since)))
        slow = round(PER_SECOND * self.slow(min(since, recovers)))
        failures = round(PER_SECOND * self.failing(since))
        buckets = [0] * (len(BOUNDS) + 1)
        buckets[BOUNDS.index(FAST)], buckets[BOUNDS.index(SLOW)] = total - slow, slow
        outcomes = {(str(Outcome.SUCCESS), "200"): total - failures, (str(Outcome.FAILURE), "500"): failures}
        waiting = {EVENTS: Waiting(5, since)} if self.hangs and since > 0 else {}
        return RunView(
            run=self.run,
            system=SHOP.name,
            profile=self.profile,
            environment="local",
            version="1",
            host="http://127.0.0.1",
            description="",
            state=RunState.RUNNING,
            phase=Phase.STEADY,
            phases=ALL_PHASES,
            bounds=BOUNDS,
            exported_bounds=coarse_bounds(SHOP.latency_limits),
            counts={EVENTS: RequestCounts(buckets, duration_sum=1.0, outcomes=outcomes)},
            targets=(),
            steady_seconds=self.history + since,
            started=1_700_000_000.0,
            users={"Buyer": 10},
            users_wanted=10,
            waiting=waiting,
        )


def during(begin: float, end: float) -> Callable[[float], float]:
    """Seconds so far of a stretch of time."""
    return lambda since: min(max(since - begin, 0.0), end - begin)


STORIES = (
    Story("slow", slow=during(0, float("inf"))),
    Story("spike", slow=during(0, 2)),
    Story("failing", failing=lambda since: 0.05 * max(since, 0)),
    Story("fewer", traffic=lambda since: min(since, 0) + 0.3 * max(since, 0)),
    Story("hung", traffic=lambda since: min(since, 0), hangs=True),
    Story("server", profile="server"),
)
WANTED = {
    ("slow", "LatencyTargetBreached"),
    ("failing", "ErrorRateTargetBreached"),
    ("fewer", "RateTargetBreached"),
    ("hung", "RequestHung"),
    ("hung", "NoRequestFinished"),
    ("hung", "RateTargetBreached"),
    ("server", "ServerTargetBreached"),
    ("server", "ServerMeasurementMissing"),
    # Of no run: this Prometheus has no Alertmanager to tell.
    ("", "NotificationsFailing"),
    ("", "Watchdog"),
}


@dataclass
class Site:
    """The two pages that are scraped, and Prometheus."""

    begins: float
    """Unix time at which the trouble begins."""
    recovers: float = float("inf")
    """Seconds after which nothing more is slow."""
    url: str = ""
    counters: ExporterCounters = field(default_factory=ExporterCounters)

    def page(self, path: str) -> str:
        """What is scraped now."""
        since = time.time() - self.begins
        if path == "/service":
            return f"# TYPE shop_queue_length gauge\nshop_queue_length {25 if since > 0 else 2}\n"
        return "".join(render([story.view(since, self.recovers) for story in STORIES], self.counters))

    def ask(self, path: str, **parameters: str) -> Any:
        """Prometheus' answer to an API call."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        answer.raise_for_status()
        return answer.json()["data"]

    def firing(self) -> dict[tuple[str, str], dict[str, Any]]:
        """(run, alert) → what is firing now."""
        return {
            (alert["labels"].get("run", ""), alert["labels"]["alertname"]): alert
            for alert in self.ask("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def history(self, state: str) -> dict[tuple[str, str], float]:
        """(run, alert) → seconds after the trouble's start at which an evaluation first found it in this state."""
        found = self.ask(
            "query_range",
            query=f'ALERTS{{alertstate="{state}"}}',
            start=str(self.begins - CALM),
            end=str(time.time()),
            step="0.25",
        )
        return {
            (series["metric"].get("run", ""), series["metric"]["alertname"]): series["values"][0][0]
            - self.begins
            for series in found["result"]
        }


@contextlib.contextmanager
def served(site: Site) -> Iterator[int]:
    """The pages on a free port."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = site.page(self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Prometheus, up and scraping, with the trouble still CALM seconds away."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs it"
    folder = tmp_path_factory.mktemp("prometheus")
    for path, text in rule_files([SHOP]).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    site = Site(begins=time.time() + 3600)
    with served(site) as pages:
        port = free_port()
        site.url = f"http://127.0.0.1:{port}"
        address = f"127.0.0.1:{pages}"
        config = prometheus_config(
            {"locust": [address], "service": [address], "prometheus": [f"127.0.0.1:{port}"]},
            ["127.0.0.1:1"],  # nobody: with none at all, Prometheus 3 counts nothing as dropped
            [str(folder / glob) for glob in RULE_GLOBS],
        ).replace("job_name: service", "job_name: service\n    metrics_path: /service")
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            await_(lambda: _scraped(site), (folder / "log").read_text)
            site.begins = time.time() + CALM
            yield site
        finally:
            process.terminate()
            process.wait(timeout=20)


def _scraped(site: Site) -> bool:
    try:
        return bool(site.ask("query", query="run:locust_active:bool")["result"])
    except requests.RequestException:
        return False


def await_(happened: Callable[[], bool], otherwise: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something has happened."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.25)


def test_trouble_is_told_in_time_and_a_spike_is_not(stand_stills: StandStills, site: Site) -> None:
    seen: dict[tuple[str, str], dict[str, Any]] = {}

    def all_told() -> bool:
        seen.update(site.firing())
        if ("slow", "LatencyTargetBreached") in seen:
            site.recovers = min(site.recovers, time.time() - site.begins)
        return set(seen) >= WANTED

    await_(all_told, lambda: (WANTED - set(seen), site.history("pending")), CALM + PATIENCE)
    # Until long after a spike could have been told.
    await_(lambda: time.time() > site.begins + 20, lambda: "")
    first = site.history("firing")
    print({key: round(seconds, 1) for key, seconds in first.items()})
    stood_still = stand_stills.within(site.begins - CALM, time.time())
    unexpected = {key for key in set(first) - WANTED if not (stood_still and key[1] in NOT_SCRAPED)}
    assert (unexpected, WANTED - set(first)) == (set(), set())
    late = {
        key: seconds
        for key, seconds in first.items()
        if seconds - stand_stills.within(site.begins, site.begins + seconds, mending=MENDING) > IN_TIME - 1
    }
    assert late == {}
    assert ("spike", "LatencyTargetBreached") in site.history("pending")

    slow = seen["slow", "LatencyTargetBreached"]
    assert slow["annotations"]["summary"].startswith("POST /events p95 ≤ 100ms is broken: ")
    assert slow["annotations"]["summary"].endswith(" requests in the last 5 s took longer (5% allowed)")
    assert slow["labels"] == {
        "alertname": "LatencyTargetBreached",
        "run": "slow",
        "system": "shop",
        "target": "p95",
        "request": "POST /events",
        "kind": "p95",
        "priority": "critical",
        "severity": "critical",
    }
    # After its recovery it is over, while what goes on stays.
    await_(
        lambda: ("slow", "LatencyTargetBreached") not in site.firing(),
        site.firing,
        PATIENCE,
    )
    assert ("failing", "ErrorRateTargetBreached") in site.firing()


def test_no_rule_failed(site: Site) -> None:
    groups = site.ask("rules")["groups"]
    assert {group["name"] for group in groups} == {
        "swarmscope runs",
        "swarmscope guards",
        "swarmscope alerting",
        "swarmscope shop",
    }
    problems = [
        (rule["name"], rule.get("lastError"))
        for group in groups
        for rule in group["rules"]
        if rule["health"] == "err"
    ]
    assert problems == []
