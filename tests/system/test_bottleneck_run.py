"""A whole run, as a user starts it, whose database becomes slow: its report names the database, with numbers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from swarmscope.errors import ExitCode
from swarmscope.report import read_result

ROOT = Path(__file__).resolve().parents[2]
PORTS = (
    "SERVICE",
    "LOCUST",
    "EXPORTER",
    "PROMETHEUS",
    "ALERTMANAGER",
    "RECEIVER",
    "GRAFANA",
    "POSTGRESQL",
    "NODE_EXPORTER",
    "POSTGRES_EXPORTER",
    "CLOUDWATCH_EXPORTER",
    "AWS_STAND_IN",
)
SECONDS = 34
SLOW_AFTER = 14


@pytest.fixture
def project() -> Iterator[Path]:
    """A checkout whose system needs a PostgreSQL; PostgreSQL's own user may not enter pytest's folders."""
    folder = Path(tempfile.mkdtemp(prefix="swarmscope-run-"))
    folder.chmod(0o755)
    for name in ("reference", "prometheus", "alerts", "locustfile.py"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "scenarios", folder / "scenarios", ignore=shutil.ignore_patterns("__pycache__"))
    targets = folder / "scenarios" / "triggers" / "targets.yaml"
    targets.write_text(targets.read_text().replace("\ngate: ", "\nneeds: [postgresql]\ngate: ", 1))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.long
def test_a_run_whose_database_becomes_slow_names_it_and_says_when(
    project: Path, free_port: Callable[[], int], wait_for: Callable[..., Any]
) -> None:
    ports = {name: free_port() for name in PORTS}
    environ = {
        **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        **{f"SWARMSCOPE_{name}_PORT": str(port) for name, port in ports.items()},
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    live = f"http://127.0.0.1:{ports['EXPORTER']}/live"
    output = project / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "swarmscope.edge.cli",
                "run",
                "--system=triggers",
                f"--duration={SECONDS}s",
            ],
            cwd=project,
            env=environ,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:

        def elapsed() -> float:
            runs = requests.get(live, timeout=30).json()["runs"]
            return float(runs[0]["elapsed"]) if runs and runs[0]["started"] else 0.0

        wait_for("the run to be well under way", lambda: elapsed() >= SLOW_AFTER)
        fault = [{"kind": "slow_query", "delay_ms": 250}]
        answer = requests.put(f"http://127.0.0.1:{ports['SERVICE']}/faults", json=fault, timeout=30)
        assert answer.status_code < 300, answer.text
        slow_after = elapsed()
        assert process.wait(120) == ExitCode.FAIL, output.read_text()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    (folder,) = (project / "reports").iterdir()
    text = (folder / "result.json").read_text()
    bottleneck = json.loads(text)["bottleneck"]
    assert (bottleneck["conclusion"], bottleneck["area"]) == ("named", "database")
    cause = bottleneck["cause"]
    print(f"\n{cause}\n{bottleneck['recommendations']}")
    # What PostgreSQL says of itself comes first: the service's view of it holds the service's own waits, too.
    assert cause["signal"] == "pg-statement-average"
    assert cause["after_seconds"] == pytest.approx(slow_after, abs=6)
    assert cause["phase"] == "steady"
    assert cause["users"] == 100
    assert cause["worst"] > 0.08  # of all statements on average, the quick ones among them
    assert abs(cause["lead_seconds"]) <= 6
    assert cause["correlation"] > 0.5
    # A queue for connections comes of it, and operations that fail for want of one: those are told first.
    assert any(each.startswith("PostgreSQL itself took ") for each in bottleneck["recommendations"])
    result = read_result(text)
    # Nothing that can be measured here was not.
    absent = {each.id for each in result.signals.measured if not each.points}
    assert absent <= {"pg-index-use"}  # no table is large
    assert result.signals.database_seconds is not None
    assert result.signals.database_seconds > 0.05
    report = (folder / "report.md").read_text()
    assert (
        "Likely bottleneck: the database. Average time of a statement inside PostgreSQL (≤ 50ms), " in report
    )
    assert "in database operations" in report, report
    assert "INSERT INTO events" in report
    page = (folder / "report.html").read_text()
    assert "Time in the service and its database" in page
    assert "Likely bottleneck: the database" in (folder / "junit.xml").read_text()
