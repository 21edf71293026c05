"""What happened is in the audit, once, and is found by who, what, to what and when."""

import time
from datetime import UTC, datetime

import pytest


def told(entries):
    return [(entry["action"], entry["resource"]) for entry in reversed(entries)]


def test_every_change_is_recorded_with_who_and_what(client):
    ann = client()
    team = ann.make("/v1/teams", name="Billing")["id"]
    ann("PUT", f"/v1/teams/{team}", json={"name": "Money"})
    ann.make(f"/v1/teams/{team}/members", user="bob")
    ann("DELETE", f"/v1/teams/{team}/members/bob")
    permission = ann.permit("user:bob", "GET", "/x")
    fields = {"subject": "user:bob", "effect": "deny", "method": "GET", "resource": "/x"}
    ann("PUT", f"/v1/permissions/{permission}", json=fields)
    ann("DELETE", f"/v1/permissions/{permission}")
    yes, no = (ann.make(f"/v1/teams/{team}/invitations", invitee="new") for _ in range(2))
    client(ann.organisation, "bob", "member")("POST", f"/v1/invitations/{yes['code']}/accept")
    ann("POST", f"/v1/invitations/{no['code']}/decline")
    ann("DELETE", f"/v1/teams/{team}")
    entries = ann.audit()
    assert told(entries) == [
        ("team.create", f"team:{team}"),
        ("team.update", f"team:{team}"),
        ("member.add", f"team:{team}"),
        ("member.remove", f"team:{team}"),
        ("permission.create", f"permission:{permission}"),
        ("permission.update", f"permission:{permission}"),
        ("permission.delete", f"permission:{permission}"),
        ("invitation.create", f"invitation:{yes['id']}"),
        ("invitation.create", f"invitation:{no['id']}"),
        ("invitation.accept", f"invitation:{yes['id']}"),
        ("invitation.decline", f"invitation:{no['id']}"),
        ("team.delete", f"team:{team}"),
    ]
    assert {entry["outcome"] for entry in entries} == {"success"}
    accepted = next(entry for entry in entries if entry["action"] == "invitation.accept")
    assert (accepted["actor"], accepted["detail"]) == ("bob", {"team": team, "user": "bob"})
    assert {entry["actor"] for entry in entries if entry is not accepted} == {"ann"}
    assert yes["code"] not in str(entries)


def test_what_did_not_happen_is_not_recorded(client):
    ann = client()
    unknown = "00000000-0000-7000-8000-000000000000"
    ann("DELETE", f"/v1/permissions/{unknown}")
    ann("DELETE", f"/v1/teams/{unknown}")
    ann("POST", f"/v1/teams/{unknown}/members", json={"user": "bob"})
    ann("POST", "/v1/teams", json={})
    assert ann.audit() == []


def test_every_decision_is_recorded_with_the_permission_that_it_rests_on(client):
    ann = client()
    permission = ann.permit("user:ann", "GET", "/orders/*")
    for resource in ("/orders/1", "/invoices/1"):
        ann.authorize("GET", resource)
    denied, allowed = ann.audit("action=authorize")
    assert (allowed["resource"], allowed["outcome"]) == ("/orders/1", "allow")
    assert allowed["detail"] == {"method": "GET", "permission": permission}
    assert (denied["resource"], denied["outcome"]) == ("/invoices/1", "deny")
    assert denied["detail"] == {"method": "GET", "permission": ""}


@pytest.fixture
def history(client):
    """Six decisions of two users on three resources."""
    ann = client()
    bob = client(ann.organisation, "bob", "member")
    for number in range(6):
        (ann, bob)[number % 2].authorize("GET", f"/thing/{number % 3}")
    return ann


def test_entries_are_found_by_actor_action_and_resource(history):
    history.make("/v1/teams", name="x")
    for query, count in [
        ("", 7),
        ("actor=bob", 3),
        ("action=authorize", 6),
        ("action=team.create", 1),
        ("resource=/thing/1", 2),
        ("actor=ann&resource=/thing/1", 1),
        ("actor=ann&action=authorize", 3),
        ("actor=nobody", 0),
        ("action=nothing", 0),
    ]:
        assert len(history.audit(query)) == count, query


def test_pages_hold_everything_once_from_the_newest_to_the_oldest(history):
    whole = [entry["id"] for entry in history.audit()]
    assert whole == sorted(whole, reverse=True)
    seen, cursor = [], ""
    while cursor is not None:
        page = history("GET", f"/v1/audit?limit=4{cursor and f'&cursor={cursor}'}").json()
        seen += [entry["id"] for entry in page["entries"]]
        cursor = page["next_cursor"]
    assert seen == whole
    first = history("GET", "/v1/audit?limit=2&actor=bob").json()
    rest = history("GET", f"/v1/audit?limit=2&actor=bob&cursor={first['next_cursor']}").json()
    assert len(first["entries"] + rest["entries"]) == 3
    assert rest["next_cursor"] is None


def test_a_cursor_is_not_disturbed_by_what_happens_meanwhile(history):
    first = history("GET", "/v1/audit?limit=3").json()
    history.authorize("GET", "/later")
    rest = history("GET", f"/v1/audit?limit=100&cursor={first['next_cursor']}").json()
    assert len({entry["id"] for entry in first["entries"] + rest["entries"]}) == 6


def test_a_time_range_holds_its_start_and_not_its_end(history):
    times = [entry["at"] for entry in history.audit()]
    query = [time_.replace("+00:00", "Z") for time_ in times]
    newest, oldest = query[0], query[-1]
    assert len(history.audit(f"from={oldest}")) == 6
    assert len(history.audit(f"from={newest}")) == times.count(times[0])
    assert len(history.audit(f"to={newest}")) == 6 - times.count(times[0])
    assert history.audit(f"to={oldest}") == []
    assert history.audit(f"from={newest}&to={oldest}") == []
    assert len(history.audit(f"from={oldest}&to=2999-01-01T00:00:00%2B02:00")) == 6
    assert len(history.audit("from=0001-01-01T00:00:00Z")) == 6
    assert history.audit("to=0001-01-01T00:00:00%2B14:00") == []


def test_entries_say_when_it_was(client):
    ann = client()
    before = time.time()
    ann.make("/v1/teams", name="x")
    (entry,) = ann.audit()
    at = datetime.fromisoformat(entry["at"])
    assert at.tzinfo == UTC
    assert before - 0.002 <= at.timestamp() <= time.time() + 0.002


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("from=yesterday", "from: expected a time with its zone, such as 2026-01-23T12:00:00Z"),
        ("to=2026-01-23T12:00:00", "to: expected a time with its zone, such as 2026-01-23T12:00:00Z"),
        ("actor=%00", "actor: expected at most 200 characters, no control characters"),
        (f"resource={'x' * 201}", "resource: expected at most 200 characters, no control characters"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(client, query, problem):
    answer = client()("GET", f"/v1/audit?{query}")
    assert (answer.status_code, answer.json()["problems"]) == (422, [problem])
