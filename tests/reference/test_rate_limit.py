import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.triggers.rate_limit import Admission, RateLimiter


def test_a_key_may_send_its_whole_limit_at_once_and_not_one_more(clock):
    limiter = RateLimiter(clock)
    answers = [limiter.admit("a", 3) for _ in range(4)]
    assert answers == [
        Admission(True, 2, 0),
        Admission(True, 1, 0),
        Admission(True, 0, 20),
        Admission(False, 0, 20),
    ]


def test_after_retry_after_one_request_is_let_in_and_a_second_is_not(clock):
    limiter = RateLimiter(clock)
    for _ in range(100):
        limiter.admit("a", 100)
    assert limiter.admit("a", 100).retry_after == 1
    clock.pass_(1)
    assert limiter.admit("a", 100).admitted
    assert not limiter.admit("a", 100).admitted


def test_a_refused_request_costs_nothing(clock):
    limiter = RateLimiter(clock)
    limiter.admit("a", 1)
    for _ in range(50):
        assert limiter.admit("a", 1) == Admission(False, 0, 60)
    clock.pass_(60)
    assert limiter.admit("a", 1).admitted


def test_keys_have_buckets_of_their_own(clock):
    limiter = RateLimiter(clock)
    assert limiter.admit("a", 1).admitted
    assert limiter.admit("b", 1).admitted
    assert not limiter.admit("a", 1).admitted


def test_a_key_that_rests_saves_up_no_more_than_its_limit(clock):
    limiter = RateLimiter(clock)
    limiter.admit("a", 5)
    clock.pass_(3600)
    assert [limiter.admit("a", 5).admitted for _ in range(6)] == [True] * 5 + [False]


def test_a_changed_limit_starts_a_new_bucket(clock):
    limiter = RateLimiter(clock)
    limiter.admit("a", 1)
    assert limiter.admit("a", 10) == Admission(True, 9, 0)


@pytest.mark.parametrize("per_minute", [1, 7, 100, 10_000])
@settings(deadline=None, max_examples=50)
@given(pauses=st.lists(st.floats(0, 30), max_size=40))
def test_never_more_than_the_limit_whatever_the_pauses(new_clock, per_minute, pauses):
    clock = new_clock()
    limiter, admitted = RateLimiter(clock), 0
    for pause in pauses:
        clock.pass_(pause)
        admitted += sum(limiter.admit("a", per_minute).admitted for _ in range(30))
    assert admitted <= per_minute + sum(pauses) * per_minute / 60 + 1e-3


@pytest.mark.parametrize("per_minute", [1, 7, 13, 59, 60, 61, 100, 10_000])
@settings(deadline=None, max_examples=50)
@given(pauses=st.lists(st.floats(0, 30), max_size=10))
def test_retry_after_is_the_first_whole_second_that_is_enough(new_clock, per_minute, pauses):
    def limiter_with_no_tokens():
        clock = new_clock()
        limiter = RateLimiter(clock)
        for pause in [*pauses, 0.0]:
            clock.pass_(pause)
            while (admission := limiter.admit("a", per_minute)).admitted:
                pass
        return clock, limiter, admission.retry_after

    clock, limiter, retry_after = limiter_with_no_tokens()
    clock.pass_(retry_after)
    assert limiter.admit("a", per_minute).admitted
    if retry_after > 1:
        clock, limiter, retry_after = limiter_with_no_tokens()
        clock.pass_(retry_after - 1.001)
        assert not limiter.admit("a", per_minute).admitted
