"""Runs of the users against the reference service, and against services that answer as none should."""

import json

import pytest

from reference.running import running
from tests.scenarios.chi_squared import LEVEL, probability

READS = (
    "GET /v1/permissions",
    "GET /v1/permissions/{id}",
    "GET /v1/teams",
    "GET /v1/teams/{id}",
    "GET /v1/teams/{id}/members",
    "GET /v1/audit",
)
WRITES = (
    "POST /v1/permissions",
    "PUT /v1/permissions/{id}",
    "DELETE /v1/permissions/{id}",
    "POST /v1/teams",
    "POST /v1/teams/{id}/members",
)
TOKEN = {"access_token": "a.b.c", "token_type": "Bearer", "expires_in": 3600}
ID = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    database = str(tmp_path_factory.mktemp("access") / "x.sqlite3")
    options = ["--local-key", "--init-ms", "1", "--init-jitter-ms", "0"]
    with running("reference.access", "--database", database, *options) as started:
        yield started


def test_the_mix_is_80_to_20_within_one_percent(run_access, service, answered):
    before = sum(answered(service.url).values())
    ran = run_access(
        service.url, "MixedWorkloadUser", users=8, hasty=True,
        until=lambda: sum(answered(service.url).values()) - before > 3000,
    )  # fmt: skip
    reads, writes = ran.count(*READS), ran.count(*WRITES)
    assert ran.stats.keys() <= {*READS, *WRITES, "POST /v1/tokens"}
    assert reads + writes > 2500
    assert abs(reads / (reads + writes) - 0.8) < 0.01
    assert ran.failures == {}


def test_permissions_are_listed_read_and_created_by_the_weights_of_the_seed(run_access, service, answered):
    before = answered(service.url).get("POST /v1/permissions", 0)
    ran = run_access(
        service.url, "PermissionServiceUser", users=8, hasty=True,
        until=lambda: answered(service.url)["POST /v1/permissions"] - before > 150,
    )  # fmt: skip
    weights = {"GET /v1/permissions": 5, "GET /v1/permissions/{id}": 3, "POST /v1/permissions": 1}
    counts = {name: ran.count(name) for name in weights}
    assert probability(counts, weights) > LEVEL, counts
    assert ran.stats.keys() == {*weights, "POST /v1/tokens"}
    assert ran.failures == {}


def test_all_users_together_name_every_request_and_fail_none(run_access, service, answered):
    names = {
        *READS, *WRITES, "POST /authorize", "POST /v1/tokens", "PUT /v1/teams/{id}", "DELETE /v1/teams/{id}",
        "DELETE /v1/teams/{id}/members/{user}", "POST /v1/teams/{id}/invitations", "GET /v1/invitations/{code}",
        "POST /v1/invitations/{code}/accept", "POST /v1/invitations/{code}/decline",
    }  # fmt: skip
    before = answered(service.url).get("POST /v1/invitations/{code}/decline", 0)
    ran = run_access(
        service.url, users=18, hasty=True,
        until=lambda: answered(service.url)["POST /v1/invitations/{code}/decline"] - before > 12,
    )  # fmt: skip
    assert ran.stats.keys() - {"POST /v1/invitations/{code}/accept (again)"} == names
    assert ran.failures == {}
    assert "Traceback" not in ran.log


def test_the_authorizer_is_asked_with_a_valid_token(run_access, service, answered):
    before = answered(service.url).get("POST /authorize", 0)
    ran = run_access(
        service.url, "AuthorizerUser", users=5,
        until=lambda: answered(service.url)["POST /authorize"] - before > 40,
    )  # fmt: skip
    assert ran.failures == {}
    assert ran.stats.keys() == {"POST /authorize", "POST /v1/tokens"}
    assert ran.count("POST /v1/tokens") == 5


def test_pauses_are_those_of_the_seed(ask_access):
    waits = ask_access("user = AuthorizerUser(environment)\nanswer = [user.wait_time() for _ in range(4000)]")
    assert 0.1 <= min(waits) < 0.11
    assert 0.49 < max(waits) <= 0.5


def test_task_weights_are_those_of_the_seed(ask_access):
    weights = ask_access(
        "answer = [sorted(Counter(t.__name__ for t in c.tasks).items())"
        " for c in (AuthorizerUser, PermissionServiceUser)]"
    )
    assert weights == [
        [["authorize_request", 10]],
        [["create_permission", 1], ["get_permission", 3], ["list_permissions", 5]],
    ]


def test_a_user_rests_once_as_long_as_a_429_asked(ask_access):
    waits = ask_access(
        "user = AuthorizerUser(environment)\nuser.rest = 30.0\nanswer = [user.wait_time() for _ in range(3)]"
    )
    assert waits[0] == 30
    assert max(waits[1:]) <= 0.5


def answers(**special):
    """A fake service: tokens for all, `special` answers by path's last part, empty lists and new ids otherwise."""

    def answer(heard):
        path = heard.path.partition("?")[0]
        if path == "/v1/tokens":
            return 201, {}, TOKEN
        if (found := special.get(path.rpartition("/")[2])) is not None:
            return found(heard) if callable(found) else found
        if heard.method == "GET":
            lists = {name: [] for name in ("permissions", "teams", "entries", "members")}
            return 200, {}, {"id": ID, "next_cursor": None, **lists}
        return 201, {}, {"id": ID}

    return answer


WRONG_POLICIES = [
    b"<html>",
    {},
    {"principalId": "x", "policyDocument": {"Statement": []}},
    {"principalId": "x", "policyDocument": {"Statement": [{"Effect": "Allow", "Resource": "*"}]}},
]


@pytest.mark.parametrize("policy", WRONG_POLICIES)
def test_a_policy_for_something_else_is_a_failure(run_access, fake_service, policy):
    fake_service.answer = answers(authorize=(200, {}, policy))
    ran = run_access(
        fake_service.url, "AuthorizerUser", users=2, hasty=True, until=fake_service.has_heard(10)
    )
    assert ran.failures["POST /authorize"] == ran.count("POST /authorize") > 0
    assert "Traceback" not in ran.log


def test_tokens_of_the_environment_are_used_in_turn_and_never_shown(run_access, fake_service):
    fake_service.answer = answers(authorize=(200, {}, {}))
    ran = run_access(
        fake_service.url, "AuthorizerUser", users=4, hasty=True,
        until=fake_service.has_heard(40), ACCESS_TOKEN="s3cret-one, s3cret-two",
    )  # fmt: skip
    assert {json.loads(heard.body)["authorizationToken"] for heard in fake_service.heard} == {
        "Bearer s3cret-one",
        "Bearer s3cret-two",
    }
    assert {heard.path for heard in fake_service.heard} == {"/authorize"}
    assert "s3cret" not in ran.output


@pytest.mark.parametrize(
    ("environment", "variable"), [("dev", "ACCESS_DEV_TOKEN"), ("sit", "ACCESS_SIT_TOKEN")]
)
def test_without_a_token_for_another_environment_nothing_is_sent(
    run_access, fake_service, environment, variable
):
    ran = run_access(fake_service.url, "AuthorizerUser", LOCUST_TEST_ENV=environment)
    assert ran.code == 20
    assert (
        f"No token for environment '{environment}': {variable} is not set.\n"
        f"  hint: export {variable}=<JWT>; several, separated by commas, are used in turn\n"
    ) in ran.log
    assert "Traceback" not in ran.log
    assert fake_service.heard == []


def test_a_refused_token_fails_every_request_and_is_explained_once(run_access, fake_service):
    fake_service.answer = answers(permissions=(401, {}, {"code": "unauthorised"}))
    ran = run_access(
        fake_service.url, "PermissionServiceUser", users=3, hasty=True,
        until=fake_service.has_heard(30), ACCESS_TOKEN="s3cret",
    )  # fmt: skip
    assert sum(ran.failures.values()) == sum(entry["num_requests"] for entry in ran.stats.values())
    explanation = "The service refuses the token with 401: check that ACCESS_TOKEN holds a valid token"
    assert ran.log.count(f"{explanation} of an administrator.") == 1


def test_a_service_that_gives_no_token_is_asked_for_nothing_else(run_access, fake_service):
    fake_service.answer = lambda heard: (503, {}, {})
    ran = run_access(
        fake_service.url, "PermissionServiceUser", users=3, hasty=True, until=fake_service.has_heard(20)
    )
    assert ran.stats.keys() == {"POST /v1/tokens"}
    assert ran.failures["POST /v1/tokens"] == ran.count("POST /v1/tokens")


def test_an_invitation_that_can_be_accepted_twice_is_a_failure(run_access, fake_service):
    invitation = {"id": ID, "code": "c" * 32, "status": "pending"}
    fake_service.answer = answers(
        invitations=(201, {}, invitation),
        accept=(200, {}, {"status": "accepted"}),
        decline=(200, {}, {"status": "declined"}),
        **{"c" * 32: (200, {}, invitation)},
    )

    def accepted_again():
        paths = [heard.path for heard in list(fake_service.heard)]
        return paths.count(f"/v1/invitations/{'c' * 32}/accept") > 60

    ran = run_access(fake_service.url, "InvitationFlowUser", users=5, hasty=True, until=accepted_again)
    assert set(ran.failures) == {"POST /v1/invitations/{code}/accept (again)"}


def test_answers_that_contradict_each_other_are_failures(run_access, fake_service):
    invitation = {"id": ID, "code": "c" * 32, "status": "pending"}
    fake_service.answer = answers(
        invitations=(201, {}, invitation), **{"c" * 32: (200, {}, {"status": "expired"})}
    )
    ran = run_access(
        fake_service.url, "InvitationFlowUser", users=5, hasty=True, until=fake_service.has_heard(60)
    )
    assert ran.failures["CHECK /v1/invitations/{code}"] > 0


def test_what_another_user_has_deleted_is_no_failure_and_what_vanished_is_one(run_access, fake_service):
    numbers = iter(range(10**6))

    def permissions(heard):
        if heard.method == "POST":
            return 201, {}, {"id": f"p{next(numbers)}"}
        return 200, {}, {"permissions": [{"id": "vanished", "description": ""}], "next_cursor": None}

    fake_service.answer = lambda heard: (
        (404, {}, {}) if "/v1/permissions/p" in heard.path and heard.method == "PUT" else
        (404, {}, {}) if heard.path == "/v1/permissions/vanished" else answers(permissions=permissions)(heard)
    )  # fmt: skip
    ran = run_access(
        fake_service.url, "MixedWorkloadUser", users=3, hasty=True, until=fake_service.has_heard(300)
    )
    gone = ran.failures["GET /v1/permissions/{id}"]
    # A user that is stopped between an answer and the look at it cannot say any more that it was wrong.
    assert 0 <= ran.count("GET /v1/permissions/{id}") - gone <= 3
    assert gone > 0
    # Nobody has deleted what is updated here, or not yet: it must not be gone.
    assert ran.failures["PUT /v1/permissions/{id}"] > 0


def test_each_user_is_somebody_else_of_the_public_organisation(run_access, fake_service):
    fake_service.answer = answers()
    run_access(
        fake_service.url, "PermissionServiceUser", users=3, hasty=True, until=fake_service.has_heard(30)
    )
    wishes = [json.loads(heard.body) for heard in fake_service.heard if heard.path == "/v1/tokens"]
    assert {wish["organisation"] for wish in wishes} == {"local-load-test"}
    assert sorted(wish["user"] for wish in wishes) == ["user-0", "user-1", "user-2"]
    assert {heard.key for heard in fake_service.heard if heard.path != "/v1/tokens"} == {"a.b.c"}
