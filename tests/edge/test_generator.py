from pathlib import Path

import pytest

from swarmscope.edge.stack.generator import LoadRequest, is_checkout, locust_command, outcome, run_id
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings


def test_what_the_user_leaves_open_is_left_to_the_targets_file() -> None:
    command = locust_command(
        LoadRequest("triggers", "quick"), "r1", Settings(), headless=True, python="python"
    )
    assert " ".join(command) == (
        "python -m locust -f locustfile.py --system triggers --profile quick --headless --run-id r1 "
        "--exporter-port 9646 --prometheus-url http://127.0.0.1:9090 --reports-dir reports"
    )


def test_everything_the_user_says_reaches_locust_and_their_own_options_come_last() -> None:
    request = LoadRequest("triggers", "quick", "http://h", "dev", "90s", 50, 2, ("--tags", "a b"))
    command = locust_command(request, "r1", Settings(exporter_port=19646), headless=True, python="python")
    text = "\n".join(command)
    for expected in (
        "--test-env\ndev",
        "--host\nhttp://h",
        "--run-time\n90s",
        "--users\n50",
        "--processes\n2",
    ):
        assert expected in text
    assert "--exporter-port\n19646" in text
    assert command[-2:] == ("--tags", "a b")


def test_with_the_web_ui_locust_waits_for_a_person() -> None:
    command = locust_command(
        LoadRequest("triggers", "quick"), "", Settings(locust_port=18089), headless=False
    )
    assert "--headless" not in command
    assert command[command.index("--web-port") + 1] == "18089"
    assert command[command.index("--web-host") + 1] == "127.0.0.1"


def test_the_runs_name_says_what_it_was_and_when() -> None:
    assert run_id(LoadRequest("triggers", "quick"), "20250101-120000") == "triggers-quick-20250101-120000"


@pytest.mark.parametrize("code", list(ExitCode))
def test_our_own_exit_codes_mean_what_they_say(code: ExitCode) -> None:
    assert outcome(int(code)) is code


@pytest.mark.parametrize("code", [1, 2, 3, 139, -9, -15])
def test_every_other_exit_code_is_no_verdict(code: int) -> None:
    assert outcome(code) is None


def test_a_folder_without_a_locustfile_is_no_checkout(tmp_path: Path) -> None:
    assert not is_checkout(tmp_path)
    (tmp_path / "scenarios").mkdir()
    assert not is_checkout(tmp_path)
    (tmp_path / "locustfile.py").touch()
    assert is_checkout(tmp_path)
