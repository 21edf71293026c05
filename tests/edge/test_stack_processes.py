import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmscope.edge.stack.processes import Interrupted, Process, Program, dying_with_parent, in_words, tail
from swarmscope.edge.stack.supervisor import Stack
from swarmscope.errors import ComponentFailed, ExitCode, PortTaken

Marked = Callable[[], list[str]]

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def program(name: str, code: str, *arguments: object, health_url: str = "", **more: object) -> Program:
    command = (sys.executable, "-c", code, *map(str, arguments))
    return Program(name, name.title(), command, health_url, **more)  # type: ignore[arg-type]


def server(name: str, port: int) -> Program:
    return program(name, SERVER, port, health_url=f"http://127.0.0.1:{port}/")


def test_a_stack_is_ready_when_entered_and_gone_when_left(
    tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> None:
    one, two = free_ports(2)
    with Stack([server("one", one), server("two", two)], tmp_path) as stack:
        assert len(mark()) == 2
        assert stack.deaths() == []
    assert mark() == []
    assert (tmp_path / "one.log").read_text() == "serving\n"


def test_a_program_that_dies_while_starting_takes_the_others_with_it(
    tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    broken = program(
        "broken", "print('cannot open the data')\nraise SystemExit(4)", health_url="http://127.0.0.1:1/"
    )
    with pytest.raises(ComponentFailed) as caught, Stack([server("one", port), broken], tmp_path):
        pass
    assert str(caught.value) == (
        "Broken ended with exit code 4 while starting\n  | cannot open the data\n"
        f"  hint: its log is {tmp_path / 'broken.log'}"
    )
    assert caught.value.exit_code is ExitCode.COMPONENT_FAILED
    assert mark() == []


def test_a_program_that_ends_well_before_it_is_ready_did_not_start(tmp_path: Path, mark: Marked) -> None:
    quitter = program("quitter", "", health_url="http://127.0.0.1:1/")
    with (
        pytest.raises(ComponentFailed, match=r"^Quitter ended with exit code 0 while starting"),
        Stack([quitter], tmp_path),
    ):
        pass


def test_a_program_that_is_never_ready_is_given_up(
    tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    sleeper = program(
        "sleeper", "import time; time.sleep(60)", health_url=f"http://127.0.0.1:{port}/", ready_seconds=0.3
    )
    with pytest.raises(ComponentFailed) as caught, Stack([sleeper], tmp_path):
        pass
    assert caught.value.message == "Sleeper was not ready after 0 s"
    assert mark() == []


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path, mark: Marked) -> None:
    absent = Program("absent", "Absent", (str(tmp_path / "absent"),), "")
    with pytest.raises(ComponentFailed, match="Absent"), Stack([absent], tmp_path) as stack:
        # Behind setpriv it starts, and then ends at once.
        while not (deaths := stack.deaths()):
            pass
        raise ComponentFailed(deaths[0].message)


def test_someone_elses_answer_is_not_taken_for_health(
    tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    with Stack([server("one", port)], tmp_path):
        with pytest.raises(PortTaken) as caught, Stack([server("two", port)], tmp_path):
            pass
        assert caught.value.message == f"port {port} (Two) is in use"


def test_a_death_is_told_once_with_its_last_words(
    tmp_path: Path, mark: Marked, eventually: Callable[..., bool]
) -> None:
    # After a moment: one that dies at once dies while the stack starts, which is another message.
    dying = program(
        "dying", "import os, time; time.sleep(1); print('out of memory', flush=True); os.kill(os.getpid(), 9)"
    )
    with Stack([dying, program("well", "import time; time.sleep(60)")], tmp_path) as stack:
        found: list[str] = []
        assert eventually(lambda: found.extend(death.message for death in stack.deaths()) or found)
        assert found == ["Dying was ended by SIGKILL\n  | out of memory"]
        assert stack.deaths() == []
        assert len(mark()) == 1


def test_an_interrupt_while_starting_ends_what_was_started(
    tmp_path: Path, mark: Marked, free_ports: Callable[[int], list[int]]
) -> None:
    (port,) = free_ports(1)
    sleeper = program("sleeper", "import time; time.sleep(60)", health_url=f"http://127.0.0.1:{port}/")
    with pytest.raises(Interrupted), Stack([sleeper], tmp_path, lambda: True):
        pass
    assert mark() == []


def test_a_program_that_ignores_signals_is_ended_all_the_same(
    tmp_path: Path, mark: Marked, eventually: Callable[..., bool]
) -> None:
    stubborn = program(
        "stubborn",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
        stop_seconds=0.3,
    )
    with Stack([stubborn], tmp_path):
        assert eventually(lambda: tail(tmp_path / "stubborn.log", 1) == ["up"])
    assert mark() == []


def test_grandchildren_in_a_session_of_their_own_are_ended_too(
    tmp_path: Path, mark: Marked, eventually: Callable[..., bool]
) -> None:
    parent = program(
        "parent",
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)\n"
        "print('up', flush=True); time.sleep(60)",
    )
    with Stack([parent], tmp_path):
        assert eventually(lambda: tail(tmp_path / "parent.log", 1) == ["up"])
        assert len(mark()) == 2
    # A killed process is listed until its new parent has noticed.
    assert eventually(lambda: mark() == [])


@pytest.mark.skipif(not dying_with_parent(), reason="needs setpriv of util-linux")
def test_programs_die_with_a_runner_that_is_killed_outright(
    tmp_path: Path, mark: Marked, eventually: Callable[..., bool]
) -> None:
    runner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path\n"
            "from swarmscope.edge.stack.processes import Program\n"
            "from swarmscope.edge.stack.supervisor import Stack\n"
            "child = Program('child', 'Child', (sys.executable, '-c', 'import time; time.sleep(60)'), '')\n"
            "with Stack([child], Path(sys.argv[1])):\n"
            "    print('up', flush=True); time.sleep(60)",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
    )
    assert runner.stdout is not None
    with runner.stdout:
        assert runner.stdout.readline() == b"up\n"
    assert len(mark()) == 2
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    assert eventually(lambda: mark() == [])


def test_a_credential_for_a_program_is_not_shown() -> None:
    assert "hunter2" not in repr(Program("a", "A", ("a",), "", {"TOKEN": "hunter2"}))


def test_a_log_that_is_not_there_has_no_last_words(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == []


def test_last_words_are_the_last_lines_that_say_something(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"x" * 9000 + b"\none\n\n  \ntwo \xff\n\n")
    assert tail(log, 2) == ["one", "two \N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-15, "was ended by SIGTERM"),
        (-99, "was ended by signal 99"),
    ],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert in_words(code) == words


def test_health_that_needs_no_url_is_being_started(tmp_path: Path, mark: Marked) -> None:
    process = Process(program("plain", "import time; time.sleep(60)"), tmp_path / "plain.log")
    process.launch()
    process.await_ready()
    assert process.exit_code is None
    assert process.pid is not None
    process.end()
    assert process.exit_code is None
    assert process.pid is None


def test_what_never_was_ready_is_not_waited_for_as_long_as_what_was(
    tmp_path: Path, mark: Marked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swarmscope.edge.stack.supervisor.UNREADY_SECONDS", 0.5)
    deaf = (
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(tmp_path / 'deaf')!r}).touch()\n"
        "time.sleep(60)"
    )
    slow = program("slow", deaf, stop_seconds=60.0, check=(tmp_path / "deaf").exists)
    broken = program("broken", "raise SystemExit(4)", health_url="http://127.0.0.1:1/")
    started = time.monotonic()
    with pytest.raises(ComponentFailed), Stack([slow, broken], tmp_path):
        pass
    assert time.monotonic() - started < 20
    assert mark() == []
