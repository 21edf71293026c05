"""Locust's own clients and statistics, in a process of their own (see locust_program.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def run(part: str) -> Any:
    ended = subprocess.run(
        [sys.executable, str(HERE / "locust_program.py"), part],
        cwd=HERE.parents[1],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def totals() -> Any:
    return run("totals")


@pytest.fixture(scope="module")
def following() -> Any:
    return run("following")


def test_totals_equal_locusts_own_in_every_run_of_a_process(totals):
    assert totals["listener_errors"] == 0
    assert len(totals["runs"]) == 2
    for seen in totals["runs"]:
        assert len(seen["locust"]) == 6
        assert seen["recorder"] == seen["locust"]
        assert sum(entry[2] for entry in seen["recorder"]) > 300


def test_both_clients_statuses_and_errors_are_read(totals):
    for seen in totals["runs"]:
        assert seen["outcomes"] == [
            ["failure", "200"],
            ["failure", "429"],
            ["failure", "503"],
            ["failure", "none"],
            ["success", "200"],
            ["success", "none"],
        ]
        assert {
            "HTTPError 429 Too Many Requests",
            "HTTPError 503 Service Unavailable",
            "order <n> is missing",
        } <= set(seen["errors"])
        assert any("ConnectionRefusedError" in error for error in seen["errors"])
        assert len(seen["errors"]) <= 5


def test_answered_requests_are_not_in_flight(following):
    assert following["answered"] == [[], [], ["/ok", "/ok"]]
    assert following["signature_kept"]


def test_hanging_requests_are_seen_by_the_name_that_locust_will_give_them(following):
    assert following["hanging"] == [
        ["DELETE", "/hang", 1],
        ["GET", "/hang/fast", 1],
        ["GET", "/hang/plain?a=1+2", 1],
        ["GET", "/slow-body", 1],
        ["GET", "parallel", 3],
        ["GET", "positional", 1],
        ["POST", "named", 1],
        ["PUT", "renamed", 1],
        ["WS", "subscribe", 1],
    ]
    assert following["oldest"] == ["GET", "/hang/fast"]


def test_a_request_that_the_scenario_gives_up_is_counted_as_unfinished(following):
    assert following["timed_out"] == [["DELETE", "/hang"]]


def test_requests_of_killed_users_are_counted_and_kept_for_the_report(following):
    killed = [
        ["GET", "/hang/fast"],
        ["GET", "/hang/plain?a=1+2"],
        ["GET", "/slow-body"],
        ["GET", "positional"],
        ["POST", "named"],
        ["PUT", "renamed"],
        ["WS", "subscribe"],
    ]
    assert following["killed"] == killed
    assert following["pending"] == killed, "not the one given up before the run was stopping"
    assert following["youngest"] > 0.4
    assert following["left"] == [["GET", "parallel", 3]]


def test_a_listener_that_blocks_after_the_answer_is_not_a_request_in_flight(following):
    assert following["in_a_listener"] == []
    assert following["cut_in_a_listener"] == []


def test_tracebacks_through_a_followed_request_still_point_at_locusts_lines(following):
    names, line = following["traceback"]
    assert names == ["through_a_traceback", "get", "request", "_build_url"]
    assert line == "built_url = self._build_url(url)"
