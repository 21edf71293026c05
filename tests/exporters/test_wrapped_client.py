"""A Locust whose `request` cannot be changed is followed by a plain wrapper."""

import pytest
from gevent import Timeout

from exporters.in_flight import InFlight
from exporters.wrapped_client import wrapped
from swarmscope.measurements import RequestKey


class Session:
    request_name = None

    def __init__(self, during):
        self.during = during

    def request(self, method, url, name=None, **kwargs):
        self.during()
        return (method, url, name, kwargs)


def test_a_request_is_in_the_table_while_it_runs_and_gone_after():
    in_flight = InFlight()
    seen = []
    session = Session(lambda: seen.append(set(in_flight.waiting())))
    request = wrapped(in_flight, Session.request)
    assert request(session, "GET", "/a?x=1", name="/a", timeout=3) == ("GET", "/a?x=1", "/a", {"timeout": 3})
    assert seen == [{RequestKey("GET", "/a")}]
    assert in_flight.waiting() == {}


def test_a_request_that_is_stopped_from_outside_is_counted():
    in_flight = InFlight()
    cut = []
    in_flight.on_cut_off = cut.append

    def stop():
        raise Timeout(1)

    with pytest.raises(Timeout):
        wrapped(in_flight, Session.request)(Session(stop), "GET", "/slow")
    assert cut == [RequestKey("GET", "/slow")]
