import time

import pytest

from reference.metrics.__main__ import main
from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens


def test_login_says_who_one_is_and_the_token_proves_it(clients):
    member = clients("member-1", 2)
    assert (member.login["tenant_id"], member.login["role"]) == ("tenant-02", "member")
    assert member("GET", "/auth/me").json() == {
        "user_id": member.login["user_id"],
        "tenant_id": "tenant-02",
        "email": "member-1@tenant-02.local.example",
        "role": "member",
    }


@pytest.mark.parametrize(
    ("email", "password"),
    [("member-1@tenant-01.local.example", "wrong"), ("nobody@tenant-01.local.example", "local-load-test")],
)
def test_a_wrong_password_and_an_unknown_address_are_refused_alike(clients, email, password):
    nobody = clients()
    before = nobody.metric("metrics_refused_total", reason="password")
    answer = nobody.log_in(email, password)
    assert answer.status_code == 401
    assert answer.json() == {"code": "unauthorised", "detail": "E-mail address or password is wrong."}
    assert nobody.metric("metrics_refused_total", reason="password") == before + 1


@pytest.mark.parametrize(
    ("token", "detail"),
    [
        ("", "Send your access token as 'Authorization: Bearer <token>'."),
        ("nonsense", "This is no token."),
        (Tokens("metrics", "x" * 40).issue("u", 60), "The token's signature is wrong."),
        (Tokens("other", LOCAL_SECRET).issue("u", 60), "The token is of another issuer."),
        (Tokens("metrics", LOCAL_SECRET, lambda: time.time() - 99).issue("u", 60), "The token has expired."),
        (Tokens("metrics", LOCAL_SECRET).issue("u", 3600), "This is no access token."),
        (
            Tokens("metrics", LOCAL_SECRET).issue(
                "u", 3600, {"tenant": "t", "email": "e", "role": "root", "sid": "s"}
            ),
            "This is no access token.",
        ),
    ],
)
def test_a_token_that_is_not_ours_is_refused_with_the_reason(clients, token, detail):
    nobody = clients()
    nobody.token = token
    answer = nobody("GET", "/dashboard")
    assert answer.status_code == 401
    assert answer.json() == {"code": "unauthorised", "detail": detail}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_logging_out_ends_the_session_at_once_and_only_this_one(clients):
    first, second = clients("member-1"), clients("member-1")
    assert first("POST", "/auth/logout").status_code == 204
    assert first("GET", "/auth/me").json()["detail"] == "The session has ended."
    assert second("GET", "/auth/me").status_code == 200
    refreshed = first("POST", "/auth/refresh", json={"refresh_token": first.login["refresh_token"]})
    assert refreshed.status_code == 401


def test_a_refresh_token_works_once_and_a_second_use_ends_its_session(clients):
    member = clients("viewer-1")
    old = {"refresh_token": member.login["refresh_token"]}
    fresh = member("POST", "/auth/refresh", json=old)
    assert fresh.status_code == 200
    member.token = fresh.json()["access_token"]
    assert member("GET", "/auth/me").status_code == 200
    assert member("POST", "/auth/refresh", json=old).status_code == 401
    assert member("GET", "/auth/me").json()["detail"] == "The session has ended."
    again = {"refresh_token": fresh.json()["refresh_token"]}
    assert member("POST", "/auth/refresh", json=again).status_code == 401


def test_roles_may_what_they_may(clients, new_source, event):
    viewer, member, admin = clients("viewer-1"), clients("member-1"), clients("admin")
    made = event(new_source(), 1)
    assert viewer("POST", "/metrics/events", json=made).status_code == 403
    assert member("POST", "/metrics/events", json=made).status_code == 201
    assert viewer("GET", "/dashboard").status_code == 200
    for path in ("tenants", "users", "usage", "retention"):
        for person, status in ((viewer, 403), (member, 403), (admin, 200)):
            assert person("GET", f"/admin/{path}").status_code == status
    refused = member("PUT", "/admin/retention", json={"retention_days": 1})
    assert refused.json() == {"code": "forbidden", "detail": "This needs the role admin."}


def test_ended_sessions_stay_ended_over_a_restart(clients, database_url):
    member = clients("member-2")
    member("POST", "/auth/logout")
    with running("reference.metrics", "--database", database_url, "--local-key") as again:
        member.url = again.url
        assert member("GET", "/auth/me").json()["detail"] == "The session has ended."


def test_without_the_local_key_the_public_accounts_and_tokens_are_refused(clients, database_url):
    member = clients("member-1")
    with running("reference.metrics", "--database", database_url) as strict:
        member.url = strict.url
        assert member("GET", "/auth/me").status_code == 401
        assert member.log_in("member-1@tenant-01.local.example").status_code == 401
        again = {"refresh_token": member.login["refresh_token"]}
        assert member("POST", "/auth/refresh", json=again).status_code == 401


def test_a_tenant_made_on_the_command_line_can_log_in(clients, database_url, capsys):
    options = ["tenants", "create", "acme", "--admin-email", "ann@acme.test", "--database", database_url]
    assert main(options) == 0
    printed = capsys.readouterr()
    password = printed.out.strip()
    assert len(password) == 32
    assert password not in printed.err
    ann = clients()
    assert ann.log_in("ann@acme.test", password).json()["tenant_id"] == "acme"
    assert ann("GET", "/admin/tenants").json()["tenants"][0]["name"] == "acme"
    assert main(options) == 20
    assert capsys.readouterr().err == "There is a tenant 'acme' already.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["Acme!", "--admin-email", "a@b.c"],
            "expected lower-case letters, digits and - as a tenant's id, got 'Acme!'",
        ),
        (["acme", "--admin-email", "nobody"], "expected an e-mail address in lower case, got 'nobody'"),
    ],
)
def test_a_tenant_that_makes_no_sense_is_refused(tmp_path, capsys, arguments, message):
    assert main(["tenants", "create", *arguments, "--database", str(tmp_path / "x.sqlite3")]) == 20
    assert capsys.readouterr().err == f"{message}\n"
