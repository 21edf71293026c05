# ruff: noqa: S608  # the statements are the table's own
"""Each system passes under its default profile, and each target of it breaks under a fault that is injected.

What a person does, with nothing in between: the runner with a stack of its own, and PUT /faults while it runs. A run
takes 40 seconds or more, so the runs are in the long tier; that the table names every target is checked always.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests

from swarmscope.edge.files import load_system
from swarmscope.settings import Settings
from swarmscope.targets import Moment

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 240


@dataclass(frozen=True)
class Case:
    """A fault, and the targets that must miss their limits for it."""

    system: str
    name: str
    faults: tuple[dict[str, Any], ...]
    breaks: frozenset[str]
    duration: str = "35s"
    good_seconds: float = 4
    """Steady seconds before the fault, as in a service that breaks while it is watched."""
    sql: tuple[str, ...] = ()
    """Statements that are run in the stack's own PostgreSQL."""
    healthy: frozenset[str] = field(default_factory=frozenset)
    """Targets that must hold all the same: the fault is not theirs."""

    def __str__(self) -> str:
        return f"{self.system}-{self.name}"


def case(system: str, name: str, breaks: list[str], *faults: dict[str, Any], **options: Any) -> Case:
    """A row of the table."""
    options["healthy"] = frozenset(options.get("healthy", ()))
    options["sql"] = tuple(options.get("sql", ()))
    return Case(system, name, faults, frozenset(breaks), **options)


def delay(milliseconds: int) -> dict[str, Any]:
    """Every answer takes this much longer."""
    return {"kind": "delay", "delay_ms": milliseconds}


SLOW = delay(1500)
ERRORS = {"kind": "error", "probability": 0.5, "status": 500}
HANG = {"kind": "hang"}

LIVE = "/api/v1/live"
EVENTS = "swarmscope_load.metric_events"
LOCKED = (
    f"BEGIN; LOCK TABLE {EVENTS} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT; SELECT pg_sleep(0.5)"
)
COLUMNS = "recorded_at, value, writer, sequence, tenant_id, session_id, metric_id"
NEWEST = f"(SELECT * FROM {EVENTS} WHERE sequence IS NOT NULL ORDER BY id DESC LIMIT 200) AS newest"
STET = [
    *("post-v1-corrections", "get-v1-facts", "get-v1-history"),
    *("post-v1-enforcement-heartbeat", "get-v1-enforcement-status", "get-v1-enforcement-escalation"),
]

TRIGGERS_CASES = [
    case("triggers", "slow", ["post-events-p95", "get-inbox-p95"], SLOW, healthy=["all-error-rate"]),
    case("triggers", "errors", ["all-error-rate"], ERRORS, healthy=["post-events-p95"]),
    # A user that hangs is one slow request: with 20 good ones to each before it, the P95 would rightly hold.
    case(
        "triggers",
        "hang",
        ["post-events-rps-quick", "post-events-p95", "all-error-rate"],
        HANG,
        good_seconds=1,
    ),
]
AUTHORIZE = "POST /authorize"
ACCESS_CASES = [
    case(
        "access",
        "slow-authorizer",
        ["post-authorize-p95"],
        {"kind": "delay", "routes": AUTHORIZE, "delay_ms": 150},
        healthy=["api-p95", "all-error-rate", "cold-start-p95"],
        duration="45s",
    ),
    case(
        "access",
        "slow-api",
        ["api-p95"],
        {"kind": "delay", "routes": "/v1/*", "delay_ms": 700},
        healthy=["post-authorize-p95", "all-error-rate"],
        duration="45s",
    ),
    case(
        "access",
        "errors",
        ["all-error-rate"],
        {"kind": "error", "status": 500, "probability": 0.05},
        healthy=["post-authorize-p95", "api-p95"],
        duration="45s",
    ),
    case(
        "access",
        "cold-starts",
        ["cold-start-p95"],
        {"kind": "cold_start", "routes": AUTHORIZE, "delay_ms": 3500, "jitter_ms": 200},
        healthy=["api-p95", "all-error-rate"],
        duration="45s",
    ),
    case(
        "access",
        "stall",
        ["all-rps", "post-authorize-rps"],
        delay(2500),
        healthy=["all-error-rate"],
        duration="45s",
    ),
]
CLAIMS_CASES = [
    case("claims", "slow", ["all-p95"], delay(800), healthy=["all-error-rate"], duration="50s"),
    case("claims", "errors", ["all-error-rate"], ERRORS, healthy=["all-p95"], duration="50s"),
    case("claims", "stall", ["all-rps-quick"], delay(4000), healthy=["all-error-rate"], duration="50s"),
    case(
        "claims",
        "lost",
        ["get-api-v1-claims-id-rps"],
        {"kind": "error", "status": 404, "routes": "GET /api/v1/claims/{claim_id}/"},
        healthy=["all-p95", "all-error-rate"],
        duration="50s",
    ),
]
STET_CASES = [
    # 450 ms is more than the third of a second between two requests: users fall behind, and the rest waits in line.
    case(
        "stet",
        "slow",
        [f"{name}-{percentile}" for name in STET for percentile in ("p50", "p95", "p99")],
        delay(450),
        healthy=["all-error-rate", "database-query-p99"],
        duration="45s",
    ),
    case("stet", "errors", ["all-error-rate"], ERRORS, healthy=["post-v1-corrections-p95", "wrong-replays"]),
    case(
        "stet", "hang", [*(f"{name}-rps-quick" for name in STET), "all-error-rate", "get-v1-facts-p95"], HANG
    ),
    case(
        "stet",
        "slow-query",
        ["database-query-p99", "database-pool-use", "get-v1-facts-p95"],
        {"kind": "slow_query", "delay_ms": 200},
        healthy=["wrong-replays"],
    ),
]
METRICS_CASES = [
    case(
        "metrics",
        "slow",
        [
            *(f"any-api-v1-{group}-any-p95" for group in ("auth", "metrics", "admin")),
            *("any-api-v1-dashboard-any-p95", "ws-delivery-p95", "ws-round-trip-p95"),
        ],
        SLOW,
        healthy=["any-api-v1-any-error-rate", "tenant-leaks", "uptime", "websocket-messages-lost"],
        duration="40s",
    ),
    case(
        "metrics",
        "slow-visits",
        ["journey-visit-p95"],
        delay(450),
        healthy=["journey-visit-error-rate"],
        duration="50s",
    ),
    case(
        "metrics",
        "errors",
        [
            *("any-api-v1-any-error-rate", "journey-visit-error-rate", "uptime"),
            *("ws-round-trip-error-rate", "websocket-achieved", "websocket-messages-lost"),
        ],
        ERRORS,
        healthy=["events-missing", "events-doubled", "database-rows-missing"],
    ),
    case(
        "metrics",
        "hang",
        ["any-api-v1-any-rps-quick", "ws-delivery-rps-quick"],
        HANG,
        healthy=["tenant-leaks"],
    ),
    case(
        "metrics",
        "leak",
        ["tenant-leaks", "websocket-tenant-leaks"],
        {"kind": "leak", "probability": 0.05},
        healthy=["events-missing"],
    ),
    case(
        "metrics",
        "lose",
        ["events-missing"],
        {"kind": "lose", "probability": 0.2},
        healthy=["events-doubled"],
    ),
    case(
        "metrics",
        "double",
        ["events-doubled", "websocket-messages-repeated"],
        {"kind": "double", "probability": 0.2},
        healthy=["events-missing", "tenant-leaks", "websocket-messages-lost"],
    ),
    case(
        "metrics",
        "unverifiable",
        ["events-unverified", "events-verified"],
        {"kind": "error", "status": 503, "routes": "GET /api/v1/metrics/receipts/*"},
        healthy=["uptime"],
    ),
    case("metrics", "slow-queries", ["database-pool"], {"kind": "slow_query", "delay_ms": 250}),
    case(
        "metrics",
        "cut",
        ["websocket-connection-success", "websocket-users-without-connection"],
        {"kind": "error", "status": 503, "routes": f"CONNECT {LIVE}"},
        {"kind": "drop", "probability": 0.5, "routes": LIVE, "for_seconds": 0.9},
        healthy=["websocket-messages-lost", "websocket-messages-repeated"],
    ),
    # Again and again: each time the few users wait in whatever query they are just asking.
    case("metrics", "locked-table", ["sql-dashboard-average", "sql-join-average"], sql=[LOCKED] * 6),
    case(
        "metrics",
        "slow-view",
        ["sql-tenant-events-average"],
        sql=[
            f"CREATE OR REPLACE VIEW swarmscope_load.tenant_events AS "
            f"SELECT id, tenant_id, session_id, metric_id, value, recorded_at FROM {EVENTS}, pg_sleep(0.3) "
            f"WHERE tenant_id = current_setting('swarmscope.tenant_id')::integer"
        ],
        healthy=["sql-dashboard-average", "tenant-leaks"],
    ),
    case(
        "metrics",
        "deleted-rows",
        ["database-rows-missing"],
        sql=[f"DELETE FROM {EVENTS} WHERE id IN (SELECT id FROM {NEWEST})"],
        healthy=["database-rows-doubled", "events-missing"],
    ),
    case(
        "metrics",
        "doubled-rows",
        ["database-rows-doubled"],
        sql=[f"INSERT INTO {EVENTS} ({COLUMNS}) SELECT {COLUMNS} FROM {NEWEST}"],
        healthy=["database-rows-missing"],
    ),
    case(
        "metrics",
        "no-table",
        ["sql-any-error-rate", "database-rows-stored", "database-rows-unverified"],
        sql=[f"ALTER TABLE {EVENTS} RENAME TO gone"],
        healthy=["any-api-v1-any-error-rate"],
    ),
]
CASES = [*TRIGGERS_CASES, *ACCESS_CASES, *CLAIMS_CASES, *STET_CASES, *METRICS_CASES]
ELSEWHERE = {
    "stet": dict.fromkeys(
        ("api-cpu", "api-memory", "database-connections", "database-active-queries", "wrong-replays"),
        "tests/reference/test_stet_measured.py",
    ),
}
"""Targets that no fault of a service breaks on a laptop, and the test that breaks each by what stands for its cause."""
SYSTEMS = sorted(path.parent.name for path in ROOT.glob("scenarios/*/targets.yaml"))


@dataclass
class Stack:
    """The runner's own stack in a folder of its own."""

    folder: Path
    ports: dict[str, int]
    process: subprocess.Popen[bytes]

    @property
    def service(self) -> str:
        return f"http://127.0.0.1:{self.ports['SWARMSCOPE_SERVICE_PORT']}"

    def output(self) -> str:
        return (self.folder / "output.txt").read_text()

    def live(self) -> dict[str, Any]:
        port = self.ports["SWARMSCOPE_EXPORTER_PORT"]
        return dict(requests.get(f"http://127.0.0.1:{port}/live", timeout=30).json())

    def database(self) -> str:
        """The address that Locust was given."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if url := child.environ().get("DATABASE_URL"):
                    return url
        raise AssertionError("no process of the stack knows a database")

    def result(self) -> dict[str, Any]:
        (path,) = (self.folder / "reports").glob("*/result.json")
        return dict(json.loads(path.read_text()))

    def notified(self) -> set[tuple[str, str]]:
        """(alert, target) of every firing alert that the receiver was sent."""
        lines = (self.folder / "state/receiver/notifications.jsonl").read_text().splitlines()
        return {
            (alert["labels"]["alertname"], alert["labels"].get("target", ""))
            for record in map(json.loads, lines)
            for alert in record.get("alerts", ())
            if alert.get("status") == "firing"
        }


@pytest.fixture
def run(tmp_path, free_port) -> Iterator[Any]:
    """Starts `swarmscope run` for a system."""
    started: list[subprocess.Popen[bytes]] = []

    def start(system: str, duration: str) -> Stack:
        names = [f"SWARMSCOPE_{name.upper()}" for name in Settings.__slots__ if name.endswith("_port")]
        ports = {name: free_port() for name in names}
        settings = {name: str(port) for name, port in ports.items()}
        settings |= {"SWARMSCOPE_STATE": f"{tmp_path}/state", "SWARMSCOPE_REPORTS": f"{tmp_path}/reports"}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SWARMSCOPE_", "LOCUST"))
        }
        kept.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "swarmscope.edge.cli", "run", f"--system={system}"]
        command += [f"--duration={duration}"] if duration else []
        with (tmp_path / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=kept | settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return Stack(tmp_path, ports, process)

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for_steady(stack: Stack, wait_for: Any) -> None:
    def steady() -> bool:
        assert stack.process.poll() is None, stack.output()
        return any(each["phase"] == "steady" for each in stack.live()["runs"])

    wait_for("the steady phase", steady, 90)


def statuses(result: dict[str, Any]) -> dict[str, str]:
    return {judgement["target"]: judgement["status"] for judgement in result["judgements"]}


def test_the_table_breaks_every_target_of_every_default_profile():
    for name in SYSTEMS:
        system = load_system(ROOT, name)
        judged = {target.id for target in system.targets_under(system.default_profile)}
        broken = {target for each in CASES if each.system == name for target in each.breaks}
        broken |= set(ELSEWHERE.get(name, {}))
        assert judged - broken == set(), f"{name}: no case breaks these"
        assert broken - judged == set(), f"{name}: no such targets under {system.default_profile}"


@pytest.mark.parametrize(("target", "file"), [each for some in ELSEWHERE.values() for each in some.items()])
def test_what_breaks_elsewhere_is_named_there(target, file):
    assert target in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_healthy_service_meets_its_targets(system, run):
    stack = run(system, "")
    assert stack.process.wait(RUN_SECONDS) == 0, stack.output()
    result = stack.result()
    assert result["verdict"] == "PASS"
    assert set(statuses(result).values()) == {"PASS"}
    assert [alert["name"] for alert in result["alerts"]] == []


@pytest.mark.long
@pytest.mark.parametrize("each", CASES, ids=str)
def test_a_fault_breaks_its_targets_and_each_notifies(each, run, wait_for):
    stack = run(each.system, each.duration)
    wait_for_steady(stack, wait_for)
    time.sleep(each.good_seconds)
    injected = time.time()
    if each.faults:
        answer = requests.put(f"{stack.service}/faults", json=list(each.faults), timeout=10)
        assert answer.status_code == 200, answer.text
    if each.sql:
        time.sleep(4)  # so that there are rows of this run
        with psycopg.connect(stack.database(), autocommit=True) as connection:
            for statement in each.sql:
                connection.execute(statement.encode())
    code = stack.process.wait(RUN_SECONDS)
    result, system = stack.result(), load_system(ROOT, each.system)
    status = statuses(result)
    print(f"\n{each}: exit {code}, " + ", ".join(f"{target} {word}" for target, word in status.items()))
    missed = {target for target, word in status.items() if word == "FAIL"}
    assert each.breaks <= missed, stack.output()
    assert not each.healthy & missed, stack.output()
    assert code == 10, stack.output()
    watched = {target.id for target in system.targets if target.at is not Moment.END}
    fired = {
        alert["labels"].get("target"): alert["started"] - injected
        for alert in result["alerts"]
        if alert["labels"].get("target")
    }
    assert each.breaks & watched <= set(fired), (fired, stack.output())
    assert each.breaks & watched <= {target for _, target in stack.notified()}
