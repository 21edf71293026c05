"""Alerts of targets at: settled: CloudWatch's minutes are told when they arrive, cold starts while they happen."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import yaml

from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.alerting.rule_files import RULE_GLOBS, rule_files
from swarmscope.names import Recorded
from swarmscope.targets import Alerting, Kind, Moment, Profile, System, Target
from tests.ports import free_port

P95 = 'max(max_over_time(aws_dynamodb_request_latency_seconds{stat="p95"}[$window]))'
COLD = 'histogram_quantile(0.95, sum by (run, le) (aws_lambda_init_duration_seconds_bucket{run="$run"}))'


def shop(query: str, limit: str, **more: object) -> System:
    target = Target(
        "aws",
        Kind.MAX,
        Decimal(limit),
        limit,
        query=query,
        at=Moment.SETTLED,
        **more,  # type: ignore[arg-type]
    )
    profiles = {name: Profile(name, users=1) for name in ("quick", "soak")}
    return System("shop", "Shop", (target,), profiles, "quick", source="shop/targets.yaml")


def steady(run: str, begin: int, end: int, length: int, profile: str = "quick") -> dict[str, str]:
    """A run that is steady from one second to another."""
    seconds = f"_x{begin} 1+1x{end - begin - 1}"
    return {
        f'locust_run_phase{{run="{run}",system="shop",phase="steady"}}': f"0x{begin} 1x{end - begin - 1} 0x{length}",
        f'locust_steady_seconds{{run="{run}",system="shop"}}': f"{seconds} {end - begin}x{length}",
        f'locust_run_info{{run="{run}",system="shop",profile="{profile}"}}': f"1x{end + length}",
    }


def minutes(*values: float | None) -> dict[str, str]:
    """CloudWatch's points, each at its minute's start."""
    text = " ".join("_x60" if value is None else f"{value} _x59" for value in values)
    return {'aws_dynamodb_request_latency_seconds{operation="Query",stat="p95"}': text}


def firing(promtool, system: System, series: dict[str, str], expected: dict[int, set[str]]) -> None:
    """Assert which runs' alerts fire at these seconds."""
    query = 'count by (run) (ALERTS{alertname="ServerTargetBreached",alertstate="firing"})'
    test = {
        "rule_files": ["alerts/shop.generated.yml"],
        "evaluation_interval": "1s",
        "tests": [
            {
                "interval": "1s",
                "input_series": [{"series": name, "values": text} for name, text in series.items()],
                "promql_expr_test": [
                    {
                        "expr": query,
                        "eval_time": f"{at}s",
                        "exp_samples": [{"labels": f'{{run="{run}"}}', "value": 1} for run in sorted(runs)],
                    }
                    for at, runs in expected.items()
                ],
            }
        ],
    }
    done = promtool({**rule_files([system]), "test.yml": yaml.safe_dump(test)}, "test", "rules", "test.yml")
    assert done.returncode == 0, done.stdout


def test_a_broken_minute_within_the_steady_phase_fires_and_goes_on_after_the_run(promtool):
    # Steady from 50 to 200: the minutes at 60 and 120 lie in it.
    series = {**steady("r1", 50, 200, 300), **minutes(0.001, 0.001, 0.05, 0.001)}
    firing(promtool, shop(P95, "0.02"), series, {170: set(), 195: {"r1"}, 260: {"r1"}, 400: {"r1"}})


def test_minutes_that_only_touch_the_steady_phase_are_not_the_runs(promtool):
    series = {**steady("r1", 70, 175, 300), **minutes(0.05, 0.05, 0.05, 0.05)}
    firing(promtool, shop(P95, "0.02"), series, {at: set() for at in (60, 130, 190, 250, 400)})


def test_minutes_before_the_run_are_not_the_runs(promtool):
    series = {**steady("r1", 130, 310, 200), **minutes(0.05, 0.05, 0.001, 0.001, 0.001)}
    firing(promtool, shop(P95, "0.02"), series, {at: set() for at in (140, 200, 260, 300, 400)})


def test_exactly_at_the_limit_is_silent_and_a_newer_good_minute_ends_it(promtool):
    at_limit = {**steady("r1", 50, 310, 100), **minutes(0.02, 0.02, 0.02, 0.02)}
    firing(promtool, shop(P95, "0.02"), at_limit, {at: set() for at in (130, 200, 300)})
    series = {**steady("r1", 50, 310, 100), **minutes(0.001, 0.05, 0.001, 0.001)}
    firing(promtool, shop(P95, "0.02"), series, {130: {"r1"}, 185: set(), 300: set()})


def test_minutes_are_judged_under_the_targets_profiles_only(promtool):
    series = {
        **steady("r1", 50, 200, 200, "soak"),
        **steady("r2", 50, 200, 200, "quick"),
        **minutes(0.001, 0.05, 0.05),
    }
    firing(promtool, shop(P95, "0.02", profiles=("soak",)), series, {190: {"r1"}})


def test_cold_starts_fire_while_the_run_goes_on_and_for_their_run_only(promtool):
    def cold(run: str, fast: int, slow: int) -> dict[str, str]:
        name = f'aws_lambda_init_duration_seconds_bucket{{run="{run}",system="shop",function="f",le='
        buckets = {"3.0": fast, "5.0": fast + slow, "+Inf": fast + slow}
        return {f'{name}"{bound}"}}': f"{count}x100" for bound, count in buckets.items()}

    series = {
        **steady("r1", 5, 60, 60),
        **steady("r2", 5, 60, 60),
        **steady("r3", 5, 60, 60),
        **cold("r1", 90, 10),
        # 95 % of 100 within the limit: it holds.
        **cold("r2", 95, 5),
        **cold("over", 0, 100),
    }
    # 5 s of steady phase, 7 s of hold.
    firing(promtool, shop(COLD, "3"), series, {16: set(), 18: {"r1"}, 50: {"r1"}, 80: set()})


class Pages:
    """A page on which CloudWatch's points stand with timestamps of minutes ago, as the exporter shows them."""

    def __init__(self, first_minute: int) -> None:
        self.first_minute = first_minute
        self.scrapes = 0

    def text(self) -> str:
        # One sample a scrape: that the run was steady, from a minute before the points to a minute after them.
        self.scrapes += 1
        at = (self.first_minute - 60 + min(self.scrapes * 20, 240)) * 1000
        labels = '{run="r1",system="shop"}'
        lines = [f"{Recorded.STEADY_WINDOW}{labels} 5 {at}"]
        if self.scrapes > 6:
            point = self.first_minute + 60 * (self.scrapes > 9)
            value = 0.05 if self.scrapes > 9 else 0.001
            name = 'aws_dynamodb_request_latency_seconds{operation="Query",stat="p95"}'
            lines.append(f"{name} {value} {point * 1000}")
        return "\n".join([*lines, ""])


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[str, Pages]]:
    """A real Prometheus that scrapes the page and evaluates the rules of a DynamoDB target."""
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs it"
    system = replace(shop(P95, "0.02"), alerting=Alerting(hold=Decimal(2)))
    for path, text in rule_files([system]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    pages = Pages(int(time.time()) // 60 * 60 - 300)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = prometheus_config(
            {"cloudwatch": [f"127.0.0.1:{server.server_port}"]},
            [],
            [str(tmp_path / glob) for glob in RULE_GLOBS],
        )
        (tmp_path / "prometheus.yml").write_text(config, encoding="utf-8")
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={tmp_path / 'prometheus.yml'}",
                    f"--storage.tsdb.path={tmp_path / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield f"http://127.0.0.1:{port}", pages
        finally:
            process.terminate()
            process.wait(timeout=20)
            server.shutdown()


@pytest.mark.long  # points must grow minutes old; promtool's cases hold the rules in between
def test_a_real_prometheus_tells_a_point_that_is_minutes_old(prometheus):
    url, pages = prometheus
    deadline = time.monotonic() + 60

    def fired() -> list[dict[str, dict[str, str]]]:
        try:
            alerts = requests.get(f"{url}/api/v1/alerts", timeout=30).json()["data"]["alerts"]
        except requests.ConnectionError:
            return []
        return [
            each
            for each in alerts
            if each["labels"]["alertname"] == "ServerTargetBreached" and each["state"] == "firing"
        ]

    while not (alerts := fired()):
        assert time.monotonic() < deadline, pages.scrapes
        time.sleep(0.25)
    assert pages.scrapes > 9, "the good minute before it does not fire"
    # What only the page of this test has.
    labels = {name: text for name, text in alerts[0]["labels"].items() if name not in ("instance", "job")}
    assert labels == {
        "alertname": "ServerTargetBreached",
        "run": "r1",
        "system": "shop",
        "target": "aws",
        "kind": "max",
        "priority": "high",
        "severity": "warning",
    }
    assert alerts[0]["annotations"]["measured"] == "0.05"
