"""Every signal's query, asked of a real Prometheus that scrapes the real exporters and a reference service."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
import pytest
import requests
import yaml

from reference.running import running
from swarmscope import names
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.edge.signal_reader import SignalReader, over_time
from swarmscope.edge.stack.components import NODE_EXPORTER, POSTGRES_EXPORTER, POSTGRESQL, PROMETHEUS, require
from swarmscope.edge.stack.measuring import (
    QUERIES,
    STATEMENTS,
    data_source,
    node_exporter,
    node_exporter_answers,
    postgres_exporter,
    write_queries,
)
from swarmscope.edge.stack.postgresql import cluster_of, create, program
from swarmscope.edge.stack.processes import Program
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.names import Job
from swarmscope.run_result import RunInfo, Signals
from swarmscope.run_signals import signals_of
from swarmscope.settings import Settings
from swarmscope.signals import SERVER_SIGNALS
from swarmscope.targets import Kind, Profile, System, Target
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
RUN = "shop-1"
CONNECTIONS = f'sum(pg_stat_activity_count{{job="{Job.POSTGRESQL}"}})'
CPU = f'sum(rate(process_cpu_seconds_total{{job="{Job.SERVICE}"}}[$window]))'
TARGETS = (
    Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="*"),
    Target("average", Kind.AVERAGE, Decimal("0.1"), "100ms", request="GET /inbox"),
    Target("errors", Kind.ERROR_RATE, Decimal("0.01"), "1%", request="*"),
    Target("connections", Kind.MAX, Decimal(100), "100", query=CONNECTIONS),
    Target("cpu", Kind.MAX, Decimal(1), "1", query=CPU),
)
PROFILE = Profile("quick", users=5)
SYSTEM = System("shop", "Shop", TARGETS, {"quick": PROFILE}, "quick")


class LocustPage:
    """A page as Locust's exporter has it, whose counters go up with every scrape."""

    def __init__(self) -> None:
        page, self.scrapes, self.ramps = self, 0, True

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.scrapes += 1
                self.send_response(200)
                self.end_headers()
                self.wfile.write(page.text().encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def text(self) -> str:
        run, n = f'run="{RUN}",system="shop"', self.scrapes
        request = f'{run},method="GET",name="/inbox"'
        duration = names.REQUEST_DURATION.name
        return "\n".join(
            [
                f'{duration}_bucket{{{request},le="0.1"}} {9 * n}',
                f'{duration}_bucket{{{request},le="+Inf"}} {10 * n}',
                f"{duration}_sum{{{request}}} {n}",
                f"{duration}_count{{{request}}} {10 * n}",
                f'{names.REQUESTS.name}{{{request},outcome="success",status="200"}} {9 * n}',
                f'{names.REQUESTS.name}{{{request},outcome="failure",status="503"}} {n}',
                f"{names.OLDEST_AGE.name}{{{request}}} 0.5",
                f'{names.USERS.name}{{{run},user_class="U"}} 5',
                f'{names.RUN_PHASE.name}{{{run},phase="ramp"}} {int(self.ramps)}',
                f'{names.RUN_PHASE.name}{{{run},phase="steady"}} {int(not self.ramps)}',
                f'{names.WORKER_CPU.name}{{{run},worker="w1"}} 0.2',
                f'{names.GENERATOR_LAG.name}{{{run},worker="w1"}} 0.002',
                "",
            ]
        )


@dataclass
class Measured:
    """A Prometheus that has seen everything for a few seconds, and when that was."""

    api: PrometheusApi
    started: float
    stopped: float
    database: str

    def info(self) -> RunInfo:
        return RunInfo(
            run=RUN, system="shop", profile="quick", environment="local", version="", description="", host="",
            started=self.started, stopped=self.stopped, steady=((self.started + 2, self.stopped),),
        )  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    """The real parts at work for about six seconds."""
    found = require((PROMETHEUS, POSTGRESQL, NODE_EXPORTER, POSTGRES_EXPORTER))
    # Not pytest's folder: PostgreSQL's own user may not enter it.
    folder = Path(tempfile.mkdtemp(prefix="swarmscope-signals-"))
    folder.chmod(0o755)
    settings = Settings(
        postgresql_port=free_port(), node_exporter_port=free_port(), postgres_exporter_port=free_port()
    )
    cluster = cluster_of(found["PostgreSQL"], settings, folder)
    create(cluster)
    queries = write_queries(ROOT / QUERIES, folder / "queries.yml", with_statements=True)
    page = LocustPage()
    try:
        with (
            Stack(
                [
                    program(cluster),
                    node_exporter(found["node exporter"], settings),
                    postgres_exporter(found["PostgreSQL exporter"], settings, cluster.url, queries),
                ],
                folder / "logs",
            ) as stack,
            running("reference.triggers", "--database", cluster.url, "--local-key") as service,
        ):
            with psycopg.connect(cluster.url, autocommit=True) as connection:
                connection.execute("CREATE TABLE big AS SELECT n AS id FROM generate_series(1, 20000) n")
                connection.execute("CREATE UNIQUE INDEX ON big (id)")
                connection.execute("ANALYZE big")
            jobs = {
                Job.LOCUST: page.server.server_port,
                Job.SERVICE: int(service.url.rpartition(":")[2]),
                Job.NODE: settings.node_exporter_port,
                Job.POSTGRESQL: settings.postgres_exporter_port,
            }
            with Stack([_prometheus(found["Prometheus"].path, folder, jobs)], folder / "logs") as prometheus:
                api = PrometheusApi(prometheus.processes[0].program.url)
                # Prometheus takes 5 s before it scrapes for the first time.
                _use(service.url, cluster.url, lambda: len(api.query("up == 1")) == len(jobs))
                started, page.ramps, before = time.time(), False, page.scrapes
                # Six seconds, unless the machine holds somebody up.
                _use(service.url, cluster.url, lambda: page.scrapes >= before + 24)
                stopped = time.time()
                yield Measured(api, started, stopped, cluster.url)
                assert stack.deaths() == []
    finally:
        page.server.shutdown()
        page.server.server_close()
        shutil.rmtree(folder)


def _prometheus(path: str, folder: Path, jobs: dict[Job, int]) -> Program:
    config = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
        "scrape_configs": [
            {"job_name": str(job), "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in jobs.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    command = (
        path,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
    )
    return Program("prometheus", "Prometheus", command, f"{url}/-/ready", url=url)


def _use(service: str, database: str, is_enough: Callable[[], bool]) -> None:
    """Keep the service and its database at work."""
    deadline = time.monotonic() + 90
    with requests.Session() as session, psycopg.connect(database, autocommit=True) as connection:
        session.trust_env = False
        session.headers["Authorization"] = "Bearer local-load-test"
        while not is_enough():
            assert time.monotonic() < deadline
            assert session.get(f"{service}/inbox", timeout=30).status_code == 200
            connection.execute("SELECT * FROM big WHERE id = 7")
            connection.execute("SELECT count(*) FROM big WHERE id % 7 = 1")
            time.sleep(0.02)


@pytest.fixture(scope="module")
def signals(measured: Measured) -> Signals:
    reader = SignalReader(measured.api)
    found = reader.read(SYSTEM, PROFILE, measured.info())
    assert reader.notes == []
    return found


@pytest.mark.parametrize("signal", signals_of(SYSTEM, PROFILE), ids=lambda signal: signal.id)
def test_every_signal_has_one_series_of_plausible_numbers(
    measured: Measured, signals: Signals, signal: object
) -> None:
    (found,) = [each for each in signals.measured if each.id == signal.id]  # type: ignore[attr-defined]
    assert len(found.points) >= 3, found.title
    assert all(
        measured.started - 0.001 <= at <= measured.stopped for at, _ in found.points
    )  # in milliseconds
    assert all(value >= 0 for _, value in found.points)
    if found.unit == "ratio":
        assert all(value <= 1.5 for _, value in found.points)


def test_a_signal_whose_metric_nobody_has_is_not_measured(measured: Measured) -> None:
    for signal in SERVER_SIGNALS:
        # What the test above would see if an exporter called one of its metrics otherwise.
        unknown = signal.query.replace("_count", "_cnt").replace("seconds", "secs").replace("pg_", "pgx_")
        unknown = (
            unknown.replace("node_", "nodex_").replace("db_client", "dbx").replace("http_server", "httpx")
        )
        unknown = unknown.replace("process_", "processx_")
        query = over_time(unknown, RUN, 5)
        assert measured.api.query_range(query, measured.started, measured.stopped, 1) == [], signal.id


def test_values_are_what_was_done(signals: Signals) -> None:
    last = {each.id: each.points[-1][1] for each in signals.measured if each.points}
    assert last["users"] == 5
    assert last["client-errors"] == pytest.approx(0.1)
    assert last["generator-lag"] == 0.002
    assert last["db-errors"] == 0
    # One scan of the whole table for each by its index.
    assert last["pg-index-use"] == pytest.approx(0.5, abs=0.15)
    assert 0.001 < last["pg-connections"] < 0.2
    assert last["pg-statement-average"] < 0.05
    assert last["all-p95"] > 0.0


def test_phases_statements_and_tables_come_with_them(measured: Measured, signals: Signals) -> None:
    assert [phase for _, phase in signals.phases] == ["ramp", "steady"]
    texts = {each.text: each for each in signals.statements}
    counted = texts["SELECT count(*) FROM big WHERE id % $1 = $2"]
    assert counted.calls > 10
    assert 0 < counted.seconds < counted.calls
    assert signals.statements[0].seconds == max(each.seconds for each in signals.statements)
    assert signals.scans[0].table == "public.big"
    assert signals.scans[0].rows >= 20_000 * counted.calls / 2
    assert signals.service_seconds is not None
    assert signals.database_seconds is not None
    assert 0 < signals.database_seconds < signals.service_seconds < 1


def test_the_reader_stops_asking_when_it_takes_too_long(measured: Measured) -> None:
    times = iter([0.0, 0.5, *([99.0] * 100)])
    reader = SignalReader(measured.api, clock=lambda: next(times), seconds=1.0)
    found = reader.read(SYSTEM, PROFILE, measured.info())
    assert [each.id for each in found.measured if each.points] == ["users"]
    assert reader.notes[0].startswith(
        "Prometheus was too slow to be asked for: Answers, Response time of all requests"
    )


def test_a_prometheus_that_is_gone_is_a_note_and_no_error(measured: Measured) -> None:
    reader = SignalReader(PrometheusApi(f"http://127.0.0.1:{free_port()}", 0.5))
    found = reader.read(SYSTEM, PROFILE, measured.info())
    assert all(not each.points for each in found.measured)
    assert "cannot be reached" in reader.notes[0]
    assert reader.read(SYSTEM, PROFILE, replace(measured.info(), stopped=measured.started)) == Signals()


def test_without_statistics_of_statements_the_exporter_is_not_asked_for_them(tmp_path: Path) -> None:
    for with_statements in (True, False):
        path = write_queries(ROOT / QUERIES, tmp_path / "queries.yml", with_statements=with_statements)
        assert (STATEMENTS in yaml.safe_load(path.read_text())) is with_statements


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://u:p@127.0.0.1:5433/d", "postgresql://u:p@127.0.0.1:5433/d?sslmode=disable"),
        ("postgresql://u@/d?host=/run/pg", "postgresql://u@/d?host=/run/pg&sslmode=disable"),
        ("postgresql://u:p@db.example/d", "postgresql://u:p@db.example/d"),
        ("postgresql://u:p@127.0.0.1/d?sslmode=require", "postgresql://u:p@127.0.0.1/d?sslmode=require"),
    ],
)
def test_only_a_database_of_this_machine_is_asked_without_tls(address: str, expected: str) -> None:
    assert data_source(address) == {"DATA_SOURCE_NAME": expected}


def test_an_exporter_that_listens_already_is_recognised_by_what_it_measures(measured: Measured) -> None:
    assert not node_exporter_answers(Settings(node_exporter_port=free_port()))
    prometheus = int(measured.api.url.rpartition(":")[2])
    assert not node_exporter_answers(Settings(node_exporter_port=prometheus))
