import subprocess
import sys

from swarmscope.edge.with_credentials import main
from swarmscope.errors import ExitCode

SHOW = [sys.executable, "-c", "import os; print(os.environ['LOCUST_API_KEY'], os.environ['OTHER'])"]


def run(file, *program):
    return subprocess.run(
        [sys.executable, "-m", "swarmscope.edge.with_credentials", str(file), *program],
        env={"LOCUST_API_KEY": "from outside", "OTHER": "kept", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_program_has_the_files_values_beside_the_environments(tmp_path):
    file = tmp_path / "credentials"
    file.write_text("# mine\nLOCUST_API_KEY='from the file'\n")
    assert run(file, *SHOW).stdout == "from the file kept\n"


def test_no_file_leaves_everything_as_it_is():
    assert run("/dev/null", *SHOW).stdout == "from outside kept\n"


def test_the_programs_exit_code_is_its_own():
    assert run("/dev/null", sys.executable, "-c", "raise SystemExit(12)").returncode == 12


def test_a_file_with_something_else_in_it_is_told_without_showing_it(tmp_path):
    file = tmp_path / "credentials"
    file.write_text("half-a-secret\n")
    done = run(file, *SHOW)
    assert done.returncode == ExitCode.BAD_CONFIGURATION
    assert "expected NAME=value" in done.stderr
    assert "CREDENTIALS_FILE names it" in done.stderr
    assert "half-a-secret" not in done.stderr + done.stdout


def test_a_program_that_is_not_there_is_told(capsys):
    assert main(["/dev/null", "no-such-program"]) == ExitCode.COMPONENT_MISSING
    assert capsys.readouterr().err == "no-such-program cannot be started: No such file or directory\n"
    assert main(["/dev/null"]) == ExitCode.BAD_CONFIGURATION
