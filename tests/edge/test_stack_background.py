"""`make up`, `make status`, `make down` around a stand-in for Locust."""

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import requests
from rich.console import Console

from swarmscope.edge.environment import read_settings
from swarmscope.edge.stack.background import down, status
from swarmscope.edge.stack.folder import RunningProgram, RunningStack
from swarmscope.errors import ExitCode

Marked = Callable[[], list[str]]


def said(command: Callable[..., int], runner: Any) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=140)
    code = command(read_settings(runner.environ), console)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def test_up_stays_up_says_where_and_down_ends_it_all(
    runner: Any, mark: Marked, eventually: Callable[..., bool]
) -> None:
    assert said(status, runner) == (0, "Nothing is running; `make up` starts the stack.\n")
    assert said(down, runner) == (0, "Nothing is running.\n")
    assert runner.start(600, 0, command="up").wait(90) == 0, runner.said
    first = mark()
    assert len(first) == 7  # six programs, and the process that holds them
    for title, port in (
        ("Locust", "LOCUST"),
        ("Prometheus", "PROMETHEUS"),
        ("the reference service", "SERVICE"),
    ):
        url = f"http://127.0.0.1:{runner.ports[port]}"
        assert f"{title:<25}  {url}" in runner.said
        assert requests.get(url, timeout=5).ok
    assert "make down" in runner.said

    # A second time changes nothing.
    assert runner.run(600, 0, command="up") == 0
    assert runner.said.startswith("Already up, for triggers:")
    assert mark() == first

    # Nor is there room for a run beside it.
    assert runner.run(1, 0) == ExitCode.PORT_TAKEN
    assert "`make down` if it is our own stack" in runner.said
    assert mark() == first

    code, text = said(status, runner)
    assert code == 0
    assert "DEAD" not in text
    os.kill(runner.pid_of("alertmanager.yml"), signal.SIGKILL)
    assert eventually(lambda: said(status, runner)[0] == ExitCode.COMPONENT_FAILED)
    _, text = said(status, runner)
    assert f"Alertmanager               DEAD; its log is {runner.state / 'logs' / 'alertmanager.log'}" in text

    code, text = said(down, runner)
    assert code == 0
    assert text.startswith(
        "Stopped the notification receiver, Alertmanager, Prometheus, the node exporter, the reference service, "
    )
    assert mark() == []
    assert said(down, runner) == (0, "Nothing is running.\n")


def test_an_up_that_fails_says_why_and_leaves_nothing(runner: Any, mark: Marked) -> None:
    runner.state.mkdir()
    (runner.state / "prometheus").write_text("not a folder", encoding="utf-8")
    assert runner.start(600, 0, command="up").wait(90) == ExitCode.COMPONENT_FAILED
    assert "Prometheus ended with exit code " in runner.said
    assert mark() == []
    assert said(status, runner)[0] == 0


def test_down_never_touches_a_process_that_only_has_the_same_id(runner: Any, mark: Marked) -> None:
    runner.state.mkdir()
    stranger = RunningProgram("prometheus", "Prometheus", os.getpid(), psutil.Process().create_time() - 100)
    record = runner.state / "stack.json"
    RunningStack(stranger, "triggers", "quick", (stranger,)).save(record)
    assert said(down, runner) == (0, "Stopped Prometheus.\n")
    assert not record.exists()  # and this test still runs


def test_a_record_that_is_not_ours_is_no_stack(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    for text in ("", "[]", '{"holder": {}}', json.dumps({"holder": {"pid": 1}, "programs": []})):
        path.write_text(text, encoding="utf-8")
        assert RunningStack.load(path) is None
    assert RunningStack.load(tmp_path / "none.json") is None


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    me = RunningProgram.of("stack", "the stack", os.getpid(), "http://127.0.0.1:1", "log")
    stack = RunningStack(me, "triggers", "quick", (me, me))
    stack.save(tmp_path / "stack.json")
    assert RunningStack.load(tmp_path / "stack.json") == stack
    process = me.process()
    assert process is not None
    assert process.pid == os.getpid()
