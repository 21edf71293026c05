"""Users of the metrics service against the reference service: what they pick, name, check and cannot start without."""

import pytest

from tests.scenarios.chi_squared import LEVEL, probability

API_USER = {
    "who_am_i": 1, "renew_token": 1, "send_event": 10, "send_events": 3, "send_session": 2, "repeat_event": 1,
    "query_metric": 3, "list_dashboards": 1, "open_dashboard": 1, "watch_dashboard": 3, "glance": 1,
}  # fmt: skip
ADMIN_USER = {
    "look_at_usage": 3, "list_users": 2, "list_tenants": 1, "read_retention": 1, "set_retention": 1,
}  # fmt: skip
NAMES = {
    "POST /api/v1/auth/login", "POST /api/v1/auth/logout", "POST /api/v1/auth/refresh", "GET /api/v1/auth/me",
    "POST /api/v1/metrics/events", "POST /api/v1/metrics/events (again)", "POST /api/v1/metrics/batch",
    "POST /api/v1/metrics/sessions", "GET /api/v1/metrics/query",
    "GET /api/v1/dashboard", "POST /api/v1/dashboard", "GET /api/v1/dashboard/summary",
    "GET /api/v1/dashboard/{id}", "DELETE /api/v1/dashboard/{id}", "GET /api/v1/dashboard/{id}/widgets",
    "GET /api/v1/admin/usage", "GET /api/v1/admin/users", "GET /api/v1/admin/tenants",
    "GET /api/v1/admin/retention", "PUT /api/v1/admin/retention", "JOURNEY visit",
}  # fmt: skip


@pytest.mark.parametrize(("user_class", "weights"), [("ApiUser", API_USER), ("AdminUser", ADMIN_USER)])
def test_tasks_are_picked_by_their_weights(ask_users, user_class, weights):
    picked = ask_users(
        f"""
random.seed(20)
user = {user_class}(environment)
from locust.user.users import DefaultTaskSet
tasks = DefaultTaskSet(user)
answer = {{}}
for _ in range(30_000):
    name = tasks.get_next_task().__name__
    answer[name] = answer.get(name, 0) + 1
"""
    )
    assert picked.keys() == weights.keys()
    assert probability(picked, weights) > LEVEL


def test_a_journey_is_one_task_and_each_group_has_a_class_of_its_own(ask_users):
    found = ask_users(
        "answer = {name: sorted({t.__name__ for t in one.tasks}) for name, one in globals().copy().items()"
        " if isinstance(one, type) and getattr(one, 'abstract', True) is False}"
    )
    assert found["JourneyUser"] == ["visit"]
    assert found["AuthUser"] == ["log_in_anew", "renew_token", "who_am_i"]
    assert found["IngestUser"] == ["repeat_event", "send_event", "send_events", "send_session"]
    assert found["DashboardUser"] == [
        "glance", "list_dashboards", "open_dashboard", "query_metric", "watch_dashboard",
    ]  # fmt: skip


def test_every_user_keeps_one_of_three_paces(ask_users):
    waits = ask_users(
        "answer = []\n"
        "for _ in range(300):\n"
        "    user = ApiUser(environment)\n"
        "    answer.append([user.wait_time() for _ in range(20)])"
    )
    paces = [(0.2, 0.6), (0.5, 1.3), (1.0, 3.0)]
    assert all(any(least <= min(own) and max(own) <= most for least, most in paces) for own in waits)
    assert 0.8 < sum(map(sum, waits)) / 6000 < 1.25


def test_a_run_names_every_request_fails_none_and_verifies_what_was_acknowledged(
    run_users, service, answered
):
    conditions = [
        answered("POST", "/api/v1/auth/logout", 6),
        answered("POST", "/api/v1/auth/refresh", 1),
        answered("DELETE", "/api/v1/dashboard/{dashboard_id}", 4),
        answered("PUT", "/api/v1/admin/retention", 1),
        *(answered("GET", f"/api/v1/admin/{path}", 1) for path in ("tenants", "users", "usage", "retention")),
    ]
    ran = run_users(
        service.url, "ApiUser", "JourneyUser", "AdminUser", "AuthUser",
        users=60, until=lambda: all(condition() for condition in conditions),
    )  # fmt: skip
    assert sum(entry["num_failures"] for entry in ran.stats.values()) == 0, ran.output
    assert ran.stats.keys() == NAMES
    assert "Traceback" not in ran.log
    assert ran.counted["stored"] > 100
    assert (ran.counted["missing"], ran.counted["doubled"], ran.counted["unverified"]) == (0, 0, 0)
    assert ran.counted["tenant_leaks_total"] == 0
    # The pauses of 0.2 to 0.8 s after each of eleven steps are the user's own.
    assert ran.counted["longest_uncounted_of_a_visit"] >= 11 * 0.2


REQUESTS = {
    "GET /api/v1/auth/me": 1, "POST /api/v1/auth/refresh": 1, "POST /api/v1/metrics/events": 11,
    "POST /api/v1/metrics/batch": 3, "POST /api/v1/metrics/sessions": 2, "GET /api/v1/metrics/query": 3,
    "GET /api/v1/dashboard/{id}": 1, "GET /api/v1/dashboard/{id}/widgets": 3, "GET /api/v1/dashboard/summary": 1,
}  # fmt: skip
"""Requests of ApiUser that are one task each (listing dashboards is also a first step, a repeat follows a send)."""


@pytest.mark.long
def test_the_requests_of_a_run_are_mixed_by_the_weights(run_users, service, answered):
    ran = run_users(service.url, "ApiUser", users=80, until=answered("POST", "/api/v1/metrics/events", 450))
    seen = {name: ran.stats[name]["num_requests"] for name in REQUESTS}
    assert sum(seen.values()) > 900
    assert probability(seen, REQUESTS) > LEVEL
    wrong = REQUESTS | {"GET /api/v1/metrics/query": 6}
    assert probability(seen, wrong) < LEVEL


@pytest.mark.long
def test_a_visit_that_is_not_right_in_every_step_has_failed_and_says_where(
    run_users, service, answered, set_faults
):
    set_faults({"kind": "lose", "routes": "POST /api/v1/metrics/batch"})
    ran = run_users(
        service.url, "JourneyUser",
        users=3, until=answered("DELETE", "/api/v1/dashboard/{dashboard_id}", 3),
    )  # fmt: skip
    visits = ran.stats["JOURNEY visit"]
    assert visits["num_requests"] == visits["num_failures"] > 0
    assert "the visit failed at: see them on the dashboard" in ran.output


def test_a_leak_between_tenants_is_a_failure_with_a_name_and_is_counted(
    run_users, service, answered, set_faults
):
    set_faults({"kind": "leak", "probability": 0.2})
    ran = run_users(
        service.url, "ApiUser",
        users=40, until=answered("GET", "/api/v1/dashboard/{dashboard_id}/widgets", 15),
    )  # fmt: skip
    named = [line for line in ran.output.splitlines() if "tenant leak: the answer holds another" in line]
    assert named
    assert ran.counted["tenant_leaks_total"] > 3
    assert ran.code == 1


def test_without_accounts_it_ends_with_a_message_that_names_the_variable(run_users):
    ran = run_users("https://metrics.example.com", "ApiUser")
    assert ran.code == 20
    assert ran.log.endswith(
        "No users for https://metrics.example.com: METRICS_USERS is not set.\n"
        "  hint: export METRICS_USERS='<tenant>/<e-mail>:<password>', several separated by commas\n"
    )


def test_an_account_that_cannot_be_read_is_not_shown(run_users):
    ran = run_users("https://metrics.example.com", "ApiUser", METRICS_USERS="t/a@b.c:right,hunter2")
    assert ran.code == 20
    assert "Entry 2 of METRICS_USERS cannot be read." in ran.log
    assert "hunter2" not in ran.output
