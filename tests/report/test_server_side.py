"""The report's section on the service's side, in every form that a report has."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from swarmscope.quantities import UNKNOWN
from swarmscope.report import (
    html_report,
    junit_report,
    markdown_report,
    read_result,
    write_result,
)
from swarmscope.report.html import plot_data
from swarmscope.run_result import MeasuredSignal, RunResult, Signals, Statement, TableScan
from swarmscope.run_signals import signals_of
from swarmscope.signals import Signal

MakeResult = Callable[..., RunResult]
HEADING = "## Where the time went: the service's side"


def over(signal: Signal, start: float, values: Sequence[float]) -> MeasuredSignal:
    points = tuple((start + second, value) for second, value in enumerate(values))
    return MeasuredSignal(
        signal.id,
        signal.title,
        signal.unit,
        str(signal.area),
        signal.limit,
        signal.is_floor,
        signal.points_to,
        points,
    )


def slow_pool(result: RunResult) -> Signals:
    """The pool is full from 25 s on, PostgreSQL is quick, and the target is missed from 30 s on."""
    courses = {
        "users": [50.0] * 70,
        "rate": [400.0] * 70,
        "client-post-events-p95": [0.02] * 30 + [0.4] * 40,
        "all-p95": [0.02] * 30 + [0.3] * 40,
        "db-pool-use": [0.1] * 25 + [1.0] * 45,
        "db-operation-p99": [0.01] * 28 + [0.4] * 42,
        "db-operation-average": [0.005] * 28 + [0.2] * 42,
        "pg-statement-average": [0.002] * 70,
        "pg-connections": [0.11] * 70,
        "service-memory": [1.2e9] * 70,
    }
    catalogue = signals_of(result.system, result.profile)
    return Signals(
        tuple(over(signal, result.info.started, courses.get(signal.id, ())) for signal in catalogue),
        phases=((result.info.started, "ramp"), (result.info.started + 10, "warm_up")),
        statements=(Statement("SELECT * FROM a|b", 4.5, 900), Statement("UPDATE `x`", 0.0, 0)),
        scans=(TableScan("public.events", 7e6),),
        service_seconds=0.03,
        database_seconds=0.02,
    )


@pytest.fixture
def pool(make: MakeResult) -> RunResult:
    return replace(make(), signals=slow_pool(make()))


def section(text: str) -> str:
    return text.partition(HEADING)[2].partition("\n## ")[0].strip()


def test_without_measurements_it_is_one_line(make: MakeResult) -> None:
    assert section(markdown_report(make())) == (
        "Nothing was measured on the service's side, so nothing can be said about what held it back: docs/signals.md "
        "says how to have its metrics scraped."
    )
    assert "bottleneck" not in junit_report(make())
    written = json.loads(write_result(make()))
    assert written["bottleneck"]["conclusion"] == "not measured"
    assert written["signals"]["measured"] == []


def test_the_bottleneck_is_named_with_evidence_advice_and_a_table(pool: RunResult) -> None:
    text = section(markdown_report(pool))
    paragraphs = text.split("\n\n")
    assert paragraphs[0] == (
        "POST /events p95 ≤ 100ms was missed from 30 s into the run on (warm up), at 50 users and 400/s. Likely "
        "bottleneck: the connection pool. Use of the service's connection pool (≤ 80 %), 25 s into the run (warm up), "
        "at 50 users and 400/s; highest 100 %; 5 s before the target was missed; rank correlation with the response "
        "time 0.86. Out of range with it: Database operations of the service, p99."
    )
    assert paragraphs[1].splitlines() == [
        "- The service's pool was in use to 100 %: give it more connections (PostgreSQL had 89 % of its own left), or "
        "hold each for a shorter time: none while another service is called.",
        "- PostgreSQL itself took 2ms for a statement at the worst, the service's operations 200ms: most of it was not "
        "the server's work but the way to it (waiting for a connection, the network, the driver).",
    ]
    assert re.fullmatch(
        r"Of the [\d.]+ms of an average request: 20ms \([\d.]+ %\) in database operations, 10ms \([\d.]+ %\) elsewhere "
        r"in the service, [\d.]+ms \([\d.]+ %\) outside the service\.",
        paragraphs[2],
    )
    shares = [float(share) for share in re.findall(r"\(([\d.]+) %\)", paragraphs[2])]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    rows = paragraphs[3].splitlines()[2:]
    assert rows[0] == (
        "| Use of the service's connection pool | ≤ 80 % | 100 % | 100 % | after 25 s (warm up) | 50 | 400/s | 0.86 |"
    )
    assert rows[1].startswith(
        "| Database operations of the service, p99 | ≤ 50ms | 400ms | 400ms | after 28 s (warm up)"
    )
    assert (
        f"| Memory of the service's largest process | ≤ 2 GB | 1.2 GB | 1.2 GB | never |{f' {UNKNOWN} |' * 3}"
        in rows
    )
    assert paragraphs[4].splitlines()[2] == "| `SELECT * FROM a\\|b` | 900 | 4.5s | 5ms |"
    assert paragraphs[5].startswith("Not measured: CPU of the busiest load generator")


def test_html_says_the_same_and_draws_it_beside_the_users_response_time(pool: RunResult) -> None:
    page = html_report(pool)
    assert "Likely bottleneck: the connection pool" in page
    plots = {plot["title"]: plot for plot in plot_data(pool)["plots"]}
    drawn = plots["Connections in use"]
    assert [(series["label"], series["unit"]) for series in drawn["series"]] == [
        ("Use of the service's connection pool", None),
        ("Connections to PostgreSQL, of those it takes", None),
        ("users' response time, p95", "s"),
    ]
    assert drawn["limits"] == [["healthy below", 0.8], ["healthy below", 0.9]]
    assert "Cache and indexes of the database" not in plots


def test_json_gives_back_what_was_measured_and_says_what_follows_from_it(pool: RunResult) -> None:
    text = write_result(pool)
    assert read_result(text).signals == pool.signals
    assert markdown_report(read_result(text)) == markdown_report(pool)
    found: dict[str, Any] = json.loads(text)["bottleneck"]
    assert (found["conclusion"], found["area"]) == ("named", "connection pool")
    assert found["cause"] == {
        "signal": "db-pool-use",
        "after_seconds": 25.0,
        "phase": "warm_up",
        "users": 50.0,
        "rate": 400.0,
        "median": 1.0,
        "worst": 1.0,
        "lead_seconds": 5.0,
        "correlation": pytest.approx(1000 / (45 * 25 * 40 * 30) ** 0.5),  # of two that only go up once
    }
    assert [each["signal"] for each in found["evidence"]] == ["db-operation-p99"]
    assert found["client"]["signal"] == "client-post-events-p95"
    assert len(found["recommendations"]) == 2


def test_a_result_of_before_there_were_signals_is_still_read(make: MakeResult) -> None:
    old = json.loads(write_result(make()))
    del old["signals"], old["bottleneck"]
    assert read_result(json.dumps(old)).signals == Signals()


def test_junit_has_it_as_a_property(pool: RunResult) -> None:
    root = ElementTree.fromstring(junit_report(pool))  # noqa: S314 (our own)
    properties = {each.get("name"): each.get("value", "") for each in root.iter("property")}
    assert "Likely bottleneck: the connection pool." in properties["bottleneck"]
