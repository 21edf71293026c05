"""The invitation flow: every way through its states, and every way that is barred."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

CLOSED = "The invitation is {}: it cannot be answered again."


def invite(ann, **fields):
    team = ann.make("/v1/teams", name="Guests")["id"]
    return team, ann.make(f"/v1/teams/{team}/invitations", invitee="new@example.com", **fields)


def members(ann, team):
    return [member["user"] for member in ann("GET", f"/v1/teams/{team}/members").json()["members"]]


def test_who_accepts_becomes_a_member_in_the_role_of_the_invitation(client):
    ann = client()
    team, invitation = invite(ann, role="lead")
    path = f"/v1/invitations/{invitation['code']}"
    looked_up = ann("GET", path).json()
    assert looked_up == {name: value for name, value in invitation.items() if name != "code"}
    assert (looked_up["status"], looked_up["team_id"], looked_up["answered_by"]) == ("pending", team, None)
    assert members(ann, team) == []
    bob = client(ann.organisation, "bob", "member")
    accepted = bob("POST", f"{path}/accept").json()
    assert (accepted["status"], accepted["answered_by"]) == ("accepted", "bob")
    assert accepted["answered_at"] >= accepted["created_at"]
    (member,) = ann("GET", f"/v1/teams/{team}/members").json()["members"]
    assert (member["user"], member["role"]) == ("bob", "lead")
    assert ann("GET", path).json() == accepted


def test_the_code_is_shown_once(client):
    ann = client()
    team, invitation = invite(ann)
    (listed,) = ann("GET", f"/v1/teams/{team}/invitations").json()["invitations"]
    assert "code" not in listed
    assert "code" not in ann("GET", f"/v1/invitations/{invitation['code']}").json()
    assert len(invitation["code"]) == 32
    assert invite(ann)[1]["code"] != invitation["code"]


@pytest.mark.parametrize("first", ["accept", "decline"])
@pytest.mark.parametrize("second", ["accept", "decline"])
def test_an_answer_is_final(client, first, second):
    ann = client()
    team, invitation = invite(ann)
    path = f"/v1/invitations/{invitation['code']}"
    status = {"accept": "accepted", "decline": "declined"}[first]
    assert ann("POST", f"{path}/{first}").json()["status"] == status
    before = members(ann, team)
    refused = ann("POST", f"{path}/{second}")
    assert refused.status_code == 409
    assert refused.json() == {"code": f"invitation_{status}", "detail": CLOSED.format(status)}
    assert members(ann, team) == before == (["ann"] if first == "accept" else [])
    assert ann("GET", path).json()["status"] == status


def test_of_many_who_accept_at_once_one_joins(client):
    ann = client()
    team, invitation = invite(ann)
    users = [client(ann.organisation, f"user-{number}", "member") for number in range(8)]
    path = f"/v1/invitations/{invitation['code']}/accept"
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda user: user("POST", path), users))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    (winner,) = [answer.json()["answered_by"] for answer in answers if answer.status_code == 200]
    assert members(ann, team) == [winner]
    assert len(ann.audit("action=invitation.accept")) == 1


def test_an_invitation_expires(client):
    ann = client()
    team, invitation = invite(ann, expires_in=1)
    path = f"/v1/invitations/{invitation['code']}"
    assert ann("GET", path).json()["status"] == "pending"
    deadline = time.monotonic() + 10
    while ann("GET", path).json()["status"] == "pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for answer in ("accept", "decline"):
        refused = ann("POST", f"{path}/{answer}")
        assert (refused.status_code, refused.json()["code"]) == (409, "invitation_expired")
    assert members(ann, team) == []
    (listed,) = ann("GET", f"/v1/teams/{team}/invitations").json()["invitations"]
    assert (listed["status"], listed["answered_at"]) == ("expired", None)


def test_an_administrator_accepts_for_somebody_and_nobody_else_does(client):
    ann = client()
    team, invitation = invite(ann)
    path = f"/v1/invitations/{invitation['code']}/accept"
    refused = client(ann.organisation, "bob", "member")("POST", path, json={"user": "eve"})
    assert refused.status_code == 403
    assert refused.json()["detail"] == "Only an administrator may accept for somebody else."
    assert ann("POST", path, json={"user": "eve"}).json()["answered_by"] == "eve"
    assert members(ann, team) == ["eve"]


def test_who_is_a_member_already_accepts_without_becoming_one_twice(client):
    ann = client()
    team, invitation = invite(ann)
    ann.make(f"/v1/teams/{team}/members", user="ann", role="lead")
    assert ann("POST", f"/v1/invitations/{invitation['code']}/accept").status_code == 200
    (member,) = ann("GET", f"/v1/teams/{team}/members").json()["members"]
    assert member["role"] == "lead"


@pytest.mark.parametrize("code", ["x", "x" * 32, "%00", "%FF" * 11])
def test_an_unknown_code_is_not_found(client, code):
    ann = client()
    for method, end in [("GET", ""), ("POST", "/accept"), ("POST", "/decline")]:
        answer = ann(method, f"/v1/invitations/{code}{end}")
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "Your organisation has no such invitation.",
        )


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "invitee: expected an e-mail address or a user's id"),
        ({"invitee": "a b"}, "invitee: expected an e-mail address or a user's id"),
        ({"invitee": "a", "role": "boss"}, "role: expected member or lead"),
        (
            {"invitee": "a", "expires_in": 0},
            "expires_in: expected a whole number of seconds from 1 to 2592000",
        ),
        (
            {"invitee": "a", "expires_in": True},
            "expires_in: expected a whole number of seconds from 1 to 2592000",
        ),
    ],
)
def test_an_invitation_that_makes_no_sense_is_refused(client, fields, problem):
    ann = client()
    team = ann.make("/v1/teams", name="Guests")["id"]
    answer = ann("POST", f"/v1/teams/{team}/invitations", json=fields)
    assert (answer.status_code, answer.json()["problems"]) == (422, [problem])
