import socket
import sqlite3

import pytest

from reference.triggers.__main__ import main

PERSON = ["--user-id", "ann", "--user-email", "ann@example.com"]


@pytest.fixture
def database(tmp_path):
    return str(tmp_path / "keys.sqlite3")


def stored(database, columns="*"):
    connection = sqlite3.connect(database)
    try:
        return connection.execute(f"SELECT {columns} FROM api_keys").fetchall()  # noqa: S608  # our own words
    finally:
        connection.close()


def test_a_key_is_printed_once_and_kept_only_as_a_hash(database, capsys, tmp_path):
    assert (
        main(["keys", "create", *PERSON, "--role", "viewer", "--rate-limit", "10000", "--database", database])
        == 0
    )
    printed = capsys.readouterr()
    key = printed.out.strip()
    assert key.startswith("trg_")
    assert len(key) > 40
    (row,) = stored(database, "user_id, user_email, role, rate_limit, revoked_at")
    assert row == ("ann", "ann@example.com", "viewer", 10000, None)
    assert key not in printed.err
    assert all(key.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert main(["keys", "list", "--database", database]) == 0
    assert key not in capsys.readouterr().out


def test_keys_differ_and_default_to_a_creator_with_a_hundred_per_minute(database, capsys):
    for _ in range(2):
        main(["keys", "create", *PERSON, "--database", database])
    first, second = capsys.readouterr().out.split()
    assert first != second
    assert stored(database, "role, rate_limit") == [("creator", 100)] * 2


def test_keys_are_listed_and_revoked_by_their_id(database, capsys):
    main(["keys", "create", *PERSON, "--database", database])
    capsys.readouterr()
    ((key_id,),) = stored(database, "id")
    assert main(["keys", "revoke", key_id, "--database", database]) == 0
    assert capsys.readouterr().out == f"Key {key_id} is revoked.\n"
    ((revoked,),) = stored(database, "revoked_at")
    assert revoked is not None
    assert main(["keys", "revoke", key_id, "--database", database]) == 0
    assert stored(database, "revoked_at") == [(revoked,)]
    capsys.readouterr()
    main(["keys", "list", "--database", database])
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["id", "user", "e-mail", "role", "per", "minute", "created", "revoked"]
    assert line.split()[:5] == [key_id, "ann", "ann@example.com", "creator", "100"]
    assert len(line.split()) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--user-id", " ", "--user-email", "a@b"], "the user id must not be empty"),
        (["--user-id", "a", "--user-email", "nobody"], "expected an e-mail address, got 'nobody'"),
        ([*PERSON, "--rate-limit", "0"], "the rate limit must be at least 1 request per minute, got 0"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(database, capsys, arguments, message):
    assert main(["keys", "create", *arguments, "--database", database]) == 20
    assert capsys.readouterr().err == f"{message}\n"
    assert stored(database) == []


def test_revoking_an_unknown_key_is_told(database, capsys):
    assert main(["keys", "revoke", "nothing", "--database", database]) == 20
    assert capsys.readouterr().err == "There is no key 'nothing'.\n"


def test_a_taken_port_is_told_with_its_exit_code(database, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--database", database]) == 22
    assert capsys.readouterr().err == f"Port {port} is in use; choose another with --port.\n"


def test_a_database_that_cannot_be_opened_is_told(tmp_path, capsys):
    assert main(["--port", "0", "--database", str(tmp_path)]) == 20
    assert (
        capsys.readouterr().err
        == f"cannot open the SQLite database {tmp_path}: unable to open database file\n"
    )


def test_the_help_does_not_show_the_database_url(capsys, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:hunter2@db/x")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "hunter2" not in capsys.readouterr().out
