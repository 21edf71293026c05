import json

import pytest

from reference.running import running
from reference.triggers.__main__ import main

WEIGHTS = {
    "send_event": 10,
    "poll_inbox": 3,
    "get_event_by_id": 2,
    "acknowledge_event": 1,
    "check_health": 1,
}
CHI_SQUARED_LIMIT = 18.47
"""Four degrees of freedom, probability 0.001."""


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
    total, weights = sum(picked.values()), sum(WEIGHTS.values())
    expected = {name: total * weight / weights for name, weight in WEIGHTS.items()}
    chi_squared = sum((picked[name] - expected[name]) ** 2 / expected[name] for name in WEIGHTS)
    assert chi_squared < CHI_SQUARED_LIMIT


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


def test_a_run_against_the_reference_service_names_every_request_and_fails_none(run_locust, tmp_path):
    with running("reference.triggers", "--database", str(tmp_path / "x.sqlite3"), "--local-key") as service:
        ran = run_locust(service.url, "TriggersAPIUser", users=80, seconds=3)
        assert ran.code == 0, ran.log
        assert ran.stats.keys() == {
            "POST /events",
            "GET /inbox",
            "GET /events/{id}",
            "POST /events/{id}/acknowledge",
            "GET /health",
        }
        assert sum(entry["num_failures"] for entry in ran.stats.values()) == 0
        assert ran.stats["POST /events"]["num_requests"] > ran.stats["GET /inbox"]["num_requests"]
        fast = run_locust(service.url, "HighThroughputUser", users=10, seconds=1)
        assert fast.stats.keys() == {"POST /events"}
        assert fast.stats["POST /events"]["num_requests"] > 10


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
        ran = run_locust(service.url, "HighThroughputUser", seconds=2, LOCUST_API_KEY=key)
    assert ran.code == 0, ran.log
    admitted, refused = ran.stats["POST /events"], ran.stats["POST /events (rate limited)"]
    assert 20 <= admitted["num_requests"] <= 25
    assert refused["num_requests"] > 20  # it does not rest
    assert (admitted["num_failures"], refused["num_failures"]) == (0, 0)
    assert key not in ran.output


def test_the_realistic_user_stays_away_for_as_long_as_a_429_asks(run_locust, fake_service):
    fake_service.answer = lambda heard: (429, {"Retry-After": "40"}, {})
    ran = run_locust(fake_service.url, "TriggersAPIUser", users=5, seconds=3)
    assert ran.code == 0, ran.log
    assert 1 <= len(fake_service.heard) <= 5
    assert all(name.endswith(" (rate limited)") for name in ran.stats)
    assert "Traceback" not in ran.log


def test_a_refused_key_fails_every_request_and_is_explained_once(run_locust, fake_service):
    fake_service.answer = lambda heard: (401, {}, {"detail": "no"})
    ran = run_locust(fake_service.url, "HighThroughputUser", seconds=1, LOCUST_API_KEY="s3cret-key")
    sent = ran.stats["POST /events"]
    assert sent["num_failures"] == sent["num_requests"] > 5
    explanation = "The service refuses the API key with 401: check that LOCUST_API_KEY holds a valid key"
    assert ran.log.count(f"{explanation} that may write.") == 1
    assert "s3cret-key" not in ran.output
    assert {heard.key for heard in fake_service.heard} == {"s3cret-key"}


def test_users_take_several_keys_in_turn(run_locust, fake_service):
    fake_service.answer = lambda heard: (201, {}, event())
    run_locust(fake_service.url, "HighThroughputUser", users=6, seconds=1, LOCUST_API_KEY="one, two,,three ,")
    assert {heard.key for heard in fake_service.heard} == {"one", "two", "three"}


def test_the_public_key_is_used_for_this_machine_when_no_key_is_set(run_locust, fake_service):
    fake_service.answer = lambda heard: (201, {}, event())
    run_locust(fake_service.url, "HighThroughputUser", users=1, seconds=1)
    assert {heard.key for heard in fake_service.heard} == {"local-load-test"}


def test_without_a_key_for_another_environment_nothing_is_sent(run_locust, fake_service):
    ran = run_locust(fake_service.url, "TriggersAPIUser", seconds=5, LOCUST_TEST_ENV="dev")
    assert ran.code == 20
    assert (
        "No API key for environment 'dev': LOCUST_API_KEY is not set.\n"
        "  hint: export LOCUST_API_KEY=<key>; several keys, separated by commas, are used in turn\n"
    ) in ran.log
    assert "Traceback" not in ran.log
    assert fake_service.heard == []


def test_answers_that_are_not_what_was_asked_for_are_failures(run_locust, fake_service):
    answers = iter([b"<html>", {}, {"id": None}, {"id": True}, [], "text"])
    fake_service.answer = lambda heard: (201, {}, next(answers, event()))
    ran = run_locust(fake_service.url, "HighThroughputUser", users=1, seconds=2)
    # A JSON true is no id either, but Python takes it for a number: harmless, and not worth a check.
    assert ran.stats["POST /events"]["num_failures"] == 5
    assert "Traceback" not in ran.log


def test_an_event_that_is_gone_is_a_failure_and_the_run_goes_on(run_locust, fake_service):
    def answer(heard):
        if heard.method == "POST" and heard.path == "/events":
            return 201, {}, event()
        return (200, {}, []) if heard.path != "/events/e1" else (404, {}, {"code": "not_found"})

    fake_service.answer = answer
    ran = run_locust(fake_service.url, "TriggersAPIUser", users=80, seconds=3)
    gone = ran.stats["GET /events/{id}"]
    assert gone["num_failures"] == gone["num_requests"] > 0
    assert ran.stats["GET /inbox"]["num_failures"] == 0
    assert "Traceback" not in ran.log


def test_what_the_inbox_lists_is_acknowledged_when_nothing_else_is_known(run_locust, fake_service):
    def answer(heard):
        if heard.method == "POST" and heard.path == "/events":
            return 503, {}, {}
        return 200, {}, {"events": [{"event_id": 7}]} if heard.path.startswith("/inbox") else {}

    fake_service.answer = answer
    run_locust(fake_service.url, "TriggersAPIUser", users=80, seconds=3)
    acknowledged = {heard.path for heard in fake_service.heard if heard.path.endswith("/acknowledge")}
    assert acknowledged == {"/events/7/acknowledge"}


def test_a_service_that_is_gone_is_failures_and_no_traceback(run_locust):
    ran = run_locust("http://127.0.0.1:9", "HighThroughputUser", users=2, seconds=1)
    sent = ran.stats["POST /events"]
    assert sent["num_failures"] == sent["num_requests"] > 0
    assert "Traceback" not in ran.log


def test_bodies_are_valid_events(run_locust, fake_service):
    fake_service.answer = lambda heard: (201, {}, event())
    run_locust(fake_service.url, "HighThroughputUser", users=2, seconds=1)
    for heard in fake_service.heard:
        document = json.loads(heard.body)
        assert document.keys() == {"event_type", "payload"}
        assert heard.headers["content-type"] == "application/json"
