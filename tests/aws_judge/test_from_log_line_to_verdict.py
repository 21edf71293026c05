"""The whole way without load: REPORT lines in the stand-in's logs, the exporter, a real Prometheus, the verdict."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from reference.aws.running import RunningAws, running_aws
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.edge.aws_reader import read_aws
from swarmscope.edge.files import load_environments, load_system
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.edge.settle import EndedLoad, Settling
from swarmscope.run_result import RunInfo
from swarmscope.targets import Kind, Moment, Target
from swarmscope.verdict import QueryValue
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = """
environments:
  local:
    host: http://127.0.0.1:1
    aws:
      lambda: [shop-api]
      metrics: [{name: shop_depth, namespace: Shop, metric: Depth, statistics: [Maximum]}]
      cold_starts: {poll: 1s, delay: 1s}
      poll: 2s
      delay: 1s
      settle_within: 8s
"""
TARGETS = """
system: shop
targets:
  - name: cold-start-p95
    query: histogram_quantile(0.95, sum by (run, le) (aws_lambda_init_duration_seconds_bucket{run="$run"}))
    at: settled
    max: 3s
profiles: {quick: {users: 1, run_time: 10s}}
"""


@dataclass
class Site:
    """Everything between AWS and the verdict, with a Locust that only says which run there is."""

    aws: RunningAws
    folder: Path
    prometheus: str = ""
    runs: list[dict[str, Any]] = field(default_factory=list)
    """The newest first."""

    def live(self) -> dict[str, Any]:
        return {"now": time.time(), "runs": self.runs}

    def starts(self, run: str) -> None:
        """A load, of which the exporter knows when it has been asked for something of it."""
        self.runs.insert(0, {"run": run, "system": "shop", "started": time.time(), "stopped": None})

    def report(self, init_ms: float) -> None:
        """A cold start, as Lambda tells it."""
        line = (
            "REPORT RequestId: 0a1b2c3d-0000-4000-8000-000000000000\tDuration: 12.00 ms\tBilled Duration: 13 ms\t"
            f"Memory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: {init_ms:.2f} ms\t\n"
        )
        self.aws.client("logs").put_log_events(
            logGroupName="/aws/lambda/shop-api",
            logStreamName="one",
            logEvents=[{"timestamp": int(time.time() * 1000), "message": line}],
        )

    def ends(self) -> RunInfo:
        """The load stops."""
        run = self.runs[0]
        run["stopped"] = time.time()
        span = (run["started"], run["stopped"])
        return RunInfo(run["run"], "shop", "quick", "local", "", "", "", *span, [span])

    def judge(self, info: RunInfo, *targets: Target) -> tuple[dict[str, QueryValue], Settling]:
        settling = Settling(load_environments(self.folder, "shop")["local"].aws, "local")
        load = EndedLoad(info.run, info.started, info.stopped, info.steady)
        return settling.values(PrometheusApi(self.prometheus), targets, load), settling


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp("site")
    program = shutil.which("prometheus")
    assert program, "prometheus is not installed: make test installs it"
    scenario = tmp_path / "scenarios/shop"
    scenario.mkdir(parents=True)
    (scenario / "environments.yaml").write_text(ENVIRONMENTS)
    (scenario / "targets.yaml").write_text(TARGETS)
    exporter, prometheus = free_port(), free_port()
    with running_aws() as aws:
        logs = aws.client("logs")
        logs.create_log_group(logGroupName="/aws/lambda/shop-api")
        logs.create_log_stream(logGroupName="/aws/lambda/shop-api", logStreamName="one")
        site = Site(aws, tmp_path, prometheus=f"http://127.0.0.1:{prometheus}")

        class Locust(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(site.live()).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        config = prometheus_config({"cloudwatch": [f"127.0.0.1:{exporter}"]}, [], [])
        (tmp_path / "prometheus.yml").write_text(config)
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **aws.environment}
        with ThreadingHTTPServer(("127.0.0.1", 0), Locust) as locust, (tmp_path / "log").open("wb") as log:
            threading.Thread(target=locust.serve_forever, args=(0.02,), daemon=True).start()
            commands = (
                [
                    *(sys.executable, "-m", "swarmscope.edge.cloudwatch_exporter", "--system=shop"),
                    *("--environment=local", f"--port={exporter}", f"--endpoint={aws.url}"),
                    f"--locust=http://127.0.0.1:{locust.server_port}",
                ],
                [
                    *(program, f"--config.file={tmp_path}/prometheus.yml"),
                    *(f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{prometheus}"),
                ],
            )
            started = [
                subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=subprocess.STDOUT)
                for command in commands
            ]
            try:
                await_scrape(site, tmp_path / "log")
                yield site
            finally:
                for process in started:
                    process.terminate()
                for process in started:
                    process.wait(20)
                locust.shutdown()


def await_scrape(site: Site, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            query = {"query": 'up{job="cloudwatch"} == 1'}
            if requests.get(f"{site.prometheus}/api/v1/query", query, timeout=5).json()["data"]["result"]:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def test_cold_starts_in_the_logs_become_the_targets_value_and_the_reports_figures(site):
    target = load_system(site.folder, "shop").targets[0]
    site.starts("r1")
    for init_ms in [200.0] * 9 + [4000.0] * 3:
        site.report(init_ms)
    info = site.ends()
    values, settling = site.judge(info, target)
    print(f"\n{values}, waited {settling.waited_seconds:.1f} s")
    # Three of twelve took 4 s: the P95 is beyond 3 s, whatever lies between its bounds.
    assert values["cold-start-p95"].value is not None, values
    assert values["cold-start-p95"].value > 3
    figures = read_aws(PrometheusApi(site.prometheus), info, settling.waited_seconds)
    (cold,) = figures.cold_starts
    assert (cold.function, cold.count) == ("shop-api", 12)
    assert cold.p95_at_most is not None
    assert cold.p95_at_most > 3
    assert figures.calls["FilterLogEvents"] >= 1
    assert figures.cost_dollars is not None


def test_a_run_without_cold_starts_is_no_data_and_another_runs_do_not_count(site):
    target = load_system(site.folder, "shop").targets[0]
    site.starts("r2")
    info = site.ends()
    time.sleep(0.1)
    site.report(4000.0)  # after the run
    values, _ = site.judge(info, target)
    assert values["cold-start-p95"].value is None
    assert "NaN" in values["cold-start-p95"].reason


@pytest.mark.long  # it waits as long as a verdict may, and comes last: nothing comes back that it ends
def test_without_aws_the_wait_is_bounded_and_says_what_was_missing(site):
    site.starts("r3")
    site.aws.service.process.kill()
    queue = Target(
        "queue", Kind.MAX, Decimal(1), "1", query="max(max_over_time(shop_depth[$window]))", at=Moment.SETTLED
    )
    began = time.monotonic()
    values, settling = site.judge(site.ends(), queue)
    assert 7 < settling.waited_seconds < 20
    assert time.monotonic() - began < 30
    assert values["queue"].value is None
    assert values["queue"].reason.startswith("CloudWatch's metrics were known ")
