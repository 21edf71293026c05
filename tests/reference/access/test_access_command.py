import socket

import pytest
import requests

from reference.access.__main__ import main
from reference.access.callers import caller_of
from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens

SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture(autouse=True)
def no_secret(monkeypatch):
    monkeypatch.delenv("ACCESS_JWT_SECRET", raising=False)


def test_without_a_secret_nothing_starts(capsys):
    assert main(["--port", "0"]) == 20
    assert capsys.readouterr().err == (
        "ACCESS_JWT_SECRET: the secret that signs tokens needs at least 32 characters; set it, "
        "or start with --local-key on this machine\n"
    )


def test_without_the_local_key_nobody_gets_in_with_public_credentials(tmp_path, monkeypatch):
    monkeypatch.setenv("ACCESS_JWT_SECRET", SECRET)
    with running("reference.access", "--database", str(tmp_path / "x.sqlite3")) as service:
        wish = {"organisation": "local-load-test", "user": "user-1"}
        assert requests.post(f"{service.url}/v1/tokens", json=wish, timeout=10).status_code == 404
        assert "/v1/tokens" not in requests.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
        public, own = (
            Tokens("access", secret).issue("ann", 60, {"org": "local-load-test", "role": "admin"})
            for secret in (LOCAL_SECRET, SECRET)
        )
        statuses = [
            requests.get(
                f"{service.url}/v1/teams", headers={"Authorization": f"Bearer {token}"}, timeout=10
            ).status_code
            for token in (public, own)
        ]
        assert statuses == [401, 200]
        described = requests.get(service.url, timeout=10).json()
        assert described["notice"].startswith("Access Management API: a reference service of Swarmscope")
        assert requests.get(f"{service.url}/health", timeout=10).json()["status"] == "ok"


def test_a_token_is_printed_for_the_service_that_has_the_same_secret(monkeypatch, capsys):
    monkeypatch.setenv("ACCESS_JWT_SECRET", SECRET)
    assert main(["token", "--organisation", "acme", "--user", "ann", "--role", "auditor"]) == 0
    caller = caller_of(Tokens("access", SECRET), capsys.readouterr().out.strip())
    assert (caller.user, caller.organisation, caller.role) == ("ann", "acme", "auditor")
    assert main(["token", "--organisation", "acme", "--user", "ann", "--local-key"]) == 0
    assert caller_of(Tokens("access", LOCAL_SECRET), capsys.readouterr().out.strip()).role == "admin"


def test_a_token_that_nobody_would_accept_is_not_printed(capsys):
    assert main(["token", "--organisation", "a b", "--user", "ann", "--local-key"]) == 20
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        "Such a token would be refused: the token names no organisation.\n",
    )


def test_start_up_times_that_cannot_be_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--local-key", "--init-ms", "-1"])
    assert "argument --init-ms: expected a number from 0 to 60000, got '-1'" in capsys.readouterr().err


def test_a_taken_port_is_told_with_its_exit_code(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["--local-key", "--port", str(port), "--database", str(tmp_path / "x.sqlite3")]
        assert main(options) == 22
    assert capsys.readouterr().err == f"Port {port} is in use; choose another with --port.\n"


def test_a_log_that_cannot_be_written_is_told(tmp_path, capsys):
    assert main(["--local-key", "--lambda-log", str(tmp_path)]) == 20
    assert "Is a directory" in capsys.readouterr().err


def test_data_is_kept_unless_it_is_to_be_forgotten(tmp_path):
    token = Tokens("access", LOCAL_SECRET).issue("ann", 60, {"org": "acme", "role": "admin"})
    counts = []
    for options in ([], [], ["--empty"]):
        with running(
            "reference.access", "--local-key", "--database", str(tmp_path / "x.sqlite3"), *options
        ) as service:
            headers = {"Authorization": f"Bearer {token}"}
            requests.post(f"{service.url}/v1/teams", json={"name": "x"}, headers=headers, timeout=10)
            teams = requests.get(f"{service.url}/v1/teams", headers=headers, timeout=10).json()["teams"]
            counts.append(len(teams))
    assert counts == [1, 2, 1]
