"""Logins and tokens of the Claims API: who gets in, for how long, and at what cost to the others."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from reference.claims.__main__ import main
from reference.claims.accounts import LOCAL_PASSWORD, LOCAL_USER, hash_password, is_password
from reference.claims.logins import MOST_BYTES
from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens

PUBLIC = {"username": LOCAL_USER, "password": LOCAL_PASSWORD}
WRONG = "There is no such user with this password."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("claims")


@pytest.fixture(scope="module")
def service(folder):
    database = str(folder / "claims.sqlite3")
    with running(
        "reference.claims", "--database", database, "--local-key", "--access-seconds", "2"
    ) as service:
        yield service


@pytest.fixture(scope="module")
def forged():
    """Signs as the service does; the secret of --local-key is public."""
    return Tokens("claims", LOCAL_SECRET)


def post(service, path, **options):
    return requests.post(f"{service.url}/api/v1/auth/{path}/", timeout=30, **options)


def log_in(service, **credentials):
    return post(service, "token", json=credentials)


def get(service, token, path="dashboard"):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{service.url}/api/v1/{path}/", headers=headers, timeout=30)


def test_a_login_gives_a_token_for_requests_and_one_for_another(service):
    tokens = log_in(service, **PUBLIC).json()
    assert tokens.keys() == {"access", "refresh"}
    assert get(service, tokens["access"]).status_code == 200
    renewed = post(service, "token/refresh", json={"refresh": tokens["refresh"]})
    assert renewed.status_code == 200
    assert renewed.json().keys() == {"access"}
    assert get(service, renewed.json()["access"]).status_code == 200


def test_an_access_token_ends_and_the_refresh_token_goes_on(service):
    tokens = log_in(service, **PUBLIC).json()
    deadline = time.monotonic() + 20
    while (answer := get(service, tokens["access"])).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json() == {"code": "unauthorised", "detail": "The token has expired."}
    assert post(service, "token/refresh", json={"refresh": tokens["refresh"]}).status_code == 200


@pytest.mark.parametrize(
    "credentials",
    [
        {"username": LOCAL_USER, "password": "wrong"},
        {"username": "nobody", "password": LOCAL_PASSWORD},
        {"username": "é\u0000'; --", "password": "x"},
        {"username": LOCAL_USER, "password": "\ud800"},
        {"username": LOCAL_USER, "password": "x" * 1024},
    ],
)
def test_a_wrong_login_is_refused_and_does_not_say_what_was_wrong(service, credentials):
    answer = log_in(service, **credentials)
    assert (answer.status_code, answer.json()) == (401, {"code": "unauthorised", "detail": WRONG})


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (lambda t: t.issue(LOCAL_USER, 60, {"token_type": "refresh"}), "This is no access token."),
        (lambda t: t.issue(LOCAL_USER, 60), "This is no access token."),
        (
            lambda t: t.issue("nobody", 60, {"token_type": "access"}),
            "The token's user does not exist any more.",
        ),
        (lambda t: t.issue(LOCAL_USER, -1, {"token_type": "access"}), "The token has expired."),
        (
            lambda _: Tokens("claims", "x" * 32).issue(LOCAL_USER, 60, {"token_type": "access"}),
            "The token's signature is wrong.",
        ),
        (
            lambda _: Tokens("access", LOCAL_SECRET).issue(LOCAL_USER, 60, {"token_type": "access"}),
            "The token is of another issuer.",
        ),
        (lambda _: "nonsense", "This is no token."),
        (lambda _: "x" * 9000, "The token is too long."),
    ],
)
def test_a_token_that_must_not_be_accepted_is_not(service, forged, make, detail):
    answer = get(service, make(forged))
    assert (answer.status_code, answer.json()) == (401, {"code": "unauthorised", "detail": detail})


def test_a_forged_token_that_would_be_accepted_is_when_its_secret_is_public(service, forged):
    # Shows that the refusals above are refused for what they say.
    assert get(service, forged.issue(LOCAL_USER, 60, {"token_type": "access"})).status_code == 200


@pytest.mark.parametrize("header", ["", "Basic dTpw", "Bearer", "Bearer "])
def test_without_a_token_there_is_nothing(service, header):
    answer = requests.get(
        f"{service.url}/api/v1/claims/", headers={"Authorization": header} if header else {}, timeout=30
    )
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Send your access token as 'Authorization: Bearer <token>'."


def test_an_access_token_is_no_refresh_token(service):
    tokens = log_in(service, **PUBLIC).json()
    answer = post(service, "token/refresh", json={"refresh": tokens["access"]})
    assert (answer.status_code, answer.json()["detail"]) == (401, "This is no refresh token.")


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("token", b"", 400, None),
        ("token", b"\xff", 400, None),
        ("token", b"[" * 10_000, 400, {"code": "not_json", "detail": "The body is not JSON: nested too deeply"}),
        ("token", b"[]", 422, ["body: expected an object with username and password"]),
        ("token/refresh", b"null", 422, ["body: expected an object with refresh"]),
        ("token", b'{"username": 1, "extra": 2}', 422, [
            "extra: unknown field", "username: expected 1 to 1024 characters",
            "password: expected 1 to 1024 characters",
        ]),
        ("token/refresh", b'{"refresh": ""}', 422, ["refresh: expected 1 to 8192 characters"]),
    ],
)  # fmt: skip
def test_a_body_that_is_no_login_is_refused_with_every_reason(service, path, body, status, told):
    answer = post(service, path, data=body)
    assert answer.status_code == status
    if status == 422:
        assert answer.json() == {"code": "invalid", "problems": told}
    elif told:
        assert answer.json() == told


def test_a_body_that_is_too_large_is_cut_off(service):
    frame = b'{"username": "a", "password": "%s"}'
    fits = frame % (b"x" * 1000)
    assert post(service, "token", data=fits).status_code == 401
    padded = fits + b" " * (MOST_BYTES - len(fits))
    assert post(service, "token", data=padded).status_code == 401
    too_long = post(service, "token", data=padded + b" ")
    assert too_long.status_code == 413
    assert too_long.json() == {"code": "too_large", "detail": "A request body may have 16384 bytes."}

    def endless():
        for _ in range(50):
            yield b"x" * 65536

    try:
        status = post(service, "token", data=endless()).status_code
    except requests.exceptions.ConnectionError:
        status = 413  # the service may close the connection before everything is sent
    assert status == 413


def test_a_storm_of_logins_holds_nobody_else_up(service):
    token = log_in(service, **PUBLIC).json()["access"]
    storm, slowest = 40, 0.0
    done = threading.Event()
    with ThreadPoolExecutor(storm) as pool:
        logins = [pool.submit(log_in, service, username="x", password="y") for _ in range(storm)]
        started = time.perf_counter()
        threading.Thread(target=lambda: ([each.result() for each in logins], done.set())).start()
        looks = []
        while not done.is_set() or len(looks) < 5:
            asked = time.perf_counter()
            get(service, token, "uploads")
            looks.append(time.perf_counter() - asked)
        took = time.perf_counter() - started
    assert {each.result().status_code for each in logins} == {401}
    slowest = sorted(looks)[len(looks) // 2]
    # One at a time they take a second or more; a loop that hashed itself would be held up for most of it.
    assert slowest < took / 10


def test_passwords_are_kept_as_salted_hashes_only(folder, service):
    files = [file.read_bytes() for file in folder.iterdir()]
    assert all(LOCAL_PASSWORD.encode() not in content for content in files)
    connection = sqlite3.connect(folder / "claims.sqlite3")
    ((stored,),) = connection.execute("SELECT password FROM users WHERE username = 'user_a'").fetchall()
    connection.close()
    assert stored.startswith("scrypt$16384$8$1$")
    assert hash_password(LOCAL_PASSWORD) != hash_password(LOCAL_PASSWORD)
    assert is_password(LOCAL_PASSWORD, stored)
    assert not is_password("testpass124", stored)


def test_without_local_key_nobody_gets_in_with_the_public_password(tmp_path):
    database = str(tmp_path / "claims.sqlite3")
    with running("reference.claims", "--database", database, "--local-key") as local:
        token = log_in(local, **PUBLIC).json()["access"]
    # The same database, with the user that the first one left in it.
    with running("reference.claims", "--database", database) as public:
        assert log_in(public, **PUBLIC).status_code == 401
        assert get(public, token).json()["detail"] == "The token's signature is wrong."
        forged = Tokens("claims", LOCAL_SECRET).issue(LOCAL_USER, 60, {"token_type": "access"})
        assert get(public, forged).status_code == 401


def test_users_are_made_listed_and_deleted_by_command(tmp_path, capsys):
    database = ["--database", str(tmp_path / "claims.sqlite3")]
    create = ["users", "create", "--username", "ann", "--customer", "Ann's"]
    assert main([*create, "--claims", "3", *database]) == 0
    printed = capsys.readouterr()
    password = printed.out.strip()
    assert len(password) >= 24
    assert password not in printed.err
    assert main([*create, *database]) == 20
    assert capsys.readouterr().err == "there is a user 'ann' already\n"
    assert main(["users", "list", *database]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["ann", "Ann's"]
    with running("reference.claims", *database) as service:
        tokens = log_in(service, username="ann", password=password).json()
        assert get(service, tokens["access"], "claims").json()["count"] == 3
        assert main(["users", "delete", "ann", *database]) == 0
        deadline = time.monotonic() + 15
        while (answer := get(service, tokens["access"])).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert answer.json()["detail"] == "The token's user does not exist any more."
    capsys.readouterr()
    assert main(["users", "delete", "ann", *database]) == 20
    assert capsys.readouterr().err == "There is no user 'ann'.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--username", "a b", "--customer", "c"],
            "expected a user name of 1 to 150 letters, digits and _.@+-, got 'a b'",
        ),
        (
            ["--username", "user_a", "--customer", "c"],
            "'user_a' is the public user of --local-key; choose another name",
        ),
        (["--username", "a", "--customer", " "], "the customer's name must not be empty"),
        (["--username", "a", "--customer", "c", "--claims", "-1"], "a customer has from 0 to 1,000,000 claims, got -1"),
    ],
)  # fmt: skip
def test_a_user_that_makes_no_sense_is_refused(tmp_path, capsys, arguments, message):
    assert main(["users", "create", *arguments, "--database", str(tmp_path / "x.sqlite3")]) == 20
    assert capsys.readouterr().err == f"{message}\n"
