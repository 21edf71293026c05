"""The AWS dashboard on a real Prometheus that scrapes a page made from the pull exporter's own tables.

The gauges of CloudWatch carry its time: the start of a minute that ended two minutes ago.
"""

import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from swarmscope.aws import families
from swarmscope.aws.families import Source
from swarmscope.dashboards import asking
from swarmscope.dashboards.asking import Shown
from swarmscope.dashboards.aws import AWS_ONLY, page
from swarmscope.edge.prometheus_api import PrometheusApi
from tests.dashboards.grafana import ask, complaints, shipped, value

BEHIND = 150
VALUES = {"source": tuple(Source), "operation": ("GetMetricData",), "result": ("success", "throttled")}
LOCUST = """\
locust_run_info{run="r1",system="access"} 1
locust_run_start_timestamp_seconds{run="r1",system="access"} 1700000000
locust_requests_total{run="r1",system="access",method="GET",name="/v1",outcome="success",status="200"} %(n)d
locust_request_duration_seconds_bucket{run="r1",system="access",method="GET",name="/v1",le="0.1"} %(n)d
locust_request_duration_seconds_bucket{run="r1",system="access",method="GET",name="/v1",le="+Inf"} %(n)d
locust_run_phase{run="r1",system="access",phase="ramp"} %(ramp)d
locust_run_phase{run="r1",system="access",phase="steady"} 1
locust_target_limit{run="r1",system="access",target="cold-start-p95",request="",kind="max",priority="high"} 3
"""


def aws_page(seconds):
    """As the pull exporter publishes it, its counters grown for that long."""
    written = int(time.time() - BEHIND) // 60 * 60
    lines = []
    for family in families.FAMILIES:
        labels = ",".join(f'{label}="x"' for label in family.dimensions.values())
        for statistic in family.statistics:
            stat = f',stat="{statistic}"' if "stat" in family.labels else ""
            lines.append(f"{family.name}{{{labels}{stat}}} 0.25 {written * 1000}")
    cold = 'run="r1",system="access",function="x"'
    starts = int(seconds)
    for bound, share in (("0.5", 0), ("1", 1), ("3", 1), ("+Inf", 1)):
        lines.append(f'{families.INIT_DURATION.name}_bucket{{{cold},le="{bound}"}} {starts * share}')
    lines += [
        f"{families.INIT_DURATION.name}_count{{{cold}}} {starts}",
        f"{families.INIT_DURATION.name}_sum{{{cold}}} {starts * 0.7}",
        f"{families.COLD_START_RATIO.name}{{{cold}}} 0.05",
    ]
    for metric in families.OWN:
        (label,) = metric.labels or ("",) if len(metric.labels) < 2 else ("operation",)
        grown = seconds if metric.type == "counter" else 1.0
        for each in VALUES.get(label, ("x",)):
            results = VALUES["result"] if "result" in metric.labels and label == "operation" else ("",)
            for result in results:
                named = {label: each} if label else {}
                named |= {"result": result} if result else {}
                text = ",".join(f'{key}="{one}"' for key, one in named.items())
                lines.append(f"{metric.name}{{{text}}} {grown}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, free_port):
    folder, began = tmp_path_factory.mktemp("aws"), time.time()

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self):
            seconds = time.time() - began
            body = LOCUST % {"n": 10 * seconds, "ramp": 1} if self.path == "/locust" else aws_page(seconds)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        jobs = "\n".join(
            f"  - {{job_name: {job}, metrics_path: /{job}, "
            f"static_configs: [{{targets: ['127.0.0.1:{server.server_port}']}}]}}"
            for job in ("cloudwatch", "locust")
        )
        (folder / "prometheus.yml").write_text(
            f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}\n"
        )
        port = free_port()
        program = shutil.which("prometheus")
        assert program, "prometheus is not installed: make test installs it"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    program,
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield PrometheusApi(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(20)
            server.shutdown()


@pytest.fixture(scope="module")
def site(prometheus):
    class Site:
        pass

    site = Site()
    site.prometheus = prometheus
    return site


@pytest.fixture(scope="module")
def answers(site, eventually):
    eventually("up", site.prometheus.ready)
    enough = 'count_over_time(up{job="cloudwatch"}[1m]) > 6'
    eventually("scraped", lambda: site.prometheus.query(enough))
    shown = Shown(time.time() - 600, time.time(), {"system": "access", "run": "r1"})
    return ask(site, shipped("swarmscope-aws"), shown)


def strict():
    """The page as it is where AWS is read: nothing may be missing for the lack of it."""
    made = page()
    kept = {where: reason for where, reason in made.may_be_empty.items() if reason != AWS_ONLY}
    return type(made)(uid=made.uid, title=made.title, description="", module="", may_be_empty=kept)


def test_every_query_is_answered_where_aws_is_read(answers):
    assert complaints(strict(), answers) == []
    assert set(answers.series) == {query.where for query in asking.queries(shipped("swarmscope-aws"))}


def test_client_and_aws_stand_on_one_axis(answers):
    title = "Where the time goes: P95"
    found = {letter: answers.series[f"{title} {letter}"] for letter in "ABCDE"}
    assert [len(series) for series in found.values()] == [1, 1, 1, 1, 1]
    assert [sorted(series[0]["metric"]) for series in found.values()] == [
        [], ["api", "stage"], ["api", "stage"], ["function"], ["operation", "table"],
    ]  # fmt: skip
    for letter in "BCDE":
        first, last = (found[letter][0]["values"][index][0] for index in (0, -1))
        assert time.time() - 240 < first < time.time() - BEHIND + 60  # CloudWatch's time, not the scrape's
        assert last > first


def test_cold_starts_and_their_limit(answers):
    assert 0.5 < value(answers, "Cold starts: P95 so far A") <= 1
    assert value(answers, "Cold starts: P95 B", target="cold-start-p95") == 3
    assert value(answers, "Share of cold invocations A") == 0.05
    assert value(answers, "Cold starts so far A") >= 5


@pytest.mark.parametrize("family", families.FAMILIES, ids=lambda family: family.name)
def test_a_family_that_is_not_published_is_missed(family, site, answers):
    """The page above is not what makes the queries pass: without a family, those that ask for it are silent."""
    asked = [query for query in asking.queries(shipped("swarmscope-aws")) if family.name in query.expr]
    assert asked
    dashboard = shipped("swarmscope-aws")
    for panel in asking.panels(dashboard):
        for target in panel.get("targets") or ():
            target["expr"] = target["expr"].replace(family.name, f"{family.name}_gone")
    found = complaints(strict(), ask(site, dashboard, answers.shown, lambda query: family.name in query.expr))
    assert {f"{query.where}: no answer" for query in asked} <= set(found)
