import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from swarmscope.edge.cli import main
from swarmscope.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("SWARMSCOPE_STATE", str(tmp_path / "state"))
    # The command puts a .env file into the environment; undone after the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_every_exit_code_is_listed_with_its_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exit-codes"]) == 0
    text = capsys.readouterr().out
    for code in ExitCode:
        assert f"{code.value:>3}  {code.name:<20}  {code.meaning}\n" in text


def test_help_lists_every_command_but_the_inner_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("run", "up", "down", "status", "check", "generate", "new", "exit-codes", "doctor"):
        assert f"\n    {command}" in text
    assert "_hold" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "swarmscope: the following arguments are required: COMMAND"),
        (["rum"], "argument COMMAND: invalid choice: 'rum'"),
        (["run", "--sytem", "x"], "swarmscope: unrecognized arguments: --sytem x"),
        (["run", "--users", "many"], 'swarmscope run: argument --users: expected a whole number, got "many"'),
    ],
)
def test_a_wrong_command_line_is_a_wrong_configuration(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == ExitCode.BAD_CONFIGURATION
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "trigers"], 'scenarios: no system "trigers"\n  hint: did you mean triggers?\n'),
        (
            ["--system", "triggers", "--profile", "quik"],
            'scenarios/triggers/targets.yaml: profiles: no load profile "quik"\n  hint: did you mean quick?\n',
        ),
        (
            ["--system", "triggers", "--duration", "soon", "--users", "0", "--host", "api:8000"],
            '--duration: expected a time such as 90s or 1h30m, got "soon"\n'
            "--users: expected a number of at least 1, got 0\n"
            '--host: expected an address such as https://api.example.com, got "api:8000"\n'
            "  hint: put the scheme before it: https://api:8000\n",
        ),
        (
            ["--system", "triggers", "--environment", "dev"],
            "environment dev: LOCUST_API_KEY: is not set, and holds the api_key of "
            "https://triggers-dev.example.com\n",
        ),
        (["--system", "triggers", "--locust-args", "--tags 'a"], "--locust-args: no closing quotation\n"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    message: str,
) -> None:
    os.environ.pop("LOCUST_API_KEY", None)
    assert main(["run", *arguments]) == ExitCode.BAD_CONFIGURATION
    assert capsys.readouterr().err == message
    assert not (tmp_path / "state").exists()


def test_a_service_that_is_not_there_has_its_own_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, free_ports: Callable[[int], list[int]]
) -> None:
    arguments = ["run", "--system", "triggers", "--host", "http://127.0.0.1:9"]
    names = ("EXPORTER", "PROMETHEUS", "ALERTMANAGER", "RECEIVER")
    for name, port in zip(names, free_ports(len(names)), strict=True):
        os.environ[f"SWARMSCOPE_{name}_PORT"] = str(port)
    assert main(arguments) == ExitCode.SERVICE_UNREACHABLE
    assert capsys.readouterr().err.startswith(
        "the service under test at http://127.0.0.1:9 does not answer (connection refused)\n  hint: start it"
    )
    assert not (tmp_path / "state").exists()


def test_bad_settings_are_said_all_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    os.environ.update({"SWARMSCOPE_BIND": "x", "SWARMSCOPE_PORT": "1"})
    assert main(["doctor"]) == ExitCode.BAD_CONFIGURATION
    text = capsys.readouterr().err
    assert 'SWARMSCOPE_BIND: expected an IPv4 address such as 127.0.0.1, got "x"' in text
    assert "SWARMSCOPE_PORT: no such setting" in text


def test_the_doctor_says_what_there_is_and_what_a_run_would_end_with(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    os.environ["PATH"] = str(tmp_path)
    assert main(["doctor"]) in (ExitCode.COMPONENT_MISSING, ExitCode.PORT_TAKEN)
    text = capsys.readouterr().out
    assert re.search(r"^no Prometheus +not installed; package prometheus$", text, re.MULTILINE)
    # What only some systems need, or none, keeps nothing from being run.
    assert re.search(
        r"^ok node exporter +not installed; package prometheus-node-exporter; without it nothing is known of ",
        text,
        re.MULTILINE,
    )
    assert " port 5433 " in text
    assert "ok Python " in text
    assert str(tmp_path / "state") in text


def test_somewhere_else_there_is_nothing_to_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == ExitCode.BAD_CONFIGURATION
    assert capsys.readouterr().err == (
        f"{tmp_path}: there is no load test here\n"
        "  hint: run this in the folder that has locustfile.py and scenarios/\n"
    )


def test_a_dotenv_file_is_read_and_loses_to_the_shell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        "SWARMSCOPE_BIND=bad-one\nSWARMSCOPE_RETENTION=bad-two\n", encoding="utf-8"
    )
    os.environ["SWARMSCOPE_BIND"] = "127.0.0.1"
    assert main(["status"]) == ExitCode.BAD_CONFIGURATION
    text = capsys.readouterr().err
    assert "bad-two" in text
    assert "bad-one" not in text


def test_checking_every_system_says_what_each_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "triggers: " in capsys.readouterr().out
    assert main(["check", "nothing", "nowhere"]) == ExitCode.BAD_CONFIGURATION
    text = capsys.readouterr().err
    assert 'no system "nothing"' in text
    assert 'no system "nowhere"' in text


def test_the_command_does_not_load_locust() -> None:
    # Locust patches the standard library when it is imported: the runner's own threads and processes need it whole.
    code = "import sys, swarmscope.edge.stack.run, swarmscope.edge.stack.background, swarmscope.edge.cli; "
    loaded = subprocess.run(
        [sys.executable, "-c", code + "print({'locust', 'gevent'} & set(sys.modules))"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "set()\n"
