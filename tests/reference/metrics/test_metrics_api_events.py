import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from reference.metrics.events import MOST_IN_BATCH
from reference.metrics.web import MOST_BYTES
from reference.running import running


def query(client, name, aggregate, begin, end, interval=None):  # noqa: PLR0917
    tail = f"&interval={interval}" if interval else ""
    path = f"/metrics/query?name={name}&aggregate={aggregate}&from={begin}&to={end}{tail}"
    return client("GET", path).json()["points"]


def test_an_event_is_stored_once_and_a_repeat_is_said_to_be_one(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    made = event(source, 1)
    first, again = (member("POST", "/metrics/events", json=made) for _ in range(2))
    assert (first.status_code, first.json()) == (201, {"id": made["id"], "result": "stored"})
    assert (again.status_code, again.json()) == (200, {"id": made["id"], "result": "duplicate"})
    assert member.receipts(source) == ([[1, 1]], [])


def test_a_batch_says_of_each_event_what_became_of_it(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    member.send(event(source, 2))
    answer = member.send(*(event(source, number) for number in (3, 2, 1, 3, 7)))
    assert (answer["stored"], answer["duplicate"]) == (3, 2)
    assert [one["result"] for one in answer["results"]] == [
        "stored",
        "duplicate",
        "stored",
        "duplicate",
        "stored",
    ]
    assert member.receipts(source) == ([[1, 3], [7, 7]], [])


def test_of_many_that_send_the_same_at_once_one_is_told_stored(clients, new_source, event):
    members, source = [clients(f"member-{n}") for n in range(1, 7)], new_source()
    events = [event(source, number) for number in range(1, 41)]
    with ThreadPoolExecutor(6) as pool:
        batches = list(pool.map(lambda member: member.send(*events), members))
        singles = list(
            pool.map(lambda m: m("POST", "/metrics/events", json=event(source, 99)).json()["result"], members)
        )
    assert sum(answer["stored"] for answer in batches) == 40
    assert sum(answer["duplicate"] for answer in batches) == 5 * 40
    assert sorted(singles) == ["duplicate"] * 5 + ["stored"]
    assert members[0].receipts(source) == ([[1, 40], [99, 99]], [])


def test_a_session_is_stored_once(clients, new_source):
    member = clients("member-1")
    made = {"id": f"{new_source()}:1", "app": "web", "duration_ms": 61_000}
    answers = [member("POST", "/metrics/sessions", json=made) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["result"] for answer in answers] == ["stored", "duplicate"]


def test_aggregates_by_interval_are_what_was_sent(clients, new_source, event):
    member, source = clients("member-1", 4), new_source()
    name, begin = f"q.{source.replace('-', '.')}", 1_700_000_000_000
    values = [(0, 4.0), (999, 6.0), (1000, -1.5), (3500, 10.0)]
    member.send(
        *(
            event(source, n, name=name, value=value, at=begin + after)
            for n, (after, value) in enumerate(values)
        )
    )
    end = begin + 4000
    assert query(member, name, "sum", begin, end, 1000) == [
        [begin, 10.0],
        [begin + 1000, -1.5],
        [begin + 3000, 10.0],
    ]
    assert query(member, name, "avg", begin, end, 2000) == [[begin, 8.5 / 3], [begin + 2000, 10.0]]
    assert query(member, name, "min", begin, end) == [[begin, -1.5]]
    assert query(member, name, "max", begin, end) == [[begin, 10.0]]
    assert query(member, name, "count", begin, end) == [[begin, 4]]
    assert query(member, name, "count", begin + 1, end - 500) == [[begin + 1, 2]]
    assert query(member, "no.such.metric", "sum", begin, end) == []


def test_a_question_for_too_many_points_is_answered_with_a_thousand(clients, new_source, event):
    member, source = clients("member-1", 4), new_source()
    name, begin = f"w.{source.replace('-', '.')}", 1_700_000_000_000
    member.send(*(event(source, n, name=name, at=begin + n * 100) for n in range(300)))
    assert len(query(member, name, "count", begin, begin + 30_000, 1)) <= 1000
    assert sum(value for _, value in query(member, name, "count", begin, begin + 30_000, 1)) == 300


INVALID = [
    ({}, "id: expected source:number, such as collector-7:42"),
    ({"id": "no number"}, "id: expected source:number, such as collector-7:42"),
    ({"name": "Upper"}, "name: expected a metric's name: lower case, digits, _ and ., at most 64"),
    ({"value": "1"}, "value: expected a number from -1e+15 to 1e+15"),
    ({"value": True}, "value: expected a number from -1e+15 to 1e+15"),
    ({"value": 10**400}, "value: expected a number from -1e+15 to 1e+15"),
    ({"at": 1_700_000_000}, "at: expected a whole number from 946684800000 to 4102444800000"),
    ({"region": "\u0000"}, "region: expected lower-case letters, digits and -, at most 32"),
    ({"tenant_id": "tenant-02"}, "'tenant_id': unknown field"),
]


@pytest.mark.parametrize(("changes", "problem"), INVALID)
def test_an_event_that_is_not_valid_is_refused_with_the_reason(clients, new_source, event, changes, problem):
    made = event(new_source(), 1) | changes if changes else {"name": "x", "value": 1}
    answer = clients("member-1")("POST", "/metrics/events", json=made)
    assert answer.status_code == 422
    assert answer.json() == {"code": "invalid", "problems": [problem]}


def test_of_a_batch_with_one_wrong_event_nothing_is_stored(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    wrong = [event(source, 1), event(source, 2, value=None), 7]
    answer = member("POST", "/metrics/batch", json={"events": wrong})
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        "events[1].value: expected a number from -1e+15 to 1e+15",
        "events[2].: expected an object with id, name and value",
    ]
    assert member.receipts(source) == ([], [])


def test_batches_and_bodies_are_bounded(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    full = [event(source, number) for number in range(MOST_IN_BATCH)]
    assert member.send(*full)["stored"] == MOST_IN_BATCH
    for count in (0, MOST_IN_BATCH + 1):
        answer = member("POST", "/metrics/batch", json={"events": (full + full)[:count]})
        assert answer.json()["problems"] == [f"events: expected a list of 1 to {MOST_IN_BATCH} items"]
    padded = json.dumps(event(source, 1)).encode().ljust(MOST_BYTES + 1)
    assert member("POST", "/metrics/events", data=padded).status_code == 413
    assert member("POST", "/metrics/events", data=padded[:-1]).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"value": NaN}'])
def test_a_body_that_is_not_json_is_refused(clients, body):
    assert clients("member-1")("POST", "/metrics/events", data=body).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/metrics/query", "/metrics/query?name=x&from=1&to=2", "/metrics/query?name=x&from=a&to=b",
        "/metrics/query?name=x%00&from=1700000000000&to=1700000000001",
        "/metrics/query?name=x&aggregate=median&from=1700000000000&to=1700000000001",
        "/metrics/receipts/s?first=-1", "/dashboard/tenant-01-overview/widgets?seconds=1",
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused(clients, path):
    answer = clients("member-1")("GET", path)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"


def test_the_fault_lose_acknowledges_and_does_not_store(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    member("PUT", "/faults", json={"kind": "lose"})
    assert member.send(event(source, 1), event(source, 2))["stored"] == 2
    assert member("POST", "/metrics/events", json=event(source, 3)).status_code == 201
    assert member.receipts(source) == ([], [])


def test_the_fault_double_stores_twice(clients, new_source, event):
    member, source = clients("member-1"), new_source()
    member.send(event(source, 1))
    member("PUT", "/faults", json={"kind": "double"})
    assert member.send(event(source, 2), event(source, 3))["stored"] == 2
    assert member.receipts(source) == ([[1, 3]], [[2, 3]])


def test_events_outlive_a_restart_and_empty_forgets_them_but_not_the_users(
    clients, database_url, new_source, event
):
    member, source = clients("member-1"), new_source()
    member.send(event(source, 1))
    with running("reference.metrics", "--database", database_url, "--local-key") as again:
        member.url = again.url
        assert member.receipts(source) == ([[1, 1]], [])
    with running("reference.metrics", "--database", database_url, "--local-key", "--empty") as emptied:
        member.url = emptied.url
        assert member.receipts(source) == ([], [])
        assert member.log_in("member-1@tenant-01.local.example").status_code == 200
        assert len(member("GET", "/dashboard").json()["dashboards"]) == 3


def test_its_own_metrics_count_events_tenants_and_the_pool(clients, new_source, event):
    member, source = clients("member-1", 9), new_source()
    stored, duplicate = (
        member.metric("metrics_events_total", result=result) for result in ("stored", "duplicate")
    )
    member.send(event(source, 1), event(source, 2), event(source, 1))
    assert member.metric("metrics_events_total", result="stored") == stored + 2
    assert member.metric("metrics_events_total", result="duplicate") == duplicate + 1
    assert member.metric("metrics_active_tenants") >= 1
    assert 1 <= member.metric("db_client_connection_count") <= member.metric("db_client_connections_max")


def test_a_slow_query_keeps_its_connection_in_use(clients, database_url):
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has no pool")
    member = clients("member-1")
    member("PUT", "/faults", json={"kind": "slow_query", "delay_ms": 400})
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(requests.get, f"{member.url}/health", timeout=10) for _ in range(5)]
        most = 0.0
        deadline = time.monotonic() + 10
        while not all(each.done() for each in asked) and time.monotonic() < deadline:
            most = max(most, member.metric("db_client_connection_count", state="in_use"))
    assert most == 5
