import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import running
from reference.triggers.__main__ import main
from reference.triggers.events import MOST_BYTES

UNKNOWN_ID = str(uuid.UUID(int=7 << 76))


def inbox(client, query=""):
    return client("GET", f"/inbox{query}").json()


def metric(client, name, **labels):
    page = client("GET", "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_an_event_is_stored_and_read_back_as_it_was_sent(client):
    alice = client()
    payload = {
        "text": 'naïve 東京 🎉 "quoted" \\ \u0000 \u2028',
        "nested": [{"deep": [[[1, 2.5, -1e300, True, None]]]}],
        "big": 2**80,
        "empty": {},
        "": "empty key",
    }
    created = alice("POST", "/events", json={"event_type": "commande.créée 🎉", "payload": payload})
    assert created.status_code == 201
    event = created.json()
    assert event.keys() == {"id", "event_type", "status", "created_at", "delivered_at"}
    read = alice("GET", f"/events/{event['id']}")
    assert read.status_code == 200
    assert read.json() == event | {"payload": payload}
    assert (event["status"], event["delivered_at"]) == ("undelivered", None)


def test_half_a_surrogate_pair_in_a_payload_is_kept(client):
    alice = client()
    body = b'{"event_type": "x", "payload": {"a": "\\ud800"}}'
    created = alice("POST", "/events", data=body)
    assert created.status_code == 201
    assert alice("GET", f"/events/{created.json()['id']}").json()["payload"] == {"a": "\ud800"}


def test_a_user_sees_own_events_only(client):
    alice, bob = client(), client()
    event_id = alice.send()
    for method, path in [("GET", f"/events/{event_id}"), ("POST", f"/events/{event_id}/acknowledge")]:
        answer = bob(method, path)
        assert answer.status_code == 404
        assert answer.json() == {"code": "not_found", "detail": "You have no such event."}
    assert inbox(bob) == {"events": [], "next_cursor": None}
    assert alice("GET", f"/events/{event_id}").json()["status"] == "undelivered"


def test_all_keys_of_a_user_see_the_same_events(client):
    user = uuid.uuid4().hex
    event_id = client(user).send()
    assert [event["id"] for event in inbox(client(user))["events"]] == [event_id]


def test_the_inbox_lists_the_oldest_first_page_by_page(client):
    alice = client()
    sent = [alice.send(number=number) for number in range(7)]
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = inbox(alice, f"?limit=3&cursor={cursor}")
        seen += page["events"]
        cursor, pages = page["next_cursor"], pages + 1
    assert pages == 3
    assert [event["id"] for event in seen] == sent
    assert [event["payload"]["number"] for event in seen] == list(range(7))


def test_a_page_that_is_exactly_full_is_the_last(client):
    alice = client()
    for _ in range(3):
        alice.send()
    assert inbox(alice, "?limit=3")["next_cursor"] is None


def test_the_inbox_lists_fifty_unless_told(client):
    alice = client()
    for _ in range(51):
        alice.send()
    assert len(inbox(alice)["events"]) == 50
    assert len(inbox(alice, "?limit=100")["events"]) == 51


def test_acknowledging_takes_an_event_out_of_the_inbox_and_again_changes_nothing(client):
    alice = client()
    first, second = alice.send(), alice.send()
    once = alice("POST", f"/events/{first}/acknowledge")
    assert once.status_code == 200
    assert once.json()["status"] == "delivered"
    assert [event["id"] for event in inbox(alice)["events"]] == [second]
    time.sleep(0.005)
    again = alice("POST", f"/events/{first}/acknowledge")
    assert (again.status_code, again.json()) == (200, once.json())
    assert alice("GET", f"/events/{first}").json()["delivered_at"] == once.json()["delivered_at"]


@pytest.mark.parametrize("path", [UNKNOWN_ID, "1", "%00", "%ff", "..%2F", "x" * 3000, "é"])
def test_an_id_that_is_no_event_is_not_found(client, path):
    alice = client()
    for method, end in [("GET", ""), ("POST", "/acknowledge")]:
        assert alice(method, f"/events/{path}{end}").status_code == 404


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "Send your API key as 'Authorization: Bearer <key>'."),
        ({"Authorization": "Basic dTpw"}, "Send your API key as 'Authorization: Bearer <key>'."),
        ({"Authorization": "Bearer "}, "Send your API key as 'Authorization: Bearer <key>'."),
        ({"Authorization": "Bearer nonsense"}, "The API key is unknown or revoked."),
        ({"Authorization": b"Bearer \xff\xfe"}, "The API key is unknown or revoked."),
    ],
)
def test_without_a_valid_key_there_is_nothing(client, headers, detail):
    nobody = client(key="")
    for method, path in [("POST", "/events"), ("GET", "/inbox"), ("GET", f"/events/{UNKNOWN_ID}")]:
        answer = nobody(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json() == {"code": "unauthorised", "detail": detail}


def test_the_scheme_of_the_header_may_be_written_in_any_case(client):
    alice = client()
    assert alice("GET", "/inbox", headers={"Authorization": f"bEARER {alice.key}"}).status_code == 200


def test_a_revoked_key_stops_working_within_seconds(client, database_url, capsys):
    user = uuid.uuid4().hex
    alice = client(user)
    assert alice("GET", "/inbox").status_code == 200
    assert main(["keys", "list", "--database", database_url]) == 0
    (key_id,) = (line.split()[0] for line in capsys.readouterr().out.splitlines() if user in line)
    assert main(["keys", "revoke", key_id, "--database", database_url]) == 0
    deadline = time.monotonic() + 15
    while alice("GET", "/inbox").status_code != 401:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_viewer_reads_and_does_not_write(client):
    user = uuid.uuid4().hex
    event_id = client(user).send()
    viewer = client(user, role="viewer")
    assert viewer("GET", f"/events/{event_id}").status_code == 200
    assert len(inbox(viewer)["events"]) == 1
    for path in ("/events", f"/events/{event_id}/acknowledge"):
        answer = viewer("POST", path, json={"event_type": "x", "payload": {}})
        assert answer.status_code == 403
        assert answer.json() == {"code": "forbidden", "detail": "This API key may only read."}
    assert inbox(viewer)["events"][0]["status"] == "undelivered"


def test_a_key_over_its_limit_is_told_how_long_to_wait(client):
    before = metric(client(key=""), "triggers_rate_limited_total")
    alice = client(rate_limit=3)
    admitted = [alice("GET", "/inbox") for _ in range(3)]
    assert [answer.status_code for answer in admitted] == [200] * 3
    assert [answer.headers["X-RateLimit-Remaining"] for answer in admitted] == ["2", "1", "0"]
    refused = alice("POST", "/events", json={"event_type": "x", "payload": {}})
    assert refused.status_code == 429
    assert refused.json() == {"code": "rate_limited", "detail": "More than 3 requests per minute."}
    assert refused.headers["X-RateLimit-Limit"] == "3"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    # One token in 20 s, less the moment since the bucket began to fill.
    assert 18 <= int(refused.headers["Retry-After"]) <= 20
    assert metric(alice, "triggers_rate_limited_total") == before + 1


def test_who_waits_as_long_as_told_is_let_in(client):
    alice = client(rate_limit=60)
    while (answer := alice("GET", "/inbox")).status_code == 200:
        pass
    assert answer.headers["Retry-After"] == "1"
    time.sleep(1)
    assert alice("GET", "/inbox").status_code == 200


def test_the_default_limit_is_a_hundred_per_minute(client):
    alice = client(rate_limit=100)
    statuses = [alice("GET", "/inbox").status_code for _ in range(120)]
    assert statuses[:100] == [200] * 100
    assert 429 in statuses[100:]


def test_health_and_metrics_need_no_key(client):
    nobody = client(key="")
    assert nobody("GET", "/health").json()["status"] == "ok"
    assert nobody("GET", "/metrics").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "answer"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff\xfe", 400, None),
        (b'{"event_type": "x", "payload": {"a": NaN}}', 400, "The body is not JSON: NaN is not JSON"),
        (
            b'{"event_type": "x", "payload": {"a": -Infinity}}',
            400,
            "The body is not JSON: -Infinity is not JSON",
        ),
        (b"[" * 100_000, 400, "The body is not JSON: nested too deeply"),
        (b'{"a":' * 40_000, 400, "The body is not JSON: nested too deeply"),
        (b'{"event_type": "x", "payload": {"a": ' + b"9" * 5000 + b"}}", 400, None),
        (b"[]", 422, ["body: expected an object with event_type and payload"]),
        (b"null", 422, ["body: expected an object with event_type and payload"]),
        (
            b'{"extra": 1}',
            422,
            [
                "extra: unknown field",
                "event_type: expected 1 to 255 characters, no control characters",
                "payload: expected an object",
            ],
        ),
        (b'{"event_type": "x", "payload": []}', 422, ["payload: expected an object"]),
        *(
            (
                json.dumps({"event_type": event_type, "payload": {}}).encode(),
                422,
                ["event_type: expected 1 to 255 characters, no control characters"],
            )
            for event_type in ["", 7, None, "x" * 256, "a\u0000b", "a\nb", "\ud800"]
        ),
    ],
)
def test_what_is_no_event_is_refused_with_every_reason(client, body, status, answer):
    alice = client()
    refused = alice("POST", "/events", data=body)
    assert refused.status_code == status
    told = refused.json()
    if status == 400:
        assert told["code"] == "not_json"
        assert told["detail"] == answer or (
            answer is None and told["detail"].startswith("The body is not JSON: ")
        )
    else:
        assert told == {"code": "invalid", "problems": answer}
    assert inbox(alice)["events"] == []


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("?limit=0", "limit: expected a whole number from 1 to 100"),
        ("?limit=101", "limit: expected a whole number from 1 to 100"),
        ("?limit=ten", "limit: expected a whole number from 1 to 100"),
        ("?limit=-1", "limit: expected a whole number from 1 to 100"),
        ("?limit=%C2%B2", "limit: expected a whole number from 1 to 100"),
        ("?limit=" + "9" * 5000, "limit: expected a whole number from 1 to 100"),
        ("?cursor=abc", "cursor: expected the next_cursor of an earlier answer"),
        ("?cursor=%00", "cursor: expected the next_cursor of an earlier answer"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(client, query, problem):
    answer = client()("GET", f"/inbox{query}")
    assert (answer.status_code, answer.json()) == (422, {"code": "invalid", "problems": [problem]})


def test_a_body_of_the_greatest_size_is_taken_and_one_byte_more_is_not(client):
    alice = client()
    frame = b'{"event_type": "x", "payload": {"a": "%s"}}'
    fill = MOST_BYTES - len(frame) + 2
    assert alice("POST", "/events", data=frame % (b"x" * fill)).status_code == 201
    too_long = alice("POST", "/events", data=frame % (b"x" * (fill + 1)))
    assert too_long.status_code == 413
    assert too_long.json() == {"code": "too_large", "detail": "A request body may have 262144 bytes."}


def test_a_body_of_unknown_length_is_cut_off_when_it_is_too_long(client):
    alice = client()

    def endless():
        for _ in range(20):
            yield b"x" * 65536

    try:
        status = alice("POST", "/events", data=endless()).status_code
    except requests.exceptions.ConnectionError:
        status = 413  # the service may close the connection before everything is sent
    assert status == 413
    assert alice("GET", "/inbox").status_code == 200


def test_unknown_paths_and_methods_are_told_so_in_json(client):
    alice = client()
    assert alice("GET", "/nothing").json() == {"code": "not_found", "detail": "Not Found"}
    wrong = alice("DELETE", "/inbox")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


def test_it_says_that_it_is_a_reference_and_which_database_it_uses(client, database_url):
    nobody = client(key="")
    about = nobody("GET", "/").json()
    assert about["service"] == "triggers"
    assert about["reference"] is True
    assert "not the real service" in about["notice"]
    assert about["notice"] == nobody("GET", "/openapi.json").json()["info"]["description"]
    kind = "postgresql" if database_url.startswith("postgresql") else "sqlite"
    assert nobody("GET", "/health").json() == {"status": "ok", "database": kind}


def test_the_local_key_works_and_is_practically_unlimited(client):
    local = client(key="local-load-test")
    assert local("GET", "/inbox").headers["X-RateLimit-Limit"] == "1000000000"


def test_many_senders_at_once_lose_nothing(client):
    alice = client()
    before = metric(alice, "triggers_events_stored_total")
    with ThreadPoolExecutor(16) as pool:
        sent = list(pool.map(lambda _: alice.send(), range(300)))
    seen, cursor = [], ""
    while cursor is not None:
        page = inbox(alice, f"?limit=100&cursor={cursor}")
        seen, cursor = seen + [event["id"] for event in page["events"]], page["next_cursor"]
    assert sorted(seen) == sorted(sent) == sorted(set(sent))
    assert seen == sorted(seen)
    assert metric(alice, "triggers_events_stored_total") == before + 300


def test_answers_do_not_wait_for_the_clients_delayed_acknowledgement(client):
    # Without TCP_NODELAY on the server's side every answer on a kept connection takes 40 ms.
    alice = client()
    answers = [alice("POST", "/events", json={"event_type": "x", "payload": {}}) for _ in range(30)]
    assert min(answer.elapsed.total_seconds() for answer in answers[5:]) < 0.03


def test_its_own_metrics_count_requests_by_route_and_status(client):
    alice = client()
    name, where = (
        "http_server_request_duration_seconds_count",
        {"method": "GET", "route": "/events/{event_id}"},
    )
    found, missing = metric(alice, name, **where, status="200"), metric(alice, name, **where, status="404")
    event_id = alice.send()
    for asked in (event_id, event_id, UNKNOWN_ID):
        alice("GET", f"/events/{asked}")
    assert metric(alice, name, **where, status="200") == found + 2
    assert metric(alice, name, **where, status="404") == missing + 1
    assert metric(alice, "db_client_operation_duration_seconds_count", operation="insert_event") >= 1
    assert metric(alice, "db_client_connection_count") >= 1


def test_events_outlive_a_restart_and_empty_forgets_them_but_not_the_keys(client, database_url):
    alice = client()
    event_id = alice.send()
    with running("reference.triggers", "--database", database_url) as again:
        same = client(key=alice.key)
        same.url = again.url
        assert same("GET", f"/events/{event_id}").status_code == 200
    with running("reference.triggers", "--database", database_url, "--empty") as emptied:
        same.url = emptied.url
        assert inbox(same) == {"events": [], "next_cursor": None}
