"""Tenants see nothing of each other; and when the fault `leak` lets them, that can be seen."""

import time

import pytest

BEGIN = 1_700_000_000_000
READS = [
    "/dashboard", "/dashboard/summary", "/dashboard/tenant-01-overview", "/dashboard/tenant-01-overview/widgets",
    f"/metrics/query?name=api.requests&from={BEGIN}&to={BEGIN + 1000}", "/metrics/receipts/some-source",
    "/admin/tenants", "/admin/users", "/admin/usage", "/admin/retention",
]  # fmt: skip


def owners(document):
    if isinstance(document, dict):
        for key, value in document.items():
            yield from [value] if key == "tenant_id" else owners(value)
    elif isinstance(document, list):
        for item in document:
            yield from owners(item)


@pytest.mark.parametrize("path", READS)
def test_every_answer_names_its_tenant_and_only_the_own(clients, path):
    for tenant in (1, 2):
        own = path.replace("tenant-01", f"tenant-{tenant:02}")
        answer = clients("admin", tenant)("GET", own)
        assert answer.status_code == 200
        assert set(owners(answer.json())) == {f"tenant-{tenant:02}"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dashboard/tenant-01-overview"),
        ("GET", "/dashboard/tenant-01-overview/widgets"),
        ("DELETE", "/dashboard/tenant-01-overview"),
    ],
)
def test_anothers_id_is_as_unknown_as_one_that_nobody_has(clients, method, path):
    stranger = clients("admin", 2)
    anothers = stranger(method, path)
    nobodys = stranger(method, path.replace("tenant-01-overview", "no-such-dashboard"))
    assert anothers.status_code == nobodys.status_code == 404
    assert (
        anothers.json()
        == nobodys.json()
        == {"code": "not_found", "detail": "Your tenant has no such dashboard."}
    )
    assert clients("member-1", 1)("GET", "/dashboard/tenant-01-overview").status_code == 200


def test_the_same_event_id_of_two_tenants_is_two_events(clients, new_source, event):
    first, second, source = clients("member-1", 1), clients("member-1", 2), new_source()
    name = f"i.{source.replace('-', '.')}"
    assert first.send(event(source, 1, name=name, value=1, at=BEGIN))["stored"] == 1
    assert second.receipts(source) == ([], [])
    assert second.send(event(source, 1, name=name, value=2, at=BEGIN))["stored"] == 1
    for client, value in ((first, 1.0), (second, 2.0)):
        path = f"/metrics/query?name={name}&aggregate=sum&from={BEGIN}&to={BEGIN + 1}"
        assert client("GET", path).json()["points"] == [[BEGIN, value]]


def test_dashboards_and_their_cache_are_the_tenants_own(clients, new_source, event):
    first, second, source = clients("member-1", 1), clients("member-1", 2), new_source()
    name = f"d.{source.replace('-', '.')}"
    wanted = {"title": "Mine", "widgets": [{"name": name, "aggregate": "sum"}]}
    made = [client("POST", "/dashboard", json=wanted).json()["id"] for client in (first, second)]
    first.send(event(source, 1, name=name, value=1))
    second.send(event(source, 1, name=name, value=2))
    for client, own, other, value in ((first, *made, 1.0), (second, *reversed(made), 2.0)):
        for _ in range(2):  # once from the database, once from the cache
            widgets = client("GET", f"/dashboard/{own}/widgets").json()["widgets"]
            assert [point for _, point in widgets[0]["points"]] == [value]
        assert client("GET", f"/dashboard/{other}/widgets").status_code == 404
        assert client("DELETE", f"/dashboard/{other}").status_code == 404
        assert client("DELETE", f"/dashboard/{own}").status_code == 204
        assert client("GET", f"/dashboard/{own}").status_code == 404


def test_the_summary_counts_the_last_minute(clients, new_source, event):
    member, source = clients("member-1", 12), new_source()
    old = time.time_ns() // 1_000_000 - 61_000
    member.send(event(source, 1, value=2), event(source, 2, value=4), event(source, 3, at=old))
    summary = member("GET", "/dashboard/summary").json()
    assert (summary["events"], summary["dashboards"]) == (2, 3)
    assert [(one["name"], one["events"], one["average"]) for one in summary["metrics"]] == [
        ("api.requests", 2, 3.0)
    ]


def test_administration_changes_the_own_tenant_only(clients, new_source, event):
    first, second = clients("admin", 7), clients("admin", 8)
    assert first("PUT", "/admin/retention", json={"retention_days": 30}).json()["retention_days"] == 30
    assert second("GET", "/admin/retention").json()["retention_days"] == 90
    old = time.time_ns() // 1_000_000 - 40 * 24 * 3600 * 1000
    source = new_source()
    for client in (first, second):
        client.send(event(source, 1, at=old), event(source, 2))
    assert first("POST", "/admin/retention/run").json() == {"tenant_id": "tenant-07", "deleted": 1}
    assert first.receipts(source) == ([[2, 2]], [])
    assert second.receipts(source) == ([[1, 2]], [])
    assert first("GET", "/admin/usage").json()["events"] == 1


def test_an_administrator_adds_users_to_the_own_tenant(clients, new_source):
    admin, email = clients("admin", 5), f"{new_source()}@new.test"
    wanted = {"email": email, "role": "viewer", "password": "a long password"}
    added = admin("POST", "/admin/users", json=wanted)
    assert (added.status_code, added.json()["tenant_id"]) == (201, "tenant-05")
    assert email in [user["email"] for user in admin("GET", "/admin/users").json()["users"]]
    assert email not in [user["email"] for user in clients("admin", 6)("GET", "/admin/users").json()["users"]]
    newcomer = clients()
    assert newcomer.log_in(email, "a long password").json()["role"] == "viewer"
    assert clients("admin", 6)("POST", "/admin/users", json=wanted).status_code == 409
    short = admin("POST", "/admin/users", json=wanted | {"password": "short"})
    assert short.json()["problems"] == ["password: expected at least 12 characters"]


@pytest.mark.parametrize("path", READS)
def test_the_fault_leak_shows_another_tenant_in_every_read(clients, path):
    admin = clients("admin", 1)
    admin("PUT", "/faults", json={"kind": "leak"})
    answer = admin("GET", path)
    assert answer.status_code == 200
    seen = set(owners(answer.json()))
    assert seen
    assert "tenant-01" not in seen


def test_it_says_that_it_is_a_reference(clients):
    about = clients()("GET", "/").json()
    assert (about["service"], about["reference"]) == ("metrics", True)
    assert "not the real service" in about["notice"]


def test_unknown_paths_and_methods_are_told_so_in_json(clients):
    member = clients("member-1")
    assert member("GET", "/nothing").json() == {"code": "not_found", "detail": "Not Found"}
    wrong = member("DELETE", "/dashboard")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
