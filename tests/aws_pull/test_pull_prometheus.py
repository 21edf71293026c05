"""A real Prometheus scrapes the real process: samples land at CloudWatch's own times, each once, without an error."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from reference.aws.running import RunningAws
from swarmscope.alerting.prometheus_config import prometheus_config
from tests.ports import free_port

PERIOD = 5
"""Seconds, the shortest but one that CloudWatch has: a test of whole minutes would take as many."""
PERIODS = 6
DELAY = "8s"
"""Of the datapoints, which this test puts a second after their period began: a busy machine has seven to spare."""
ERRORS = (
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
)


class Prometheus:
    """A Prometheus that scrapes one page."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log = url, log

    def ask(self, query: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/api/v1/query", params={"query": query}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def value(self, query: str) -> float | None:
        with contextlib.suppress(requests.RequestException):
            found = self.ask(query)
            return float(found[0]["value"][1]) if found else None
        return None


@contextlib.contextmanager
def prometheus(folder: Path, exporter: str) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs it"
    port = free_port()
    jobs = {"cloudwatch": [exporter.removeprefix("http://")], "prometheus": [f"127.0.0.1:{port}"]}
    (folder / "prometheus.yml").write_text(prometheus_config(jobs, [], []))
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
        yield Prometheus(f"http://127.0.0.1:{port}", folder / "log")
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextlib.contextmanager
def locust(run: dict[str, Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"schema": 1, "now": time.time(), "runs": [run]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def exporter(folder: Path, settings: dict[str, Any], *arguments: str) -> Iterator[str]:
    root = Path(__file__).resolve().parents[2]
    (folder / "aws.json").write_text(json.dumps(settings))
    driver = Path(__file__).with_name("pull_driver.py")
    given = [str(driver), str(folder / "aws.json"), "--system", "access", "--environment", "local"]
    process = subprocess.Popen(
        [sys.executable, *given, "--port", "0", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        assert process.wait(timeout=20) == 0
        process.stdout.close()


def listed(name: str, metric: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": "Shop/Prom",
        "metric": metric,
        "statistics": ["Sum"],
        "period": PERIOD,
    }


def until(happened: Any, otherwise: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.2)


@pytest.mark.long  # CloudWatch's minutes pass: 44 s
def test_samples_land_at_cloudwatchs_times(aws: RunningAws, tmp_path: Path) -> None:
    client = aws.client("cloudwatch")
    run = {"run": "r1", "system": "access", "started": time.time(), "stopped": None}
    settings = {
        "metrics": [
            listed("shop_sales", "Sales"),
            listed("shop_refusals", "Refusals") | {"nil_is_zero": True},
        ],
        "poll_seconds": 1,
        "cost_limit_dollars_per_hour": 0,
    }
    with (
        locust(run) as locust_url,
        exporter(tmp_path, settings, "--endpoint", aws.url, "--delay", DELAY, "--locust", locust_url) as url,
        prometheus(tmp_path, url) as found,
    ):
        until(lambda: found.value('up{job="cloudwatch"}') == 1, found.log.read_text)
        first = int(run["started"]) // PERIOD * PERIOD
        wanted: dict[int, float] = {}
        for index in range(PERIODS):
            start = first + index * PERIOD
            until(lambda start=start: time.time() >= start + 1, lambda: "")
            if index == 3:
                continue  # nothing is sold
            value = float(10 + index)
            wanted[start] = value
            moment = datetime.fromtimestamp(max(start + 1, run["started"]), UTC)
            client.put_metric_data(
                Namespace="Shop/Prom",
                MetricData=[
                    {"MetricName": "Sales", "Value": value, "StorageResolution": 1, "Timestamp": moment}
                ],
            )
        end = first + PERIODS * PERIOD
        until(lambda: time.time() >= end, lambda: "")
        run["stopped"] = time.time()
        settled = f'aws_exporter_settled_timestamp_seconds{{source="metrics"}} >= {run["stopped"]}'
        until(
            lambda: found.value(settled) is not None,
            lambda: requests.get(f"{url}/metrics", timeout=5).text,
        )

        stored = {round(at): float(value) for at, value in found.ask("shop_sales[10m]")[0]["values"]}
        exact = [at for at, _ in found.ask("shop_sales[10m]")[0]["values"]]
        zeros = [round(at) for at, _ in found.ask("shop_refusals[10m]")[0]["values"]]
        assert stored == wanted
        assert exact == [float(start) for start in wanted]
        assert zeros[:PERIODS] == [first + index * PERIOD for index in range(PERIODS)]
        until(
            lambda: found.value(f'sum({{__name__=~"{"|".join(ERRORS)}"}})') is not None, found.log.read_text
        )
        errors = {name: found.value(name) for name in ERRORS}
        scraped = found.value('sum_over_time(up{job="cloudwatch"}[5m])')
        failed = found.value('sum_over_time((1 - up{job="cloudwatch"})[5m:1s])')
        print(f"{scraped:.0f} scrapes; {len(stored)} samples at their {PERIOD} s; {errors}")
        assert set(errors.values()) == {0.0}
        assert failed == 0
        assert [
            line
            for line in found.log.read_text().splitlines()
            if "level=warn" in line or "level=error" in line
        ] == []
        assert found.value("scrape_samples_scraped{job='cloudwatch'}") == pytest.approx(
            found.value("scrape_samples_post_metric_relabeling{job='cloudwatch'}")
        )
