"""Two real runs for the dashboards: one that fails while it is looked at, one that was calm and is over.

Real Locust with a worker, the real exporter, the reference service on PostgreSQL, the machine's and the database's
exporters, the shipped rules, Prometheus, Alertmanager and the receiver; a Prometheus API to ask. All of it runs once
for all tests of a process, and asks everything twice: while the failing run goes on, and when all runs are over.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from reference.running_postgresql import NotInstalled, running_postgresql
from swarmscope.alerting.alertmanager_config import alertmanager_config
from swarmscope.alerting.prometheus_config import prometheus_config
from swarmscope.alerting.receivers import Receivers
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.edge.stack.measuring import NODE_COLLECTORS, data_source
from swarmscope.names import Job
from tests.ports import free_port
from tests.small_project import make_project

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "probe"
BROKEN, CALM = "broken", "calm"
TARGETS = """
system: probe
title: Probe
health: /health
default_profile: quick
alerting: {window: 3s, hold: 2s}
targets:
  - {request: POST /events, p95: 100ms, priority: critical, min_samples: 10, profiles: [quick]}
  - {request: GET /inbox, p99: 2s, min_samples: 5, profiles: [quick]}
  - {request: "*", error_rate: 0.1%, min_samples: 20, profiles: [quick]}
  - {request: POST /events, rps: 2, min_samples: 10, profiles: [quick]}
  - {name: cold-start-p95, query: 'max(locust_users{run="$run"})', max: 3000, at: end}
profiles:
  quick: &load
    users: 16
    spawn_rate: 16
    run_time: 180s
    warm_up: 3s
    user_classes: {TriggersAPIUser: 12, HighThroughputUser: 4}
  bare: {<<: *load, run_time: 8s, warm_up: 4s}
"""
ENVIRONMENTS = """
environments:
  local: {host: "http://127.0.0.1:8000", credentials: {api_key: LOCUST_API_KEY}}
"""
USERS = "from scenarios.triggers.users import HighThroughputUser, TriggersAPIUser  # noqa: F401\n"
FILES = {"targets.yaml": TARGETS, "environments.yaml": ENVIRONMENTS, "users.py": USERS}
DEADLINE = 120.0


def eventually(what: str, check: Callable[[], Any], timeout: float = DEADLINE) -> Any:
    """The first truthy answer; what cannot be reached is not there yet."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        with suppress(requests.RequestException):
            if answer := check():
                return answer
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {timeout:.0f} s")


def is_up(url: str) -> Callable[[], bool]:
    return lambda: requests.get(url, timeout=2).status_code < 500


@dataclass
class Site:
    """Everything that runs, and how to ask it."""

    folder: Path
    project: Path
    prometheus: PrometheusApi
    broken: str = ""
    """The name of the run that fails."""
    calm: str = ""
    began: float = 0.0
    exporter: str = ""
    """The address of the failing run's exporter."""
    service: str = ""
    """The address of the service that the failing run asks."""
    receiver: str = ""
    database: str = ""
    """The address of that service's database."""
    has_exporters: bool = False
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """A child in a process group of its own, with its output in a file."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": f"{self.project}:{ROOT}", "NO_PROXY": "*", **environment},
            )
        self.processes.append(process)
        return process

    @property
    def loads(self) -> list[subprocess.Popen[bytes]]:
        """The Locust processes."""
        return [each for each in self.processes if "locust" in each.args]  # type: ignore[operator]

    def end_the_broken_run(self) -> None:
        """As Ctrl-C does: it has been looked at, however long that took on this machine."""
        master = next(each for each in self.loads if self.broken in each.args)  # type: ignore[operator]
        master.send_signal(signal.SIGINT)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def result(self, run: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / "reports" / run / "result.json").read_text()))

    def label_values(self, selector: str, label: str, start: float, end: float) -> list[str]:
        """As `label_values()` asks for them."""
        answer = requests.get(
            f"{self.prometheus.url}/api/v1/label/{label}/values",
            params={"match[]": selector, "start": f"{int(start)}", "end": f"{int(end) + 1}"},
            timeout=10,
        )
        answer.raise_for_status()
        return list(answer.json()["data"])

    def stop(self) -> None:
        for step in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes:
                if process.poll() is None:
                    os.killpg(process.pid, step)
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and any(each.poll() is None for each in self.processes):
                time.sleep(0.1)


def start_stack(site: Site, ports: dict[str, int], databases: dict[str, str]) -> None:
    """Everything but the load."""
    at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    scraped = {
        Job.LOCUST: (at["broken"], at["calm"]),
        Job.SERVICE: (at["service"], at["calm service"]),
        Job.PROMETHEUS: (at["prometheus"],),
        Job.ALERTMANAGER: (at["alertmanager"],),
    }
    programs = {name: shutil.which(f"prometheus-{name}-exporter") for name in ("node", "postgres")}
    site.has_exporters = all(programs.values())
    if site.has_exporters:
        scraped |= {Job.NODE: (at["node"],), Job.POSTGRESQL: (at["postgres"],)}
        collectors = [f"--collector.{name}" for name in NODE_COLLECTORS]
        site.start(
            "node",
            str(programs["node"]),
            f"--web.listen-address={at['node']}",
            "--collector.disable-defaults",
            *collectors,
        )
        site.start(
            "postgres",
            str(programs["postgres"]),
            f"--web.listen-address={at['postgres']}",
            f"--extend.query-path={ROOT / 'prometheus/postgresql-queries.yml'}",
            **data_source(site.database),
        )
    rules = [
        str(site.project / glob) for glob in ("alerts/*.generated.yml", "prometheus/rules/*.generated.yml")
    ]
    (site.folder / "prometheus.yml").write_text(prometheus_config(scraped, (at["alertmanager"],), rules))
    (site.folder / "alertmanager.yml").write_text(
        alertmanager_config(
            Receivers(),
            receiver_url=f"http://{at['receiver']}",
            template_glob=str(ROOT / "alerts/templates/*.tmpl"),
        )
    )
    site.start(
        "prometheus",
        "prometheus",
        f"--config.file={site.folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={site.folder / 'prometheus'}",
        f"--web.listen-address={at['prometheus']}",
    )
    site.start(
        "alertmanager",
        "prometheus-alertmanager",
        f"--config.file={site.folder / 'alertmanager.yml'}",
        f"--storage.path={site.folder / 'alertmanager'}",
        f"--web.listen-address={at['alertmanager']}",
        "--cluster.listen-address=",
    )
    receiver = ("-m", "swarmscope.edge.receiver", "--port", str(ports["receiver"]))
    site.start("receiver", sys.executable, *receiver, "--state", str(site.folder / "receiver"))
    for name, database in databases.items():
        serve = ("-m", "reference.triggers", "--port", str(ports[name]), "--faults", "--local-key")
        site.start(name, sys.executable, *serve, "--database", database)
    for name, path in {
        "prometheus": "/-/ready",
        "alertmanager": "/-/ready",
        "receiver": "/-/healthy",
        "service": "/health",
        "calm service": "/health",
    }.items():
        eventually(name, is_up(f"http://{at[name]}{path}"))


def start_run(site: Site, ports: dict[str, int], name: str, service: str, *more: str) -> str:
    run = f"{name}-{time.time_ns()}"
    master, prometheus = str(free_port()), site.prometheus.url
    locust = (sys.executable, "-m", "locust", "--system", SYSTEM)
    site.start(
        name,
        *(
            *locust,
            "--headless",
            "--only-summary",
            "--run-id",
            run,
            "--host",
            f"http://127.0.0.1:{ports[service]}",
        ),
        *("--exporter-port", str(ports[name]), "--prometheus-url", prometheus),
        *("--reports-dir", str(site.folder / "reports")),
        *(
            "--master",
            "--expect-workers",
            "1",
            "--master-bind-host",
            "127.0.0.1",
            "--master-bind-port",
            master,
        ),
        *more,
    )
    site.start(f"{name}-worker", *locust, "--worker", "--master-host", "127.0.0.1", "--master-port", master)
    return run


@pytest.fixture(scope="session", name="free_port")
def free_port_fixture() -> Callable[[], int]:
    return free_port


@pytest.fixture(scope="session", name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two runs under way."""
    for program in ("prometheus", "prometheus-alertmanager"):
        assert shutil.which(program), f"{program} is not installed: make test installs it"
    folder = tmp_path_factory.mktemp("dashboards")
    names = (
        "prometheus",
        "alertmanager",
        "receiver",
        "node",
        "postgres",
        BROKEN,
        CALM,
        "service",
        "calm service",
    )
    ports = {name: free_port() for name in names}
    with ExitStack() as ends:
        try:
            server = ends.enter_context(running_postgresql("shared_preload_libraries=pg_stat_statements"))
        except NotInstalled as error:
            pytest.skip(str(error))
        databases = {name: server.new_database() for name in ("service", "calm service")}
        with psycopg.connect(databases["service"], autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        prometheus = PrometheusApi(f"http://127.0.0.1:{ports['prometheus']}")
        site = Site(
            folder,
            make_project(folder, SYSTEM, FILES),
            prometheus,
            began=time.time(),
            database=databases["service"],
        )
        ends.callback(site.stop)
        start_stack(site, ports, databases)
        site.exporter, site.service, site.receiver = (
            f"http://127.0.0.1:{ports[name]}" for name in (BROKEN, "service", "receiver")
        )
        site.calm = start_run(site, ports, CALM, "calm service", "--profile", "bare")
        site.broken = start_run(site, ports, BROKEN, "service")
        yield site
