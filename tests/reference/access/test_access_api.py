"""Permissions, teams and members over HTTP; who may do what; what no request may bring about."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from reference.access.answers import MOST_BYTES
from reference.tokens import LOCAL_SECRET, Tokens

UNKNOWN = str(uuid.UUID(int=7 << 76))
PERMISSION = {"subject": "user:bob", "effect": "allow", "method": "GET", "resource": "/orders/*"}
NOT_FOUND = "Your organisation has no such {}."
EVERY = [
    ("GET", "/v1/permissions"),
    ("POST", "/v1/permissions"),
    ("GET", f"/v1/permissions/{UNKNOWN}"),
    ("PUT", f"/v1/permissions/{UNKNOWN}"),
    ("DELETE", f"/v1/permissions/{UNKNOWN}"),
    ("GET", "/v1/teams"),
    ("POST", "/v1/teams"),
    ("GET", f"/v1/teams/{UNKNOWN}"),
    ("PUT", f"/v1/teams/{UNKNOWN}"),
    ("DELETE", f"/v1/teams/{UNKNOWN}"),
    ("GET", f"/v1/teams/{UNKNOWN}/members"),
    ("POST", f"/v1/teams/{UNKNOWN}/members"),
    ("DELETE", f"/v1/teams/{UNKNOWN}/members/bob"),
    ("GET", f"/v1/teams/{UNKNOWN}/invitations"),
    ("POST", f"/v1/teams/{UNKNOWN}/invitations"),
    ("GET", f"/v1/invitations/{'x' * 32}"),
    ("POST", f"/v1/invitations/{'x' * 32}/accept"),
    ("POST", f"/v1/invitations/{'x' * 32}/decline"),
    ("GET", "/v1/audit"),
]
WRITES = [(m, p) for m, p in EVERY if m != "GET" and "/invitations/x" not in p]


def test_a_permission_is_created_read_replaced_and_deleted(client):
    ann = client()
    made = ann.make("/v1/permissions", **PERMISSION, description="naïve 東京 🎉")
    path = f"/v1/permissions/{made['id']}"
    assert {name: made[name] for name in PERMISSION} == PERMISSION
    assert made["description"] == "naïve 東京 🎉"
    assert ann("GET", path).json() == made
    replaced = ann("PUT", path, json=PERMISSION | {"effect": "deny", "subject": "user:eve"}).json()
    assert (replaced["id"], replaced["effect"], replaced["subject"]) == (made["id"], "deny", "user:eve")
    assert (replaced["description"], replaced["created_at"]) == ("", made["created_at"])
    assert replaced["updated_at"] >= made["updated_at"]
    assert ann("GET", path).json() == replaced
    assert ann("DELETE", path).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        gone = ann(method, path, json=PERMISSION if method == "PUT" else None)
        assert (gone.status_code, gone.json()["detail"]) == (404, NOT_FOUND.format("permission"))


def test_lists_are_read_page_by_page_in_the_order_of_creation(client):
    ann = client()
    made = [ann.permit(f"user:u{number}", "GET", "/x") for number in range(7)]
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = ann("GET", f"/v1/permissions?limit=3{f'&cursor={cursor}' if cursor else ''}").json()
        seen += [item["id"] for item in page["permissions"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (made, 3)
    assert len(ann("GET", "/v1/permissions?limit=7").json()["permissions"]) == 7
    assert ann("GET", "/v1/permissions?limit=7").json()["next_cursor"] is None


def test_permissions_are_listed_by_their_subject(client):
    ann = client()
    ann.permit("user:bob", "GET", "/x")
    eves = ann.permit("user:eve", "GET", "/x")
    found = ann("GET", "/v1/permissions?subject=user:eve").json()["permissions"]
    assert [item["id"] for item in found] == [eves]


def test_a_team_is_created_renamed_filled_emptied_and_deleted(client):
    ann = client()
    team = ann.make("/v1/teams", name="Billing")
    path = f"/v1/teams/{team['id']}"
    assert ann("GET", path).json() == team | {"members": 0}
    for user in ("bob", "eve"):
        assert ann.make(f"{path}/members", user=user)["role"] == "member"
    again = ann("POST", f"{path}/members", json={"user": "bob", "role": "lead"})
    assert (again.status_code, again.json()["code"]) == (409, "already_member")
    assert ann("PUT", path, json={"name": "Money"}).json()["name"] == "Money"
    first = ann("GET", f"{path}/members?limit=1").json()
    second = ann("GET", f"{path}/members?limit=1&cursor={first['next_cursor']}").json()
    assert [first["members"][0]["user"], second["members"][0]["user"]] == ["bob", "eve"]
    assert second["next_cursor"] is None
    assert ann("DELETE", f"{path}/members/bob").status_code == 204
    assert ann("DELETE", f"{path}/members/bob").status_code == 404
    assert ann("GET", path).json()["members"] == 1
    assert [found["id"] for found in ann("GET", "/v1/teams").json()["teams"]] == [team["id"]]
    assert ann("DELETE", path).status_code == 204
    assert ann("DELETE", path).json()["detail"] == NOT_FOUND.format("team")


def test_with_a_team_go_the_permissions_that_name_it(client):
    ann = client()
    team = ann.make("/v1/teams", name="Short-lived")["id"]
    permission = ann.permit(f"team:{team}", "GET", "/x")
    kept = ann.permit("user:ann", "GET", "/x")
    ann("DELETE", f"/v1/teams/{team}")
    assert ann("GET", f"/v1/permissions/{permission}").status_code == 404
    assert ann("GET", f"/v1/permissions/{kept}").status_code == 200


def test_of_many_who_add_the_same_member_one_succeeds(client):
    ann = client()
    path = f"/v1/teams/{ann.make('/v1/teams', name='Race')['id']}"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ann("POST", f"{path}/members", json={"user": "bob"}), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 15
    assert ann("GET", path).json()["members"] == 1


def test_organisations_see_nothing_of_each_other(client):
    ann, eve = client(), client()
    team = ann.make("/v1/teams", name="Secret")["id"]
    ann.make(f"/v1/teams/{team}/members", user="bob")
    permission = ann.permit("user:bob", "GET", "/secret")
    code = ann.make(f"/v1/teams/{team}/invitations", invitee="new")["code"]
    tried = [
        ("GET", f"/v1/permissions/{permission}", None),
        ("PUT", f"/v1/permissions/{permission}", PERMISSION),
        ("DELETE", f"/v1/permissions/{permission}", None),
        ("GET", f"/v1/teams/{team}", None),
        ("PUT", f"/v1/teams/{team}", {"name": "Mine"}),
        ("DELETE", f"/v1/teams/{team}", None),
        ("GET", f"/v1/teams/{team}/members", None),
        ("POST", f"/v1/teams/{team}/members", {"user": "eve"}),
        ("DELETE", f"/v1/teams/{team}/members/bob", None),
        ("GET", f"/v1/teams/{team}/invitations", None),
        ("POST", f"/v1/teams/{team}/invitations", {"invitee": "eve"}),
        ("GET", f"/v1/invitations/{code}", None),
        ("POST", f"/v1/invitations/{code}/accept", None),
        ("POST", f"/v1/invitations/{code}/decline", None),
    ]
    assert [eve(method, path, json=body).status_code for method, path, body in tried] == [404] * len(tried)
    for path, name in (("permissions", "permissions"), ("teams", "teams"), ("audit", "entries")):
        assert eve("GET", f"/v1/{path}").json() == {name: [], "next_cursor": None}
    assert ann("GET", f"/v1/teams/{team}").json()["members"] == 1
    assert ann("GET", f"/v1/invitations/{code}").json()["status"] == "pending"


BAD_TOKENS = {
    "none": "",
    "no token": "abc",
    "forged": Tokens("access", "x" * 40).issue("ann", 600, {"org": "o", "role": "admin"}),
    "expired": Tokens("access", LOCAL_SECRET).issue("ann", -1, {"org": "o", "role": "admin"}),
    "of another service": Tokens("claims", LOCAL_SECRET).issue("ann", 600, {"org": "o", "role": "admin"}),
    "without organisation": Tokens("access", LOCAL_SECRET).issue("ann", 600, {"role": "admin"}),
    "with a list for organisation": Tokens("access", LOCAL_SECRET).issue("ann", 600, {"org": [1], "role": "admin"}),
    "with an unknown role": Tokens("access", LOCAL_SECRET).issue("ann", 600, {"org": "o", "role": "root"}),
    "of nobody": Tokens("access", LOCAL_SECRET).issue("\x00", 600, {"org": "o", "role": "admin"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_TOKENS)
def test_no_call_gets_by_with_a_bad_token(client, kind):
    ann = client()
    for method, path in EVERY:
        answer = ann(method, path, token=BAD_TOKENS[kind])
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorised")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("role", ["member", "auditor"])
def test_only_administrators_write(client, role):
    bob = client(user="bob", role=role)
    for method, path in WRITES:
        answer = bob(method, path, json={})
        assert (answer.status_code, answer.json()["detail"]) == (403, "This needs the role admin.")
    for path in ("/v1/permissions", "/v1/teams"):
        assert bob("GET", path).status_code == 200


def test_members_do_not_read_the_audit(client):
    assert client(role="auditor")("GET", "/v1/audit").status_code == 200
    refused = client(role="member")("GET", "/v1/audit")
    assert (refused.status_code, refused.json()["detail"]) == (403, "This needs the role admin or auditor.")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"subject": "bob"}, "subject: expected user:<id> or team:<id>"),
        ({"subject": "team:bob"}, "subject: expected user:<id> or team:<id>"),
        ({"subject": None}, "subject: expected user:<id> or team:<id>"),
        ({"effect": "maybe"}, "effect: expected allow or deny"),
        ({"effect": ["allow"]}, "effect: expected allow or deny"),
        ({"method": "get"}, "method: expected one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or *"),
        ({"method": {}}, "method: expected one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or *"),
        (
            {"resource": "orders"},
            "resource: expected a path of at most 200 characters, * for any, such as /orders/*",
        ),
        (
            {"resource": "/[a-z]"},
            "resource: expected a path of at most 200 characters, * for any, such as /orders/*",
        ),
        ({"description": "\x00"}, "description: expected at most 200 characters, no control characters"),
        ({"description": "\ud800"}, "description: expected at most 200 characters, no control characters"),
        ({"id": "mine"}, "id: unknown field"),
        ({"\x00": 1}, "?: unknown field"),
    ],
)
def test_a_permission_that_makes_no_sense_is_refused(client, change, problem):
    answer = client()("POST", "/v1/permissions", json=PERMISSION | change)
    assert answer.status_code == 422
    assert answer.json() == {
        "code": "invalid",
        "detail": "The body or a parameter is not valid.",
        "problems": [problem],
    }


def test_every_problem_is_told_at_once(client):
    assert len(client()("POST", "/v1/permissions", json={"x": 1}).json()["problems"]) == 5


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000 + b"]" * 100_000])
def test_what_is_no_json_is_400_or_too_large(client, body):
    expected = 413 if len(body) > MOST_BYTES else 400
    assert client()("POST", "/v1/teams", data=body).status_code == expected


@pytest.mark.parametrize("deep", [b"[" * 30_000 + b"]" * 30_000])
def test_deep_nesting_is_no_server_error(client, deep):
    assert client()("POST", "/v1/teams", data=deep).status_code in (400, 422)


@pytest.mark.parametrize("streamed", [False, True])
def test_oversized_bodies_are_refused(client, streamed):
    ann = client()
    body = b" " * (MOST_BYTES + 1)
    for path in ("/v1/permissions", "/v1/teams", "/authorize", "/v1/tokens"):
        answer = ann("POST", path, data=iter([body]) if streamed else body)
        assert answer.status_code == 413
        assert answer.json() == {
            "code": "too_large",
            "detail": f"A request body may have {MOST_BYTES} bytes.",
        }
    fits = b'{"name": "x"}'.ljust(MOST_BYTES)
    assert ann("POST", "/v1/teams", data=fits).status_code == 201


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=%C2%B2", "cursor=x", "cursor=%00"]
)
def test_pages_that_cannot_be_are_refused(client, query):
    ann = client()
    for path in ("/v1/permissions", "/v1/teams", "/v1/audit"):
        answer = ann("GET", f"{path}?{query}")
        (problem,) = answer.json()["problems"]
        assert problem in (
            "limit: expected a whole number from 1 to 100",
            "cursor: expected the next_cursor of an earlier answer",
        )


@pytest.mark.parametrize("path", ["/v1/permissions/%00", "/v1/teams/x", "/v1/teams/%FF/members"])
def test_ids_that_cannot_be_are_not_found(client, path):
    assert client()("GET", path).status_code == 404


def test_tokens_are_handed_out_locally_and_speak_for_whom_they_say(client):
    ann = client()
    wish = {"organisation": ann.organisation, "user": "eve", "role": "auditor", "expires_in": 60}
    given = ann("POST", "/v1/tokens", token="", json=wish).json()
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 60)
    assert ann("GET", "/v1/audit", token=given["access_token"]).status_code == 200
    assert ann("POST", "/v1/teams", token=given["access_token"], json={"name": "x"}).status_code == 403
    wrong = ann("POST", "/v1/tokens", json={"organisation": "", "user": 7, "role": "root", "expires_in": 0})
    assert [problem.partition(":")[0] for problem in wrong.json()["problems"]] == [
        "organisation",
        "user",
        "role",
        "expires_in",
    ]


def test_the_public_organisation_is_filled_once(client):
    ann = client("local-load-test", "user-0")
    teams = ann("GET", "/v1/teams?limit=100").json()["teams"]
    assert [team["name"] for team in teams] == [f"Team {number}" for number in range(10)]
    assert ann("GET", f"/v1/teams/{teams[0]['id']}").json()["members"] == 5
    assert ann.effect("GET", "/orders/1") == "Allow"
    assert ann.effect("GET", "/settings/billing") == "Deny"
