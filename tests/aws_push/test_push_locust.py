"""A real Locust pushes: alone, with --processes, as a worker; whatever boto3's import order and credentials."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from configargparse import ArgumentParser

from swarmscope.aws.policies import POLICIES, actions_of
from swarmscope.edge.cloudwatch_options import add_push_options
from tests.ports import free_port, in_processes

ROOT = Path(__file__).resolve().parents[2]

LOCUSTFILE = """
{first}
from locust import FastHttpUser, constant, events, task
{second}
import tests.patience
from exporters.run_view import ExporterCounters
from swarmscope.edge.cloudwatch_options import add_push_options
from swarmscope.edge.cloudwatch_push import push
from swarmscope.measurements import RequestKey
from swarmscope.targets import System

SYSTEM = System("probe", "Probe", (), {{}}, "quick")

@events.init_command_line_parser.add_listener
def _options(parser, **_):
    group = parser.add_argument_group("push")
    add_push_options(group)

@events.init.add_listener
def _init(environment, runner, **_):
    push(environment, runner, SYSTEM, [RequestKey("GET", "/ok")], ExporterCounters())

class Probe(FastHttpUser):
    wait_time = constant(0.1)

    def on_start(self):
        self.broken()

    @task(9)
    def ok(self):
        self.client.get("/ok")

    @task
    def broken(self):
        self.client.get("/broken")
"""


USERS = 10
PATIENCE_SECONDS = 90
ANSWERED: list[str] = []
"""Paths that the service has answered in this test."""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ANSWERED.append(self.path)
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 100  # all users come at once


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    server = _Server(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def start(pushed: Any, service: str, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Locust with the push exporter and nothing else of ours; ends what is left of it."""
    started: list[subprocess.Popen[str]] = []
    ANSWERED.clear()

    def go(*arguments: str, first: str = "", second: str = "", **environment: str) -> subprocess.Popen[str]:
        path = tmp_path / f"locustfile{len(started)}.py"
        path.write_text(LOCUSTFILE.format(first=first, second=second))
        with (tmp_path / f"log{len(started)}.txt").open("w") as log:
            popen = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", str(path), "--host", service, *arguments],
                cwd=ROOT,
                env={**os.environ, **pushed.aws.environment, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        started.append(popen)
        return popen

    yield go
    for popen in started:
        with suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


def log_of(folder: Path, number: int = 0) -> str:
    return (folder / f"log{number}.txt").read_text()


def load(*more: str) -> list[str]:
    return ["--headless", "-u", str(USERS), "-r", "100", "--only-summary", "-s", "2", *more]


def end(process: subprocess.Popen[str], seconds: float = 2.0, sig: signal.Signals = signal.SIGTERM) -> None:
    """Tell Locust to end when its users have worked for so long; a busy machine takes longer.

    Each asks ten times a second at most. Ctrl-C (SIGINT) interrupts whichever user is at work, with a traceback of
    Locust's; a master has no users, and does not hear of the other where it has forked its workers.
    """
    wait_for(lambda: len(ANSWERED) >= USERS * (1 + 10 * seconds) and "/broken" in ANSWERED)
    process.send_signal(sig)
    process.wait(PATIENCE_SECONDS)


def push_to(pushed: Any, *more: str) -> list[str]:
    return ["--cloudwatch-namespace", pushed.namespace, "--cloudwatch-period", "10", *more]


def requests_of(log: str) -> tuple[int, int]:
    """Requests and failures by Locust's own summary."""
    found = re.search(r"Aggregated +(\d+) +(\d+)\(", log)
    assert found is not None, log
    return int(found[1]), int(found[2])


def wait_for(check: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def assert_all_is_there(pushed: Any, log: str, *, by_the_service: bool = False) -> None:
    """What was pushed is what happened; a master's summary may come before its workers' last reports."""
    requests, failures = requests_of(log)
    if by_the_service:
        requests, failures = (int(pushed.total(name, System="probe")) for name in ("Requests", "Failures"))
        # A request that was cut off at the end was answered and has not finished.
        assert 0 <= len(ANSWERED) - requests <= USERS
        assert 0 <= ANSWERED.count("/broken") - failures <= USERS
    assert 0 < failures <= requests  # a machine that stood still may have left no time for more than on_start
    assert pushed.total("Requests", System="probe") == requests
    assert pushed.total("Failures", System="probe") == failures
    durations = pushed.data("RequestDuration", System="probe")
    assert sum(each["sample_count"] for each in durations) == requests
    ok = {"System": "probe", "Method": "GET", "Request": "/ok"}
    assert pushed.total("Requests", **ok) == requests - failures
    assert pushed.total("Failures", **ok) == 0
    assert {each["timestamp"] % 10 for each in pushed.data()} == {0}
    assert max(each["maximum"] for each in pushed.data("Users", System="probe")) == 10


def test_alone_all_is_pushed_by_the_end_of_its_time_even_when_boto3_came_first(
    start: Any, pushed: Any, tmp_path: Path
) -> None:
    process = start(*load("-t", "4s"), *push_to(pushed), first="import boto3")
    process.wait(PATIENCE_SECONDS)
    log = log_of(tmp_path)
    assert "RecursionError" not in log
    assert "Traceback" not in log
    assert_all_is_there(pushed, log)
    assert re.search(r"CloudWatch: \d+ data stored, 0 refused, 0 ambiguous, 0 dropped, in \d calls", log)
    called = {f"cloudwatch:{operation}" for operation in pushed.aws.calls()}
    assert called == actions_of(POLICIES["pusher"])


def test_processes_push_each_their_own_and_the_master_the_users(
    start: Any, pushed: Any, tmp_path: Path
) -> None:
    end(start(*load(*in_processes(2)), *push_to(pushed)), sig=signal.SIGINT)
    wait_for(lambda: log_of(tmp_path).count("data stored") == 3)
    log = log_of(tmp_path)
    assert "Traceback" not in log
    assert_all_is_there(pushed, log, by_the_service=True)
    assert len(re.findall("CloudWatch: pushing to", log)) == 3


def test_workers_learn_what_to_push_from_their_master(start: Any, pushed: Any, tmp_path: Path) -> None:
    port = str(free_port())
    master = [
        "--master",
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        port,
        "--expect-workers",
        "1",
    ]
    first = start(*load(*master), *push_to(pushed))
    second = start("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    end(first)
    second.wait(PATIENCE_SECONDS)
    assert "Traceback" not in log_of(tmp_path) + log_of(tmp_path, 1)
    assert_all_is_there(pushed, log_of(tmp_path), by_the_service=True)


def test_ctrl_c_pushes_what_was_measured_and_a_run_without_a_name_is_not_told_apart(
    start: Any, pushed: Any, tmp_path: Path
) -> None:
    running = start(*load(), *push_to(pushed, "--cloudwatch-dimension-run"), second="import boto3")
    end(running, sig=signal.SIGINT)
    assert_all_is_there(pushed, log_of(tmp_path))
    assert not [each for each in pushed.data() if "Run" in each["dimensions"]]


WRONG = {
    "AWS_ACCESS_KEY_ID": "AKIAFAKEFAKEFAKE0000",
    "AWS_SECRET_ACCESS_KEY": "fake-secret-of-nobody",
    "AWS_SESSION_TOKEN": "fake-session-token",
}


def test_wrong_credentials_are_one_message_and_the_load_goes_on(
    start: Any, pushed: Any, tmp_path: Path
) -> None:
    pushed.aws.put_faults([{"api": "PutMetricData", "kind": "refuse_credentials"}])
    end(start(*load("--loglevel", "DEBUG"), *push_to(pushed), **WRONG), seconds=0.5)
    log = log_of(tmp_path)
    assert requests_of(log)[0] >= 50
    assert log.count("CloudWatch does not accept our AWS credentials (") == 1
    assert re.search(r"0 data stored, 0 refused, 0 ambiguous, [1-9]\d* dropped", log)
    for secret in WRONG.values():
        assert secret not in log


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        pytest.param(
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            "does not accept our AWS credentials (NoCredentialsError)",
            marks=pytest.mark.long,  # wrong ones, above, take the same way; test_push_sender lacks them, too
        ),
        (("AWS_DEFAULT_REGION",), "nothing is pushed, and the load goes on: You must specify a region."),
    ],
)
def test_missing_credentials_or_region_are_one_message_and_the_load_goes_on(
    start: Any, pushed: Any, tmp_path: Path, missing: tuple[str, ...], message: str
) -> None:
    empty = dict.fromkeys(missing, "")
    nowhere = {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere", "AWS_CONFIG_FILE": "/nowhere"}
    end(start(*load(), *push_to(pushed), **empty, **nowhere, AWS_EC2_METADATA_DISABLED="true"), seconds=0.5)
    log = log_of(tmp_path)
    assert requests_of(log)[0] >= 50
    assert log.count(message) == 1, log
    assert "Traceback" not in log
    assert re.search(r"0 data stored, 0 refused, 0 ambiguous, [1-9]\d* dropped", log)


def test_an_option_that_cloudwatch_could_not_take_ends_locust_before_the_load(
    start: Any, tmp_path: Path
) -> None:
    assert start(*load(), "--cloudwatch-period", "15").wait(PATIENCE_SECONDS) == 2
    said = 'expected 10, 20, 30, or whole minutes up to an hour in seconds, got "15"'
    assert said in log_of(tmp_path)
    assert not ANSWERED


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--cloudwatch-namespace", "AWS/Mine", 'not beginning with AWS/, got "AWS/Mine"'),
        ("--cloudwatch-flush-timeout", "soon", 'expected a number of seconds from 0 to 3600, got "soon"'),
    ],
)
def test_no_more_can_the_other_options_hold_what_cloudwatch_could_not_take(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = ArgumentParser()
    add_push_options(parser)
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args([option, value])
    assert message in capsys.readouterr().err
