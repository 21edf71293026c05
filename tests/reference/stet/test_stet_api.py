import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from reference.running import running
from reference.stet.__main__ import main
from reference.stet.reading import MOST_BYTES
from tests.reference.stet.client import asking, beat, correction

TENANT = "00000000-0000-0000-0000-000000000001"


def test_a_correction_is_stored_and_becomes_a_fact(client):
    ours = client()
    value = {"text": 'naïve 東京 🎉 "quoted" \\ \u0000', "deep": [[[1, 2.5, None, True]]], "": 2**70}
    answer = ours.correct(value=value, permissions={"readers": ["bot:test", "team:a"]})
    assert answer.status_code == 201
    stored = answer.json()
    assert stored == {
        "id": stored["id"],
        "version": stored["version"],
        "created_at": stored["version"],
        "subject": {"type": "user", "id": "user_7"},
        "field_key": "profile.name",
        "value": value,
        "class": "FACT",
        "permissions": {"readers": ["bot:test", "team:a"]},
        "actor": {"type": "system", "id": "load-test"},
    }
    assert ours.facts() == {
        "subject": {"type": "user", "id": "user_7"},
        "facts": [
            {
                "field_key": "profile.name",
                "value": value,
                "class": "FACT",
                "correction_id": stored["id"],
                "version": stored["version"],
            }
        ],
        "next_cursor": None,
    }


def test_the_newest_correction_of_a_field_wins(client):
    ours = client()
    for number in range(5):
        newest = ours.correct(value=number).json()
        ours.correct(field_key="profile.city", value=-number)
    facts = {fact["field_key"]: fact for fact in ours.facts()["facts"]}
    assert {key: fact["value"] for key, fact in facts.items()} == {"profile.name": 4, "profile.city": -4}
    assert facts["profile.name"]["correction_id"] == newest["id"]


def test_of_corrections_at_the_same_time_one_wins_and_it_is_the_newest_of_the_history(client):
    ours = client()
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: ours.correct(value=number), range(48)))
    assert {answer.status_code for answer in answers} == {201}
    entries = ours.history("&limit=100")["corrections"]
    assert len(entries) == 48
    (fact,) = ours.facts()["facts"]
    assert fact["correction_id"] == entries[0]["id"] == max(answer.json()["id"] for answer in answers)


def test_the_same_key_and_correction_are_answered_the_same_and_stored_once(client):
    ours = client()
    document = correction(value={"a": 1, "b": [2.0, "x"]})
    first = ours("POST", "/v1/corrections", json=document)
    # The same correction, written another way.
    again = ours("POST", "/v1/corrections", data=json.dumps(dict(reversed(document.items())), indent=2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.text == first.text
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(ours.history()["corrections"]) == 1


def test_a_replay_is_answered_as_at_first_even_after_a_newer_correction(client):
    ours = client()
    document = correction(value="old")
    first = ours("POST", "/v1/corrections", json=document)
    ours.correct(value="new")
    assert ours("POST", "/v1/corrections", json=document).text == first.text
    assert [fact["value"] for fact in ours.facts()["facts"]] == ["new"]


@pytest.mark.parametrize(
    "change",
    [
        {"value": {"text": "Bob"}},
        {"subject": {"type": "user", "id": "user_8"}},
        {"field_key": "profile.nick"},
        {"class": "RULE"},
        {"permissions": {"readers": ["bot:other"]}},
        {"actor": {"type": "person", "id": "load-test"}},
    ],
    ids=str,
)
def test_the_same_key_with_another_correction_is_a_conflict(client, change):
    ours = client()
    ours.correct(idempotency_key="k")
    refused = ours.correct(idempotency_key="k", **change)
    assert refused.status_code == 409
    assert refused.json() == {
        "code": "idempotency_conflict",
        "detail": "The idempotency_key was used before, with another correction.",
    }
    assert len(ours.history()["corrections"]) == 1


def test_duplicates_at_the_same_time_are_stored_once(client):
    ours = client()
    before = [ours.metric("stet_corrections_total", outcome=outcome) for outcome in ("stored", "replayed")]
    documents = [correction(value=number) for number in range(10)]
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda d: ours("POST", "/v1/corrections", json=d), documents * 12))
    assert {answer.status_code for answer in answers} == {201}
    ids = [answer.json()["id"] for answer in answers]
    assert ids == ids[:10] * 12
    replayed = sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in answers)
    assert replayed == 110
    after = [ours.metric("stet_corrections_total", outcome=outcome) for outcome in ("stored", "replayed")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [10, 110]
    assert len(ours.history()["corrections"]) == 10


def test_corrections_without_a_key_are_all_stored(client):
    ours = client()
    answers = [ours.correct(idempotency_key=None) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == len(ours.history()["corrections"]) == 3


def test_tenants_see_nothing_of_each_other(client):
    ours, theirs = client(), client()
    first = ours.correct(idempotency_key="same", value="ours").json()
    # A key belongs to its tenant: the other's correction is stored, not taken for a repetition or a conflict.
    second = theirs.correct(idempotency_key="same", value="theirs")
    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    assert [fact["value"] for fact in ours.facts()["facts"]] == ["ours"]
    assert [entry["value"] for entry in theirs.history()["corrections"]] == ["theirs"]
    beat(ours, "s1")
    assert theirs("GET", "/v1/enforcement/status").json()["systems"] == []
    assert client()("GET", "/v1/enforcement/escalation").json() == {"escalations": []}


def test_only_readers_see_a_correction(client):
    ours = client()
    ours.correct(field_key="a", permissions={"readers": ["bot:a", "team:x"]})
    ours.correct(field_key="b", permissions={"readers": ["bot:b"]})
    seen = {
        who: [fact["field_key"] for fact in ours.facts(requester=who)["facts"]]
        for who in ("bot:a", "team:x", "bot:b", "bot:ab", "bot", "a")
    }
    assert seen == {"bot:a": ["a"], "team:x": ["a"], "bot:b": ["b"], "bot:ab": [], "bot": [], "a": []}
    assert [entry["field_key"] for entry in ours.history(requester="bot:b")["corrections"]] == ["b"]


def test_a_field_whose_newest_correction_is_hidden_has_no_fact_for_that_reader(client):
    ours = client()
    ours.correct(value="old", permissions={"readers": ["bot:a", "bot:b"]})
    ours.correct(value="secret", permissions={"readers": ["bot:b"]})
    assert ours.facts(requester="bot:a")["facts"] == []
    assert [fact["value"] for fact in ours.facts(requester="bot:b")["facts"]] == ["secret"]
    assert [entry["value"] for entry in ours.history(requester="bot:a")["corrections"]] == ["old"]


def test_history_is_listed_newest_first_page_by_page(client):
    ours = client()
    sent = [ours.correct(value=number).json()["id"] for number in range(7)]
    ours.correct(subject={"type": "user", "id": "somebody-else"})
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = ours.history(f"&limit=3{cursor and f'&cursor={cursor}'}")
        seen += page["corrections"]
        cursor, pages = page["next_cursor"], pages + 1
    assert pages == 3
    assert [entry["id"] for entry in seen] == sent[::-1]
    assert [entry["status"] for entry in seen] == ["ACTIVE"] + ["SUPERSEDED"] * 6


def test_a_page_that_is_exactly_full_is_the_last(client):
    ours = client()
    for number in range(3):
        ours.correct(field_key=f"f{number}")
    assert ours.history("&limit=3")["next_cursor"] is None
    assert ours.facts("&limit=3")["next_cursor"] is None
    assert ours.facts("&limit=2")["next_cursor"] == "f1"
    assert [fact["field_key"] for fact in ours.facts("&limit=2&cursor=f1")["facts"]] == ["f2"]


CURSOR = "cursor: expected the next_cursor of an earlier answer"
ID = "expected 1 to 128 letters, digits or ._:@/+-, a letter or digit first"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"subject": None}, ["subject: expected an object with type, id", f"subject.type: {ID}", f"subject.id: {ID}"]),
        ({"subject": {"type": "user", "id": "x y"}}, [f"subject.id: {ID}"]),
        ({"subject": {"type": "user", "id": "a", "é\n": 1}}, ["subject.\\u00e9\\n: unknown field"]),
        ({"field_key": "f" * 129}, [f"field_key: {ID}"]),
        ({"field_key": "profile.name\n"}, [f"field_key: {ID}"]),
        ({"class": "fact"}, ["class: expected 1 to 32 capitals, digits or _, such as FACT"]),
        ({"permissions": {"readers": []}}, ["permissions.readers: expected a list of 1 to 100 ids"]),
        ({"permissions": {"readers": ["a"] * 101}}, ["permissions.readers: expected a list of 1 to 100 ids"]),
        ({"permissions": {"readers": ["a", 5]}}, [f"permissions.readers[1]: {ID}"]),
        ({"idempotency_key": ""}, ["idempotency_key: expected 1 to 255 visible ASCII characters"]),
        ({"idempotency_key": "k" * 256}, ["idempotency_key: expected 1 to 255 visible ASCII characters"]),
        ({"surprise": 1}, ["surprise: unknown field"]),
    ],
)  # fmt: skip
def test_every_problem_of_a_correction_is_told(client, changes, problems):
    answer = client().correct(**changes)
    assert (answer.status_code, answer.json()["problems"]) == (422, problems)


def test_a_missing_value_is_told_and_null_is_a_value(client):
    ours = client()
    document = correction()
    del document["value"]
    refused = ours("POST", "/v1/corrections", json=document)
    assert refused.json()["problems"] == ["value: expected any JSON value"]
    assert ours("POST", "/v1/corrections", json={**document, "value": None}).json()["value"] is None


@pytest.mark.parametrize("path", ["/v1/corrections", "/v1/enforcement/heartbeat"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff\xfe", 400), (b"[" * 50_000, 400), (b'{"value": NaN}', 400),
        (b'{"value": ' + b"9" * 5000 + b"}", 400), (b"[]", 422), (b"null", 422), (b"5", 422), (b"{}", 422),
        (b" " * (MOST_BYTES + 1), 413),
    ],
)  # fmt: skip
def test_bodies_that_make_no_sense_are_refused(client, path, body, status):
    answer = client()("POST", path, data=body)
    assert answer.status_code == status, answer.text


def test_a_body_that_does_not_say_how_long_it_is_is_cut_off(client):
    answer = client()("POST", "/v1/corrections", data=iter([b" " * 1024] * (MOST_BYTES // 1024 + 1)))
    assert answer.status_code == 413
    assert answer.json() == {"code": "too_large", "detail": f"A request body may have {MOST_BYTES} bytes."}


def test_a_number_that_json_cannot_hold_is_refused(client):
    body = json.dumps(correction(value="VALUE")).replace('"VALUE"', "1e999")
    answer = client()("POST", "/v1/corrections", data=body)
    assert answer.json()["problems"] == ["value: expected numbers that fit into 64 bits of floating point"]


@pytest.mark.parametrize("tenant", ["", " ", "a b", "t" * 65, "../x", "é".encode()])
def test_without_a_valid_tenant_nothing_is_answered(client, stet, tenant):
    told = ["X-Tenant-Id: expected 1 to 64 letters, digits, '.', '_' or '-'"]
    ours = client()
    for method, path, options in [
        ("POST", "/v1/corrections", {"json": correction()}),
        ("GET", f"/v1/facts?{asking('bot:test')}", {}),
        ("GET", f"/v1/history?{asking('bot:test')}", {}),
        ("POST", "/v1/enforcement/heartbeat",
         {"json": {"system_id": "s", "enforced_correction_version": "2026-01-31T12:00:00Z"}}),
        ("GET", "/v1/enforcement/status", {}),
        ("GET", "/v1/enforcement/escalation", {}),
    ]:  # fmt: skip
        try:
            answer = ours(method, path, headers={"X-Tenant-Id": tenant}, **options)
        except requests.exceptions.InvalidHeader:
            assert tenant == " "
            continue
        assert (answer.status_code, answer.json()["problems"]) == (422, told)


@pytest.mark.parametrize("path", ["/v1/facts", "/v1/history"])
@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("subject_type=user&subject_id=1", f"requester_id: {ID}"),
        ("subject_type=user&subject_id=%00&requester_id=a", f"subject_id: {ID}"),
        ("subject_type=user&subject_id=1&requester_id=a&limit=0", r"limit: expected a whole number from 1 to 1000?"),
        ("subject_type=user&subject_id=1&requester_id=a&limit=1001", r"limit: expected a whole number from 1 to 1000?"),
        ("subject_type=user&subject_id=1&requester_id=a&limit=²", r"limit: expected a whole number from 1 to 1000?"),
        ("subject_type=user&subject_id=1&requester_id=a&cursor=", CURSOR),
        ("subject_type=user&subject_id=1&requester_id=a&cursor=%27%3B", CURSOR),
    ],
)  # fmt: skip
def test_parameters_that_make_no_sense_are_refused(client, path, query, problem):
    answer = client()("GET", f"{path}?{query}")
    assert answer.status_code == 422
    (told,) = answer.json()["problems"]
    assert told == problem or re.fullmatch(problem, told)


def test_slow_queries_of_a_fault_are_slow_for_the_service_as_for_its_metrics(client, stet):
    ours = client()
    before = ours.metric("db_client_operation_duration_seconds_count", operation="list_facts")
    fast = ours.metric("db_client_operation_duration_seconds_bucket", operation="list_facts", le="0.05")
    requests.put(f"{stet.url}/faults", json={"kind": "slow_query", "delay_ms": 80}, timeout=10)
    try:
        ours.facts()
    finally:
        requests.delete(f"{stet.url}/faults", timeout=10)
    assert ours.metric("db_client_operation_duration_seconds_count", operation="list_facts") == before + 1
    assert (
        ours.metric("db_client_operation_duration_seconds_bucket", operation="list_facts", le="0.05") == fast
    )


def test_an_empty_start_forgets_what_was_stored(tmp_path):
    database = str(tmp_path / "stet.sqlite3")
    with running("reference.stet", "--database", database) as service:
        stored = requests.post(
            f"{service.url}/v1/corrections", json=correction(), headers={"X-Tenant-Id": "t"}, timeout=10
        )
        assert stored.status_code == 201
    for option, expected in [((), 1), (("--empty",), 0)]:
        with running("reference.stet", "--database", database, "--local-key", *option) as service:
            facts = requests.get(
                f"{service.url}/v1/facts?{asking('bot:test')}", headers={"X-Tenant-Id": "t"}, timeout=10
            )
            assert len(facts.json()["facts"]) == expected


def test_a_database_that_cannot_be_opened_is_told(tmp_path, capsys):
    assert main(["--port", "0", "--database", str(tmp_path)]) == 20
    assert capsys.readouterr().err == (
        f"cannot open the SQLite database {tmp_path}: unable to open database file\n"
    )
