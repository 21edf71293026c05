"""The verdict is right for every distribution near a limit, and the table shows what others would have said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: Locust patches sockets and threads of the one it is imported into."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.exactness", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    made = run("--json")
    assert made.returncode == 0, made.stderr
    return list(json.loads(made.stdout)["rows"])


def test_at_least_twenty_distributions_lie_within_ten_percent_of_100_and_500_ms(
    rows: list[dict[str, Any]],
) -> None:
    near = [row for row in rows if row["limit_ms"] in (100, 500)]
    assert len(near) >= 20
    assert all(abs(row["true_p95"] / row["limit_ms"] - 1) <= 0.1 for row in rows)
    for limit in (100, 500):
        truths = [row["truth"] for row in near if row["limit_ms"] == limit]
        assert truths.count(True) >= 5
        assert truths.count(False) >= 5


def test_the_verdict_is_right_every_time(rows: list[dict[str, Any]]) -> None:
    assert [row["name"] for row in rows if row["swarmscope"] != row["truth"]] == []


def test_locusts_rounded_percentile_is_wrong_where_rounding_crosses_the_limit(
    rows: list[dict[str, Any]],
) -> None:
    wrong = {row["name"]: row["locust_p95"] for row in rows if row["locust"] != row["truth"]}
    assert wrong["narrow normal, P95 104.6 ms"] == 100
    assert wrong["narrow normal, P95 304 ms"] == 300
    assert len(wrong) >= 10


def test_interpolation_is_wrong_where_the_limit_is_no_bound(rows: list[dict[str, Any]]) -> None:
    wrong = [row for row in rows if row["prometheus"] != row["truth"]]
    assert wrong
    assert not {row["limit_ms"] for row in wrong} & {100, 500}


def test_another_seed_gives_other_values_and_no_wrong_verdict(rows: list[dict[str, Any]]) -> None:
    made = run("--json", "--seed", "2")
    assert made.returncode == 0, made.stderr
    others = json.loads(made.stdout)["rows"]
    assert [row["default_buckets"] for row in others] != [row["default_buckets"] for row in rows]
    assert all(row["swarmscope"] == row["truth"] for row in others)


def test_the_table_marks_wrong_verdicts_and_counts_them() -> None:
    made = run()
    assert made.returncode == 0, made.stderr
    lines = made.stdout.splitlines()
    assert lines[0].split() == [
        "distribution",
        "limit",
        "truth",
        "Swarmscope",
        "Locust",
        "rounded",
        "histogram_quantile",
    ]
    marked = next(line for line in lines if line.startswith("narrow normal, P95 304 ms"))
    assert marked.split()[-5:-2] == ["300", "PASS", "(!)"]
    assert lines[-1].startswith(
        f"wrong verdicts of {len(lines) - 2}: Swarmscope 0, Locust's rounded percentile "
    )
