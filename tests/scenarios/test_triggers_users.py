import json
import time

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import running
from reference.triggers.__main__ import main
from tests.scenarios.chi_squared import LEVEL, probability

WEIGHTS = {
    "send_event": 10,
    "poll_inbox": 3,
    "get_event_by_id": 2,
    "acknowledge_event": 1,
    "check_health": 1,
}


def event(number=1):
    return {"id": f"e{number}", "event_type": "x", "status": "undelivered"}


def test_tasks_are_picked_by_the_weights_of_the_seed(ask_users):
    picked = ask_users(
        """
random.seed(20)
user = TriggersAPIUser(environment)
from locust.user.users import DefaultTaskSet
tasks = DefaultTaskSet(user)
answer = {}
for _ in range(34_000):
    name = tasks.get_next_task().__name__
    answer[name] = answer.get(name, 0) + 1
"""
    )
    assert picked.keys() == WEIGHTS.keys()
    assert probability(picked, WEIGHTS) > LEVEL


@pytest.mark.parametrize(
    ("user_class", "shortest", "longest"), [("TriggersAPIUser", 0.1, 2), ("HighThroughputUser", 0.01, 0.1)]
)
def test_pauses_are_spread_over_the_seeds_range(ask_users, user_class, shortest, longest):
    waits = ask_users(f"user = {user_class}(environment)\nanswer = [user.wait_time() for _ in range(4000)]")
    spread = longest - shortest
    assert shortest <= min(waits) < shortest + 0.02 * spread
    assert longest - 0.02 * spread < max(waits) <= longest


def test_the_high_throughput_user_only_sends(ask_users):
    assert ask_users("answer = [task.__name__ for task in HighThroughputUser.tasks]") == ["send_event_fast"]


def test_the_default_is_the_realistic_user(ask_users):
    assert ask_users("answer = TriggersAPIUser.weight > HighThroughputUser.weight") is True


def test_requests_end_and_certificates_are_checked(ask_users):
    settings = ask_users(
        "answer = [[c.network_timeout, c.connection_timeout, c.max_retries, c.insecure]"
        " for c in (TriggersAPIUser, HighThroughputUser)]"
    )
    assert settings == [[30, 10, 0, False]] * 2


def test_retry_after_is_honoured_within_bounds(ask_users):
    cases = [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "600"}, 60),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1),
        ({"Retry-After": "inf"}, 1),
        ({"Retry-After": "nan"}, 1),
        ({}, 1),
        (None, 1),
    ]
    rests = ask_users(
        "from scenarios.clients import seconds_to_rest\n"
        f"cases = {[headers for headers, _ in cases]}\n"
        "answer = [seconds_to_rest(SimpleNamespace(headers=headers)) for headers in cases]"
    )
    assert rests == [seconds for _, seconds in cases]


def test_a_user_rests_once_as_long_as_it_was_asked_to(ask_users):
    waits = ask_users(
        "user = TriggersAPIUser(environment)\nuser.rest = 30.0\nanswer = [user.wait_time() for _ in range(3)]"
    )
    assert waits[0] == 30
    assert max(waits[1:]) <= 2


NAMES = {
    "POST /events",
    "GET /inbox",
    "GET /events/{id}",
    "POST /events/{id}/acknowledge",
    "GET /health",
}


def served(service, least=1):
    """A condition: the reference service has answered every kind of request so often."""

    def condition():
        page = requests.get(f"{service.url}/metrics", timeout=30).text
        answered = {
            f"{sample.labels['method']} {sample.labels['route'].replace('event_id', 'id')}": sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == "http_server_request_duration_seconds_count"
        }
        return all(answered[name] >= least for name in NAMES)

    return condition


def test_a_run_against_the_reference_service_names_every_request_and_fails_none(run_locust, tmp_path):
    with running("reference.triggers", "--database", str(tmp_path / "x.sqlite3"), "--local-key") as service:
        ran = run_locust(service.url, "TriggersAPIUser", users=60, until=served(service, least=3))
    assert ran.stats.keys() == NAMES
    assert sum(entry["num_failures"] for entry in ran.stats.values()) == 0
    assert ran.stats["POST /events"]["num_requests"] > ran.stats["GET /health"]["num_requests"]
    assert "Traceback" not in ran.log


def test_refusals_for_the_rate_limit_are_counted_apart_and_fail_nothing(run_locust, tmp_path, capsys):
    database = str(tmp_path / "x.sqlite3")
    main(
        [
            "keys",
            "create",
            "--user-id",
            "u",
            "--user-email",
            "u@x",
            "--rate-limit",
            "20",
            "--database",
            database,
        ]
    )
    key = capsys.readouterr().out.strip()
    with running("reference.triggers", "--database", database) as service:

        def refused_often():
            page = requests.get(f"{service.url}/metrics", timeout=30).text
            return float(page.split("\ntriggers_rate_limited_total ")[1].split()[0]) >= 60

        ran = run_locust(service.url, "HighThroughputUser", until=refused_often, LOCUST_API_KEY=key)
    admitted, refused = ran.stats["POST /events"], ran.stats["POST /events (rate limited)"]
    # It does not rest: far more is refused than admitted. One more is admitted every 3 s.
    assert 20 <= admitted["num_requests"] <= 50
    assert refused["num_requests"] >= 50
    assert (admitted["num_failures"], refused["num_failures"]) == (0, 0)
    assert key not in ran.output


def test_the_realistic_user_stays_away_for_as_long_as_a_429_asks(run_locust, fake_service):
    fake_service.answer = lambda heard: (429, {"Retry-After": "60"}, {})
    started = []

    def long_after_the_first_requests():
        if len(fake_service.heard) >= 5 and not started:
            started.append(time.monotonic())
        # Users that did not rest would be back after 2 s at the most.
        return bool(started) and time.monotonic() > started[0] + 2.5

    ran = run_locust(fake_service.url, "TriggersAPIUser", users=5, until=long_after_the_first_requests)
    assert len(fake_service.heard) == 5
    assert all(name.endswith(" (rate limited)") for name in ran.stats)
    assert "Traceback" not in ran.log


def test_a_refused_key_fails_every_request_and_is_explained_once(run_locust, fake_service):
    fake_service.answer = lambda heard: (401, {}, {"detail": "no"})
    ran = run_locust(
        fake_service.url, "HighThroughputUser", until=fake_service.has_heard(30), LOCUST_API_KEY="s3cret-key"
    )
    sent = ran.stats["POST /events"]
    assert sent["num_failures"] == sent["num_requests"] >= 20
    explanation = "The service refuses the API key with 401: check that LOCUST_API_KEY holds a valid key"
    assert ran.log.count(f"{explanation} that may write.") == 1
    assert "s3cret-key" not in ran.output
    assert {heard.key for heard in fake_service.heard} == {"s3cret-key"}


def test_users_take_several_keys_in_turn(run_locust, fake_service):
    fake_service.answer = lambda heard: (201, {}, event())
    keys = "one, two,,three ,"
    run_locust(
        fake_service.url,
        "HighThroughputUser",
        users=6,
        until=fake_service.has_heard(100),
        LOCUST_API_KEY=keys,
    )
    assert {heard.key for heard in fake_service.heard} == {"one", "two", "three"}


def test_the_public_key_is_used_for_this_machine_and_bodies_are_valid_events(run_locust, fake_service):
    fake_service.answer = lambda heard: (201, {}, event())
    run_locust(fake_service.url, "HighThroughputUser", users=2, until=fake_service.has_heard(40))
    assert {heard.key for heard in fake_service.heard} == {"local-load-test"}
    for heard in fake_service.heard:
        assert json.loads(heard.body).keys() == {"event_type", "payload"}
        assert heard.headers["content-type"] == "application/json"


def test_without_a_key_for_another_environment_nothing_is_sent(run_locust, fake_service):
    ran = run_locust(fake_service.url, "TriggersAPIUser", LOCUST_TEST_ENV="dev")
    assert ran.code == 20
    assert (
        "No API key for environment 'dev': LOCUST_API_KEY is not set.\n"
        "  hint: export LOCUST_API_KEY=<key>; several keys, separated by commas, are used in turn\n"
    ) in ran.log
    assert "Traceback" not in ran.log
    assert fake_service.heard == []


def test_answers_that_are_not_what_was_asked_for_are_failures(run_locust, fake_service):
    wrong = [b"<html>", {}, {"id": None}, [], "text", {"id": [1]}]
    answers = iter(wrong)
    fake_service.answer = lambda heard: (201, {}, next(answers, event()))
    ran = run_locust(
        fake_service.url, "HighThroughputUser", users=1, until=fake_service.has_heard(len(wrong) + 3)
    )
    assert ran.stats["POST /events"]["num_failures"] == len(wrong)
    assert "Traceback" not in ran.log


def test_an_event_that_is_gone_is_a_failure_and_the_run_goes_on(run_locust, fake_service):
    def answer(heard):
        if heard.method == "POST" and heard.path == "/events":
            return 201, {}, event()
        return (200, {}, []) if heard.path != "/events/e1" else (404, {}, {"code": "not_found"})

    def asked_often():
        paths = [heard.path for heard in list(fake_service.heard)]
        return paths.count("/events/e1") >= 5 and sum(path.startswith("/inbox") for path in paths) >= 5

    fake_service.answer = answer
    ran = run_locust(fake_service.url, "TriggersAPIUser", users=60, until=asked_often)
    gone = ran.stats["GET /events/{id}"]
    assert gone["num_failures"] == gone["num_requests"] > 0
    assert ran.stats["GET /inbox"]["num_failures"] == 0
    assert "Traceback" not in ran.log


def test_what_the_inbox_lists_is_acknowledged_when_nothing_else_is_known(run_locust, fake_service):
    def answer(heard):
        if heard.method == "POST" and heard.path == "/events":
            return 503, {}, {}
        return 200, {}, {"events": [{"event_id": 7}]} if heard.path.startswith("/inbox") else {}

    def acknowledged():
        return {heard.path for heard in list(fake_service.heard) if heard.path.endswith("/acknowledge")}

    fake_service.answer = answer
    run_locust(fake_service.url, "TriggersAPIUser", users=60, until=acknowledged)
    assert acknowledged() == {"/events/7/acknowledge"}


def test_connections_that_break_are_failures_and_no_traceback(run_locust, fake_service):
    fake_service.answer = lambda heard: None
    ran = run_locust(fake_service.url, "HighThroughputUser", users=2, until=fake_service.has_heard(12))
    sent = ran.stats["POST /events"]
    assert sent["num_failures"] == sent["num_requests"] >= 8
    assert "Traceback" not in ran.log
