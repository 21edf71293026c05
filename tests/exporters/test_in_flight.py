import gevent
import pytest

from exporters.in_flight import MAX_CUT_OFF, InFlight
from exporters.run_view import Waiting
from swarmscope.measurements import RequestKey

A, B, OTHER = RequestKey("WS", "a"), RequestKey("WS", "b"), RequestKey("other", "other")


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def in_flight(clock):
    return InFlight(clock)


def test_waiting_requests_are_grouped_with_their_oldest_age(in_flight, clock):
    with in_flight.track("WS", "a"):
        clock.now += 2
        with in_flight.track("WS", "b"), in_flight.track("WS", "a"):
            clock.now += 1
            assert in_flight.waiting() == {A: Waiting(2, 3.0), B: Waiting(1, 1.0)}
            assert in_flight.oldest() == (A, 3.0)
        assert in_flight.waiting() == {A: Waiting(1, 3.0)}
    assert in_flight.waiting() == {}
    assert in_flight.oldest() is None


def test_http_clients_are_seen_beside_tracked_requests(in_flight, clock):
    in_flight.http_clients = lambda: [(49.0, B), (48.5, A)]
    in_flight.begin(A)
    assert in_flight.waiting() == {A: Waiting(2, 1.5), B: Waiting(1, 1.0)}
    assert in_flight.oldest() == (A, 1.5)


def test_a_failed_request_is_over_and_not_cut_off(in_flight):
    cut = []
    in_flight.on_cut_off = cut.append
    with pytest.raises(ValueError, match="refused"), in_flight.track("WS", "a"):
        raise ValueError("refused")
    assert (in_flight.waiting(), cut, list(in_flight.cut_off)) == ({}, [], [])


@pytest.mark.parametrize("error", [gevent.GreenletExit, gevent.Timeout, KeyboardInterrupt])
def test_what_stops_the_greenlet_cuts_its_request_off(in_flight, clock, error):
    cut = []
    in_flight.on_cut_off = cut.append
    with pytest.raises(error), in_flight.track("WS", "a"):
        clock.now += 4
        raise error
    assert cut == [A]
    assert [(pending.key, pending.age_seconds) for pending in in_flight.cut_off] == [(A, 4.0)]
    assert in_flight.waiting() == {}


def test_keys_are_the_published_ones(in_flight):
    in_flight.accept = lambda key: key if key == A else OTHER
    cut = []
    in_flight.on_cut_off = cut.append
    in_flight.begin(A)
    in_flight.end_unanswered(in_flight.begin(B))
    in_flight.begin(B)
    assert set(in_flight.waiting()) == {A, OTHER}
    assert cut == [OTHER]


def test_only_requests_cut_off_by_the_stop_are_kept_and_not_too_many(in_flight):
    cut = []
    in_flight.on_cut_off = cut.append
    in_flight.end_unanswered(in_flight.begin(B))
    in_flight.stopping()
    for _ in range(MAX_CUT_OFF + 50):
        in_flight.end_unanswered(in_flight.begin(A))
    assert len(cut) == MAX_CUT_OFF + 51
    assert [pending.key for pending in in_flight.cut_off] == [A] * MAX_CUT_OFF
    in_flight.start_run()
    assert not in_flight.cut_off


def test_a_request_ends_once(in_flight):
    cut = []
    in_flight.on_cut_off = cut.append
    number = in_flight.begin(A)
    in_flight.end_unanswered(number)
    in_flight.end_unanswered(number)
    in_flight.end(number)
    assert cut == [A]
