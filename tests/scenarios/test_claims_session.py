import base64
import json

import pytest

from scenarios.claims.session import Session, lifetime_seconds


def token(**claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{body}.signature"


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(clock):
    return Session(clock)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (token(iat=1000, exp=1300), 300),
        (token(exp=1300), None),
        (token(iat="a", exp="b"), None),
        ("opaque", None),
        ("a.b.c", None),
        ("a.é.c", None),
        ("", None),
    ],
)
def test_a_tokens_lifetime_is_read_from_it(text, seconds):
    assert lifetime_seconds(text) == seconds


def test_a_token_ends_when_its_time_is_over_by_our_own_clock(session, clock):
    session.renew(token(iat=10**9, exp=10**9 + 300), "refresh")
    session.accepted()
    clock.now += 298
    assert not session.has_ended
    clock.now += 1
    assert session.has_ended


def test_a_new_token_that_is_refused_at_once_has_not_ended(session):
    for text in (token(iat=0, exp=300), "opaque"):
        session.renew(text)
        assert not session.has_ended


def test_a_token_that_tells_no_time_has_ended_when_it_was_taken_before(session):
    session.renew("opaque")
    session.accepted()
    assert session.has_ended
    session.renew("another")
    assert not session.has_ended


def test_a_new_access_token_keeps_the_refresh_token_unless_it_brings_one(session):
    session.renew("a", "r1")
    session.renew("b")
    assert (session.access, session.refresh) == ("b", "r1")
    session.renew("c", "r2")
    assert session.refresh == "r2"
    session.end()
    assert (session.access, session.refresh) == ("", "")


def test_tokens_are_not_shown(session):
    session.renew("secret-access", "secret-refresh")
    assert repr(session) == "Session(logged in)"
