"""The users of the Claims API, in a Locust of their own, against the reference service and against a fake one."""

import json
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import running
from tests.scenarios.chi_squared import LEVEL, probability
from tests.scenarios.locust_runs import ROOT, ask, clean_environment, run_until

API = "/api/v1"
TASKS = {
    "list_claims": ("/claims/", 5),
    "get_claim_detail": ("/claims/{id}/", 3),
    "filter_claims_by_payer": ("/claims/ by payer", 3),
    "search_claims": ("/claims/ by search", 2),
    "get_payer_summary": ("/claims/payer_summary/", 4),
    "list_drift_events": ("/drift-events/", 3),
    "filter_drift_by_severity": ("/drift-events/ by severity", 2),
    "get_dashboard": ("/dashboard/", 4),
    "list_uploads": ("/uploads/", 2),
    "list_reports": ("/reports/", 1),
}
LOGIN, REFRESH = f"POST {API}/auth/token/", f"POST {API}/auth/token/refresh/"
HURRIED = (
    "from locust import between\nfrom scenarios.claims.users import *\n"
    "ClaimsAPIUser.wait_time = between(0.01, 0.03)\n"
)


@pytest.fixture
def run_users(tmp_path):
    """Runs plain Locust until something has happened; exit code, statistics by `METHOD name`, and its output."""

    def run(host, until=lambda: False, users=4, hurried=True, **variables):
        file = ROOT / "scenarios/claims/users.py"
        if hurried:
            file = tmp_path / "hurried.py"
            file.write_text(HURRIED)
        environment = clean_environment("CLAIMS", **variables)
        ran = run_until(until, file, "--host", host, users=users, environment=environment)
        assert "Traceback" not in ran.log, ran.log
        return ran.code, ran.stats, ran.output

    return run


def failures(stats):
    return {name: entry["num_failures"] for name, entry in stats.items() if entry["num_failures"]}


def answered(service):
    """How many requests the reference service has answered, by status."""
    counts = {}
    for family in text_string_to_metric_families(requests.get(f"{service.url}/metrics", timeout=30).text):
        for sample in family.samples:
            if sample.name == "http_server_request_duration_seconds_count" and API in sample.labels["route"]:
                status = sample.labels["status"]
                counts[status] = counts.get(status, 0) + sample.value
    return counts


def ask_users(lines):
    """Runs a few lines of Python beside the scenario's users, in a process of its own; returns what they assign."""
    program = (
        "from locust.env import Environment\nfrom scenarios.claims.users import *\n"
        "environment = Environment(host='http://127.0.0.1:1')\nClaimsAPIUser.host = environment.host\n"
        f"{lines}\n"
    )
    return ask(program, clean_environment("CLAIMS"))


def test_the_user_has_the_seeds_ten_tasks_weights_and_pauses():
    names, waits, settings = ask_users(
        "user = ClaimsAPIUser(environment)\n"
        "answer = [[task.__name__ for task in ClaimsAPIUser.tasks], [user.wait_time() for _ in range(4000)],"
        " [user.network_timeout, user.connection_timeout, user.max_retries, user.insecure]]"
    )
    assert {name: names.count(name) for name in names} == {
        name: weight for name, (_, weight) in TASKS.items()
    }
    assert 1 <= min(waits) < 1.05
    assert 2.95 < max(waits) <= 3
    assert settings == [30, 10, 0, False]


def test_a_runs_requests_follow_the_weights_and_only_views_of_what_is_not_there_find_nothing(
    run_users, tmp_path
):
    with running("reference.claims", "--database", str(tmp_path / "x.sqlite3"), "--local-key") as service:
        _, stats, _ = run_users(service.url, lambda: sum(answered(service).values()) > 1000, users=8)
        statuses = answered(service)
    assert failures(stats) == {}
    names = {f"GET {API}{path}": (task, weight) for task, (path, weight) in TASKS.items()}
    missing = stats[f"GET {API}/claims/{{id}}/ (not found)"]["num_requests"]
    assert stats.keys() == {LOGIN, f"GET {API}/claims/{{id}}/ (not found)", *names}
    counts = {task: stats[name]["num_requests"] for name, (task, _) in names.items()}
    counts["get_claim_detail"] += missing
    weights = dict(names.values())
    print(f"{sum(counts.values())} requests, probability {probability(counts, weights):.3f}, level {LEVEL}")
    assert probability(counts, weights) > LEVEL
    # A different mix would be noticed: the same counts against equal weights.
    assert probability(counts, dict.fromkeys(weights, 1)) < LEVEL
    assert 0 < missing < counts["get_claim_detail"] / 4
    assert abs(statuses["404"] - missing) <= 8


def test_an_access_token_that_ends_is_renewed_once_and_fails_nothing(run_users, tmp_path):
    command = ("--database", str(tmp_path / "x.sqlite3"), "--local-key", "--access-seconds", "2")
    with running("reference.claims", *command) as service:
        _, stats, _ = run_users(service.url, lambda: answered(service).get("401", 0) >= 8, users=4)
    assert failures(stats) == {}
    ended = sum(entry["num_requests"] for name, entry in stats.items() if name.endswith("(token expired)"))
    assert ended >= 4
    # One refused request for each new token, and no more.
    assert stats[REFRESH]["num_requests"] == pytest.approx(ended, abs=4)
    assert stats[LOGIN]["num_requests"] == 4


CLAIM = {"id": 7, "claim_number": "CLM-001-0000007", "payer": "P", "cpt": "99213", "severity": "high"}


def good(heard):
    """What a service that works answers."""
    path, query = urlsplit(heard.path).path, parse_qs(urlsplit(heard.path).query)
    if path.startswith(f"{API}/auth/"):
        return 200, {}, {"access": "opaque", "refresh": "again"}
    if path == f"{API}/claims/payer_summary/":
        return 200, {}, [{"payer": "P"}]
    if path == f"{API}/dashboard/":
        return 200, {}, {"claims": 1}
    if path.startswith(f"{API}/claims/") and path != f"{API}/claims/":
        return (200, {}, CLAIM) if path.endswith("/7/") else (404, {}, {})
    row = {**CLAIM, **{key: values[0] for key, values in query.items() if key in ("payer", "severity")}}
    row["cpt"] = query.get("search", ["99213"])[0]
    return 200, {}, {"count": 1, "next": None, "results": [row]}


def token_of(heard):
    return heard.headers.get("authorization", "").removeprefix("Bearer ")


def test_a_login_that_is_refused_fails_sends_nothing_else_and_is_explained_once(run_users, fake_service):
    fake_service.answer = lambda heard: (401, {}, {"detail": "no"})
    login = {"CLAIMS_USERNAME": "ann", "CLAIMS_PASSWORD": "s3cret-pass"}
    _, stats, output = run_users(fake_service.url, fake_service.has_heard(30), **login)
    assert stats.keys() == {LOGIN}
    assert stats[LOGIN]["num_failures"] == stats[LOGIN]["num_requests"] >= 20
    assert (
        output.count(
            "login with 401: check that CLAIMS_USERNAME and CLAIMS_PASSWORD hold a user and the password."
        )
        == 1
    )
    assert "s3cret-pass" not in output
    assert {json.loads(heard.body)["username"] for heard in fake_service.heard} == {"ann"}


def test_the_public_login_is_used_for_this_machine(run_users, fake_service):
    fake_service.answer = good
    run_users(fake_service.url, fake_service.has_heard(40), users=2)
    logins = [json.loads(heard.body) for heard in fake_service.heard if heard.method == "POST"]
    assert logins == [{"username": "user_a", "password": "testpass123"}] * 2
    assert {token_of(heard) for heard in fake_service.heard if heard.method == "GET"} == {"opaque"}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"LOCUST_TEST_ENV": "ci"},
            "No login for environment 'ci': CLAIMS_USERNAME and CLAIMS_PASSWORD are not set.",
        ),
        ({"CLAIMS_USERNAME": "ann"}, "No login for environment 'local': CLAIMS_PASSWORD is not set."),
    ],
)
def test_without_a_login_nothing_is_sent(run_users, fake_service, variables, message):
    code, _, output = run_users(fake_service.url, **variables)
    assert code == 20
    assert f"{message}\n  hint: export CLAIMS_USERNAME=<user> CLAIMS_PASSWORD=<password>\n" in output
    assert fake_service.heard == []


def test_a_new_token_that_is_refused_is_a_failure_and_not_taken_for_its_end(run_users, fake_service):
    fake_service.answer = lambda heard: good(heard) if heard.method == "POST" else (401, {}, {})
    _, stats, _ = run_users(fake_service.url, fake_service.has_heard(60))
    views = {name: entry for name, entry in stats.items() if name.startswith("GET")}
    assert views
    assert all(entry["num_failures"] == entry["num_requests"] for entry in views.values())
    assert not any(name.endswith("(token expired)") for name in views)


def test_who_is_refused_a_new_token_logs_in_again(run_users, fake_service):
    given = []

    def answer(heard):
        if heard.path == f"{API}/auth/token/":
            given.append(f"token-{len(given)}")
            return 200, {}, {"access": given[-1], "refresh": "old"}
        if heard.path == f"{API}/auth/token/refresh/":
            return 401, {}, {}
        uses = sum(token_of(each) == token_of(heard) for each in fake_service.heard)
        return good(heard) if uses <= 3 else (401, {}, {})

    fake_service.answer = answer
    _, stats, _ = run_users(fake_service.url, lambda: len(given) >= 5, users=1)
    assert failures(stats) == {}
    ended = sum(
        entry["num_requests"] for name, entry in stats.items() if name.startswith("GET") and "expired" in name
    )
    assert stats[f"{REFRESH} (token expired)"]["num_requests"] == pytest.approx(ended, abs=1)
    assert stats[LOGIN]["num_requests"] == pytest.approx(ended + 1, abs=1)


def test_a_404_is_expected_of_a_claims_view_and_of_nothing_else(run_users, fake_service):
    fake_service.answer = lambda heard: good(heard) if heard.method == "POST" else (404, {}, {})

    def every_view():
        paths = {urlsplit(heard.path).path for heard in list(fake_service.heard)}
        return (
            len({path for path in paths if not path.removeprefix(f"{API}/claims/")[:1].isdigit()}) >= 7
            and len(paths) >= 12
        )

    _, stats, _ = run_users(fake_service.url, every_view)
    view = f"GET {API}/claims/{{id}}/"
    assert view not in stats
    assert stats[f"{view} (not found)"]["num_failures"] == 0
    others = [entry for name, entry in stats.items() if name.startswith("GET") and not name.startswith(view)]
    assert others
    assert all(entry["num_failures"] == entry["num_requests"] for entry in others)


def test_answers_that_are_not_what_was_asked_for_are_failures(run_users, fake_service):
    def answer(heard):
        if heard.method == "POST":
            return good(heard)
        path = urlsplit(heard.path)
        if "payer=" in path.query or "severity=" in path.query or "search=" in path.query:
            return (
                200,
                {},
                {"count": 1, "results": [{"id": 7, "payer": "another", "severity": "low", "cpt": "?"}]},
            )
        if path.path.endswith("/7/"):
            return 200, {}, {**CLAIM, "id": 8}
        wrong = {f"{API}/dashboard/": [], f"{API}/claims/payer_summary/": {"payer": 1}, f"{API}/uploads/": {}}
        return (200, {}, wrong[path.path]) if path.path in wrong else good(heard)

    def seen_often():
        paths = [heard.path for heard in list(fake_service.heard)]
        wanted = ("payer=", "severity=", "search=", "/7/", "/dashboard/", "/payer_summary/", "/uploads/")
        return all(sum(part in path for path in paths) >= 3 for part in wanted)

    fake_service.answer = answer
    _, stats, output = run_users(fake_service.url, seen_often)
    failed = failures(stats)
    assert failed.keys() == {
        f"GET {API}{path}"
        for path in ("/claims/ by payer", "/claims/ by search", "/drift-events/ by severity", "/claims/{id}/",
                     "/dashboard/", "/claims/payer_summary/", "/uploads/")
    }  # fmt: skip
    assert all(stats[name]["num_requests"] == number for name, number in failed.items())
    assert "/dashboard/ answered 200 with a body that is not what was asked for" in output


def test_a_refusal_for_the_rate_is_counted_apart_and_the_user_rests(run_users, fake_service):
    fake_service.answer = lambda heard: (
        good(heard) if heard.method == "POST" else (429, {"Retry-After": "60"}, {})
    )
    reached = []

    def long_after_the_first_requests():
        if len(fake_service.heard) >= 6 and not reached:
            reached.append(time.monotonic())
        # Users that did not rest would be back after 3 s at the most.
        return bool(reached) and time.monotonic() > reached[0] + 3.5

    _, stats, _ = run_users(fake_service.url, long_after_the_first_requests, users=3, hurried=False)
    assert len(fake_service.heard) == 6
    assert failures(stats) == {}
    assert all(name.endswith("(rate limited)") for name in stats if name.startswith("GET"))
