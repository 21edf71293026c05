import base64
import json

import jwt
import pytest

from reference.tokens import ALGORITHM, LOCAL_SECRET, TokenProblem, Tokens

OTHER_SECRET = "another-secret-of-at-least-32-characters"


@pytest.fixture
def tokens(clock):
    return Tokens("access", LOCAL_SECRET, clock)


def test_what_was_issued_is_read_back(tokens):
    claims = tokens.read(tokens.issue("user_1", 60, {"tenant": "t1", "iss": "forged"}))
    assert (claims["sub"], claims["tenant"], claims["iss"]) == ("user_1", "t1", "access")


def test_a_token_expires(tokens, clock):
    token = tokens.issue("user_1", 60)
    clock.pass_(59)
    tokens.read(token)
    clock.pass_(2)
    with pytest.raises(TokenProblem, match="has expired"):
        tokens.read(token)


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (lambda clock: Tokens("access", OTHER_SECRET, clock).issue("u", 60), "signature is wrong"),
        (lambda clock: Tokens("claims", LOCAL_SECRET, clock).issue("u", 60), "another issuer"),
        (lambda clock: jwt.encode({"iss": "access", "sub": "u"}, LOCAL_SECRET, ALGORITHM), "has no exp"),
        (lambda clock: "x" * 9000, "too long"),
        (lambda clock: "", "no token"),
        (lambda clock: "a.b.c", "no token"),
        (lambda clock: "\udcff.é.c", "no token"),
    ],
)
def test_what_must_not_be_accepted_is_not(tokens, clock, token, reason):
    with pytest.raises(TokenProblem, match=reason):
        tokens.read(token(clock))


def test_a_token_cannot_choose_its_algorithm(tokens):
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=")
    body = base64.urlsafe_b64encode(json.dumps({"iss": "access", "sub": "u", "exp": 9e9, "iat": 0}).encode())
    with pytest.raises(TokenProblem):
        tokens.read(f"{head.decode()}.{body.rstrip(b'=').decode()}.")


def test_a_short_secret_is_refused():
    with pytest.raises(ValueError, match="at least 32"):
        Tokens("access", "short")
