"""POST /authorize: decided from stored permissions, in the form that API Gateway wants."""

import pytest

from reference.tokens import LOCAL_SECRET, Tokens

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod"


def test_the_answer_is_a_policy_for_this_caller_and_resource(client):
    ann = client()
    permission = ann.permit("user:ann", "GET", "/orders/*")
    assert ann.authorize("GET", "/orders/7").json() == {
        "principalId": "ann",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{ARN}/GET/orders/7"}
            ],
        },
        "context": {"organisation": ann.organisation, "role": "admin", "permission": permission},
    }


def test_what_no_permission_speaks_of_is_denied(client):
    ann = client()
    ann.permit("user:ann", "GET", "/orders/*")
    for method, resource in [("POST", "/orders/7"), ("GET", "/order"), ("GET", "/invoices/7"), ("GET", "")]:
        assert ann.effect(method, resource) == "Deny"
    assert client(ann.organisation, "bob").effect("GET", "/orders/7") == "Deny"
    assert client().effect("GET", "/orders/7") == "Deny"


def test_a_denial_wins_whichever_came_first(client):
    ann = client()
    ann.permit("user:ann", "*", "/orders/secret*", "deny")
    ann.permit("user:ann", "GET", "/orders/*")
    assert ann.effect("GET", "/orders/7") == "Allow"
    assert ann.effect("GET", "/orders/secret") == "Deny"


def test_a_team_speaks_for_its_members_as_long_as_they_are(client):
    ann = client()
    team = ann.make("/v1/teams", name="Billing")["id"]
    ann.permit(f"team:{team}", "GET", "/invoices/*")
    assert ann.effect("GET", "/invoices/1") == "Deny"
    ann.make(f"/v1/teams/{team}/members", user="ann")
    assert ann.effect("GET", "/invoices/1") == "Allow"
    ann("DELETE", f"/v1/teams/{team}/members/ann")
    assert ann.effect("GET", "/invoices/1") == "Deny"


def test_a_change_of_a_permission_holds_at_once(client):
    ann = client()
    permission = ann.permit("user:ann", "GET", "/x")
    assert ann.effect("GET", "/x") == "Allow"
    fields = {"subject": "user:ann", "effect": "deny", "method": "GET", "resource": "/x"}
    ann("PUT", f"/v1/permissions/{permission}", json=fields)
    assert ann.effect("GET", "/x") == "Deny"


def test_a_token_that_must_not_be_accepted_is_401_as_from_api_gateway(client):
    ann = client()
    expired = Tokens("access", LOCAL_SECRET).issue("ann", -1, {"org": ann.organisation, "role": "admin"})
    for token, words in [(expired, "the token has expired"), ("x", "this is no token")]:
        answer = ann.authorize("GET", "/x", token=token)
        assert answer.status_code == 401
        assert answer.json() == {"code": "unauthorised", "detail": f"Unauthorized: {words}."}
    assert ann.audit("action=authorize") == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"type": "REQUEST"}, "type: expected TOKEN"),
        ({"authorizationToken": 7}, "authorizationToken: expected Bearer and a token"),
        (
            {"methodArn": "arn:aws:s3:::bucket"},
            "methodArn: expected arn:aws:execute-api:region:account:api/stage/METHOD/resource",
        ),
        (
            {"methodArn": f"{ARN}/FETCH/x"},
            "methodArn: expected arn:aws:execute-api:region:account:api/stage/METHOD/resource",
        ),
        ({"more": 1}, "more: unknown field"),
    ],
)
def test_an_event_that_is_none_is_refused(client, change, problem):
    ann = client()
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {ann.token}", "methodArn": f"{ARN}/GET/x"}
    answer = ann("POST", "/authorize", json=event | change)
    assert (answer.status_code, answer.json()["problems"]) == (422, [problem])


def test_a_token_without_bearer_is_401(client):
    ann = client()
    event = {"type": "TOKEN", "authorizationToken": ann.token, "methodArn": f"{ARN}/GET/x"}
    assert ann("POST", "/authorize", json=event).status_code == 401
