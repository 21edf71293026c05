import pytest

from reference.access.policies import Asked, Decision, Effect, Rule, decide, read_arn

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod"
ALLOW, DENY = Effect.ALLOW, Effect.DENY


@pytest.mark.parametrize(
    ("arn", "asked"),
    [
        (f"{ARN}/GET/orders/7", Asked("GET", "/orders/7")),
        (f"{ARN}/GET/", Asked("GET", "/")),
        (f"{ARN}/GET", Asked("GET", "/")),
        ("arn:aws-cn:execute-api:cn-north-1:123456789012:x/$default/POST/a/b", Asked("POST", "/a/b")),
        (f"{ARN}/get/orders", None),
        (f"{ARN}/GET/or*ers", None),
        (f"{ARN}", None),
        (f"{ARN}/GET/a\n", None),
        ("", None),
    ],
)
def test_an_arn_is_read_or_refused(arn, asked):
    assert read_arn(arn) == asked


@pytest.mark.parametrize(
    ("rules", "decision"),
    [
        ([], Decision(DENY, "")),
        ([(ALLOW, "GET", "/x")], Decision(ALLOW, "0")),
        ([(ALLOW, "*", "*")], Decision(ALLOW, "0")),
        ([(ALLOW, "POST", "/x")], Decision(DENY, "")),
        ([(ALLOW, "GET", "/X")], Decision(DENY, "")),
        ([(ALLOW, "GET", "/x"), (DENY, "*", "/*")], Decision(DENY, "1")),
        ([(DENY, "GET", "/y"), (ALLOW, "GET", "/x"), (ALLOW, "*", "*")], Decision(ALLOW, "1")),
    ],
)
def test_deny_wins_then_allow_else_deny(rules, decision):
    made = [Rule(str(number), *rule) for number, rule in enumerate(rules)]
    assert decide(made, Asked("GET", "/x")) == decision
