"""The native runner around a stand-in for Locust; tests/system runs it around the real one."""

import contextlib
import io
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from swarmscope.edge.live_table import Moment
from swarmscope.edge.stack.ending import verdict_line
from swarmscope.edge.stack.interrupts import Interrupts
from swarmscope.edge.stack.processes import Process, Program
from swarmscope.edge.stack.run import OVERDUE_SECONDS, Load, is_overdue
from swarmscope.errors import ExitCode
from swarmscope.report import read_result
from swarmscope.settings import Settings
from tests.edge.stack_driver import ROOT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
Marked = Callable[[], list[str]]


def test_the_exit_code_is_locusts_verdict_and_what_prometheus_knows_outlives_a_run(
    runner: Any, mark: Marked
) -> None:
    assert runner.run(0, 10, "watched") == ExitCode.FAIL, runner.said
    assert "FAIL  triggers-" in runner.said
    assert "NO DATA → PASS: POST /events p95 ≤ 100ms" in runner.said
    assert "Notifications received: 0" in runner.said
    assert mark() == []
    known = set((runner.state / "prometheus" / "wal").iterdir())
    assert runner.run(0, 1) == ExitCode.GENERATOR_FAILED
    assert "Locust ended with exit code 1, which is no verdict.\n  | the load is over" in runner.said
    assert known < set((runner.state / "prometheus" / "wal").iterdir())
    assert mark() == []


def test_a_taken_port_is_said_and_nothing_is_started(runner: Any, mark: Marked) -> None:
    prometheus, receiver = runner.ports["PROMETHEUS"], runner.ports["RECEIVER"]
    with socket.create_server(("127.0.0.1", prometheus)), socket.create_server(("127.0.0.1", receiver)):
        assert runner.run(1, 0) == ExitCode.PORT_TAKEN
    assert f"port {prometheus} (Prometheus) is in use by " in runner.said
    assert f"port {receiver} (the notification receiver) is in use by " in runner.said
    assert "SWARMSCOPE_PROMETHEUS_PORT=, SWARMSCOPE_RECEIVER_PORT=" in runner.said
    assert not runner.state.exists()
    assert mark() == []


@pytest.mark.parametrize(
    ("code", "expected", "words"),
    [
        (0, 0, "PASS  r1: Every target that was judged held. (exit code 0)"),
        (12, 12, "NO DATA  r1: No target was missed, but one could not be measured. (exit code 12)"),
        (3, 3, "CHECK FAILED  r1: a --check-* option of locust-plugins was not met. (exit code 3)"),
        (2, 25, "GENERATOR FAILED  r1: Locust ended without giving a verdict. (exit code 25)"),
        (-9, 25, "GENERATOR FAILED  r1: Locust ended without giving a verdict. (exit code 25)"),
    ],
)
def test_every_end_of_locust_has_its_code_and_words(
    tmp_path: Path, code: int, expected: int, words: str
) -> None:
    load = Load("r1", Settings(), Interrupts(), Console(file=io.StringIO()))
    process = Process(Program("locust", "Locust", ("true",), ""), tmp_path / "locust.log")
    assert load.exit_code_for(code, process) == expected
    assert verdict_line("r1", expected) == words


def test_without_prometheus_nothing_is_started(runner: Any, mark: Marked, tmp_path: Path) -> None:
    runner.environ["PATH"] = str(tmp_path)
    assert runner.run(1, 0) == ExitCode.COMPONENT_MISSING
    assert runner.said.startswith(
        "Prometheus is not installed (no prometheus on PATH)\nAlertmanager is not inst"
    )
    assert not runner.state.exists()


def test_a_prometheus_that_cannot_start_takes_the_rest_with_it(runner: Any, mark: Marked) -> None:
    runner.state.mkdir()
    (runner.state / "prometheus").write_text("not a folder", encoding="utf-8")
    assert runner.run(1, 0) == ExitCode.COMPONENT_FAILED
    assert "Prometheus ended with exit code " in runner.said
    assert f"its log is {runner.state / 'logs' / 'prometheus.log'}" in runner.said
    assert mark() == []


def test_a_second_stack_in_the_same_folder_is_refused_and_sigterm_ends_the_first(
    runner: Any, mark: Marked, eventually: Callable[..., bool], free_ports: Callable[[int], list[int]]
) -> None:
    first = runner.start(600, 0)
    assert eventually(lambda: "→ PASS" in runner.said)
    second = runner.beside(free_ports(len(runner.ports)))
    assert second.run(0, 0) == ExitCode.PORT_TAKEN
    assert f"another Swarmscope stack (process {first.pid}) uses {runner.state}" in second.said
    first.send_signal(signal.SIGTERM)
    assert first.wait(90) == ExitCode.INTERRUPTED
    assert "told to stop" in runner.log("locust")
    assert mark() == []


def test_an_interrupt_lets_locust_write_its_report_and_leaves_nothing(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    # As a shell starts a background job: SIGINT must reach Locust all the same.
    process = runner.start(600, 0, ignore_sigint=True)
    assert eventually(lambda: "→ PASS" in runner.said)
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == ExitCode.INTERRUPTED
    assert "told to stop" in runner.log("locust")
    assert "Stopping: Locust ends its users and writes the report" in runner.said
    assert "INTERRUPTED  triggers-" in runner.said
    assert mark() == []


def test_a_second_interrupt_ends_everything_at_once(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    process = runner.start(600, 0, "stubborn")
    assert eventually(lambda: "→ PASS" in runner.said)
    process.send_signal(signal.SIGINT)
    assert eventually(lambda: "Stopping:" in runner.said)
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == ExitCode.INTERRUPTED
    assert "Ending everything at once" in runner.said
    assert mark() == []


def test_an_interrupt_while_starting_leaves_nothing(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    process = runner.start(600, 0)
    assert eventually(lambda: "Starting " in runner.said)
    process.send_signal(signal.SIGINT)
    assert process.wait(90) == ExitCode.INTERRUPTED
    assert mark() == []


def test_the_death_of_a_program_is_said_while_the_load_goes_on(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    process = runner.start(600, 0)
    assert eventually(lambda: "→ PASS" in runner.said)
    deaths = {
        "--storage.tsdb.path": "Prometheus was ended by SIGKILL: the load goes on and is judged from Locust's own",
        "reference.triggers": "the reference service was ended by SIGKILL: every request fails from now on",
    }
    for program, words in deaths.items():
        os.kill(runner.pid_of(program), signal.SIGKILL)
        assert eventually(lambda words=words: words in runner.said)
    runner.end_load()
    # Every target held, as far as could be seen: but a part of what was to see it was dead.
    assert process.wait(90) == ExitCode.COMPONENT_FAILED
    assert "the load is over" in runner.log("locust")
    for words in deaths.values():
        assert runner.said.count(words) == 2  # when it happened, and at the end
    assert mark() == []


def test_a_run_keeps_its_secret_and_a_runner_that_is_killed_takes_its_programs_with_it(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    runner.environ[ROOT_VARIABLE] = str(ROOT)
    process = runner.start(600, 0)
    assert eventually(lambda: "→ PASS" in runner.said)
    token = psutil.Process(runner.pid_of("swarmscope.edge.receiver")).environ()["SWARMSCOPE_STOP_TOKEN"]
    assert len(token) >= 24
    assert len(mark()) == 9  # the runner and eight programs, of which two are for AWS
    assert not any(token in command_line for command_line in mark())
    for path in runner.state.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()
    assert oct((runner.state / "config" / "alertmanager.yml").stat().st_mode)[-3:] == "600"
    process.kill()
    process.wait()
    assert eventually(lambda: mark() == [])


def test_on_a_terminal_the_table_is_drawn_and_ctrl_c_is_typed(runner: Any, mark: Marked) -> None:
    terminal, side = pty.openpty()
    driver = [sys.executable, str(Path(__file__).with_name("stack_driver.py")), "run", "600", "0"]
    # Not pty.fork: newer Pythons warn of forking beside threads, which pytest-xdist has.
    process = subprocess.Popen(
        ["setsid", "--ctty", *driver],
        env={**runner.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
        stdin=side,
        stdout=side,
        stderr=side,
    )
    runner.started.append(process)
    os.close(side)
    seen = b""
    has_typed = False
    with os.fdopen(terminal, "rb", buffering=0) as screen:
        # Linux ends a terminal that nobody holds any more with an error.
        with contextlib.suppress(OSError):
            while some := screen.read(65536):
                seen += some
                if not has_typed and "PASS" in seen.decode(errors="replace"):
                    has_typed = True
                    os.write(screen.fileno(), b"\x03")
        assert process.wait(90) == ExitCode.INTERRUPTED
    text = seen.decode()
    assert "━" in text
    assert "POST /events p95 ≤ 100ms" in text
    assert "Stopping: Locust ends its users" in text
    assert text.rstrip().endswith("(exit code 130)\x1b[0m")
    assert mark() == []


def test_the_whole_stack_around_the_real_locust_ends_with_the_reports_verdict(
    runner: Any, mark: Marked, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "swarmscope.edge.cli", "run", "--system", "triggers", "--profile", "ci"),
            *("--duration", "60s", "--environment", "local", "--", "-i", "10", "--test-version", "v1"),
        ],
        cwd=ROOT,
        env=runner.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (folder,) = (tmp_path / "reports").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == [
        "junit.xml",
        "report.html",
        "report.md",
        "result.json",
    ]
    result = read_result((folder / "result.json").read_text(encoding="utf-8"))
    # A busy machine may miss a target or overload the generator: whatever it was, both say the same.
    assert ended.returncode == result.exit_code, ended.stdout + ended.stderr
    assert result.info.version == "v1"
    assert result.info.environment == "local"
    for judgement in result.judgements:
        assert judgement.target.in_words in ended.stdout
    assert f"{folder.name}: {result.exit_code.meaning} (exit code {ended.returncode})" in ended.stdout
    assert f"Report: {folder / 'report.html'}" in ended.stdout
    assert sum(counts.finished for counts in result.totals.values()) > 0
    assert mark() == []


def test_locust_is_overdue_only_when_it_does_not_wait_for_what_arrives_late() -> None:
    def moment(**live: Any) -> Moment:
        return Moment("r1", {"started": time.time() - 400, "planned_seconds": 60.0, **live}, [], 400.0)

    assert is_overdue(moment())
    assert is_overdue(moment(settling=None))
    assert not is_overdue(moment(settling={"until": time.time() + 60}))
    assert is_overdue(moment(settling={"until": time.time() - OVERDUE_SECONDS - 1}))
    assert not is_overdue(moment(planned_seconds=None))
