import stat

import pytest

from swarmscope.edge.compose_secrets import main, make_secrets
from swarmscope.edge.stop_token import stop_token
from swarmscope.errors import ConfigurationError, ExitCode


def test_secrets_are_made_once_and_stay(tmp_path, capsys):
    assert main(["--folder", str(tmp_path)]) == ExitCode.PASS
    first = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(first) == {"postgres-password", "stop-token", "grafana-password", "pgpass"}
    assert len(set(first.values())) == 4
    assert all(len(text.strip()) >= 20 for text in first.values())
    assert first["pgpass"] == f"*:*:*:swarmscope:{first['postgres-password']}"
    assert main(["--folder", str(tmp_path)]) == ExitCode.PASS
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == first
    assert not any(text.strip() in capsys.readouterr().out for text in first.values())


def test_libpq_may_read_its_file_and_nobody_else(tmp_path):
    make_secrets(tmp_path, {})
    assert stat.S_IMODE((tmp_path / "pgpass").stat().st_mode) == 0o600


def test_a_password_of_ones_own_is_taken(tmp_path):
    given = tmp_path / "mine"
    given.write_text("correct horse battery\n")
    make_secrets(tmp_path, {"GRAFANA_ADMIN_PASSWORD_FILE": str(given)})
    assert (tmp_path / "grafana-password").read_text().strip() == "correct horse battery"


def test_another_password_is_kept_and_said_to_need_a_change_in_grafana(tmp_path, capsys):
    given = tmp_path / "mine"
    given.write_text("correct horse battery\n")
    make_secrets(tmp_path, {})
    make_secrets(tmp_path, {"GRAFANA_ADMIN_PASSWORD_FILE": str(given)})
    assert (tmp_path / "grafana-password").read_text().strip() == "correct horse battery"
    assert stat.S_IMODE((tmp_path / "grafana-password").stat().st_mode) == 0o444
    assert "Grafana keeps its first password until: docker compose exec grafana" in capsys.readouterr().out


@pytest.mark.parametrize("password", ["admin", "short", "changeme"])
def test_a_password_that_is_guessed_first_is_refused(tmp_path, password):
    given = tmp_path / "mine"
    given.write_text(password)
    with pytest.raises(ConfigurationError, match="at least 12 characters that nobody guesses first"):
        make_secrets(tmp_path, {"GRAFANA_ADMIN_PASSWORD_FILE": str(given)})
    assert not (tmp_path / "grafana-password").exists()


def test_nobody_looks_in_without_a_password_from_elsewhere(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"GRAFANA_ANONYMOUS: must be false where SWARMSCOPE_BIND is 0\.0\.0\.0"
    ):
        make_secrets(tmp_path, {"SWARMSCOPE_BIND": "0.0.0.0"})  # noqa: S104
    make_secrets(tmp_path, {"SWARMSCOPE_BIND": "0.0.0.0", "GRAFANA_ANONYMOUS": "false"})  # noqa: S104
    make_secrets(tmp_path, {"SWARMSCOPE_BIND": "127.0.0.1"})


def test_every_problem_is_told_at_once_with_its_exit_code(tmp_path, monkeypatch, capsys):
    given = tmp_path / "mine"
    given.write_text("admin")
    monkeypatch.setenv("GRAFANA_ADMIN_PASSWORD_FILE", str(given))
    monkeypatch.setenv("SWARMSCOPE_BIND", "192.0.2.7")
    assert main(["--folder", str(tmp_path)]) == ExitCode.BAD_CONFIGURATION
    said = capsys.readouterr().err
    assert "nobody guesses first" in said
    assert "must be false where SWARMSCOPE_BIND is 192.0.2.7" in said


def test_a_file_that_is_not_there_and_a_folder_that_cannot_be_written_are_told(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file or directory"):
        make_secrets(tmp_path, {"GRAFANA_ADMIN_PASSWORD_FILE": str(tmp_path / "nowhere")})
    with pytest.raises(ConfigurationError, match="secrets cannot be kept here: No such file or directory"):
        make_secrets(tmp_path / "nowhere", {})


def test_the_stop_token_comes_from_a_file_or_a_variable(tmp_path):
    file = tmp_path / "token"
    file.write_text("from the file\n")
    assert stop_token({}) == ""
    assert stop_token({"SWARMSCOPE_STOP_TOKEN": "from the variable"}) == "from the variable"
    both = {"SWARMSCOPE_STOP_TOKEN": "from the variable", "SWARMSCOPE_STOP_TOKEN_FILE": str(file)}
    assert stop_token(both) == "from the file"
    with pytest.raises(ConfigurationError, match="SWARMSCOPE_STOP_TOKEN_FILE names it"):
        stop_token({"SWARMSCOPE_STOP_TOKEN_FILE": str(tmp_path / "nowhere")})
