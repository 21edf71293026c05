from pathlib import Path

import pytest

from swarmscope.edge.environment import read_dotenv, read_settings
from swarmscope.errors import ConfigurationError, ExitCode
from swarmscope.settings import Settings


def problems_of(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(environ)
    assert caught.value.exit_code is ExitCode.BAD_CONFIGURATION
    return str(caught.value)


def test_no_variables_give_the_defaults() -> None:
    assert read_settings({"PATH": "/usr/bin", "HOME": "/"}) == Settings()


def test_variables_replace_defaults_and_empty_ones_do_not() -> None:
    environ = {
        "SWARMSCOPE_PROMETHEUS_PORT": "19090",
        "SWARMSCOPE_REPORTS": "out/reports",
        "SWARMSCOPE_RETENTION": "12h",
        "SWARMSCOPE_BIND": "",
    }
    assert read_settings(environ) == Settings(prometheus_port=19090, reports="out/reports", retention="12h")


def test_every_problem_is_reported_at_once() -> None:
    assert problems_of(
        {
            "SWARMSCOPE_BIND": "localhost",
            "SWARMSCOPE_LOCUST_PORT": "99999",
            "SWARMSCOPE_PROMETEUS_PORT": "1",
            "SWARMSCOPE_RETENTION": "for ever",
        }
    ) == (
        'environment: SWARMSCOPE_BIND: expected an IPv4 address such as 127.0.0.1, got "localhost"\n'
        "  hint: 127.0.0.1 serves this machine only, 0.0.0.0 everybody who can reach it\n"
        'environment: SWARMSCOPE_LOCUST_PORT: expected a port from 1 to 65535, got "99999"\n'
        "environment: SWARMSCOPE_PROMETEUS_PORT: no such setting\n"
        "  hint: did you mean SWARMSCOPE_PROMETHEUS_PORT?\n"
        'environment: SWARMSCOPE_RETENTION: expected a duration such as 30d, got "for ever"\n'
        "  hint: durations are a whole number with h, d, w or y"
    )


@pytest.mark.parametrize("text", ["0", "-1", "65536", "80a", "8.5", "٨٠"])
def test_a_port_that_is_none_is_refused(text: str) -> None:
    assert problems_of({"SWARMSCOPE_SERVICE_PORT": text}) == (
        f'environment: SWARMSCOPE_SERVICE_PORT: expected a port from 1 to 65535, got "{text}"'
    )


def test_an_address_that_may_hold_a_password_is_not_shown() -> None:
    assert problems_of({"SWARMSCOPE_REMOTE_WRITE": "https://a.example/write, user:hunter2@b"}) == (
        "environment: SWARMSCOPE_REMOTE_WRITE: expected an http or https address\n  hint: several with commas between"
    )


def test_remote_stores_and_the_services_own_page_are_taken() -> None:
    environ = {
        "SWARMSCOPE_REMOTE_WRITE": "https://a.example/w,http://b:9/w",
        "SWARMSCOPE_SERVICE_METRICS": "b:9100",
    }
    assert read_settings(environ) == Settings(
        remote_write="https://a.example/w,http://b:9/w", service_metrics="b:9100"
    )


def test_two_parts_on_one_port_are_refused_before_anything_starts() -> None:
    assert problems_of({"SWARMSCOPE_SERVICE_PORT": "9090"}) == (
        "environment: SWARMSCOPE_PROMETHEUS_PORT and SWARMSCOPE_SERVICE_PORT: both use port 9090\n"
        "  hint: give each a port of its own"
    )


def test_a_setting_that_is_like_none_lists_all() -> None:
    message = problems_of({"SWARMSCOPE_XYZZY": "1"})
    assert message.startswith(
        "environment: SWARMSCOPE_XYZZY: no such setting\n  hint: known are SWARMSCOPE_ALERTMANAGER_PORT, "
    )


def test_variables_of_other_parts_are_left_to_them() -> None:
    assert read_settings({"SWARMSCOPE_STOP_TOKEN": "x", "SLACK_CHANNEL": "#load"}) == Settings()


def test_a_dotenv_file_is_read_like_composes(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        "# ports\n\nSWARMSCOPE_SERVICE_PORT=8001  # ours\nexport NAME = spaced \nKEY='a # b'\n"
        'URL="http://x/#y" # z\nEMPTY=\nNOTE=# nothing\n'
    )
    assert read_dotenv(path) == {
        "SWARMSCOPE_SERVICE_PORT": "8001",
        "NAME": "spaced",
        "KEY": "a # b",
        "URL": "http://x/#y",
        "EMPTY": "",
        "NOTE": "",
    }


def test_no_dotenv_file_is_an_empty_one(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}


def test_a_broken_dotenv_line_is_named_but_not_shown(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nsecret without a name\n")
    with pytest.raises(ConfigurationError) as caught:
        read_dotenv(path)
    assert str(caught.value) == f"{path}:2: expected NAME=value\n  hint: comments start with #"


def test_an_unreadable_dotenv_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_dotenv(path)
