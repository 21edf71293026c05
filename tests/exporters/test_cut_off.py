from gevent import Timeout
from greenlet import GreenletExit

from exporters.in_flight import InFlight
from swarmscope.measurements import RequestKey


def test_a_request_that_began_after_its_user_was_told_to_stop_is_not_held_against_the_service():
    now = [0.0]
    in_flight = InFlight(lambda: now[0])
    cut = []
    in_flight.on_cut_off = cut.append
    in_flight.graceful_stop = lambda: 5.0
    hung = in_flight.begin(RequestKey("GET", "/hung"))
    now[0] = 5.0
    late = in_flight.begin(RequestKey("GET", "/late"))
    now[0] = 5.01
    in_flight.end_unanswered(late, GreenletExit())
    in_flight.end_unanswered(hung, GreenletExit())
    assert cut == [RequestKey("GET", "/hung")]
    assert [pending.key for pending in in_flight.cut_off] == [RequestKey("GET", "/hung")]


def test_a_timeout_of_the_scenario_itself_counts_however_young_the_request():
    in_flight = InFlight()
    in_flight.graceful_stop = lambda: 5.0
    cut = []
    in_flight.on_cut_off = cut.append
    in_flight.end_unanswered(in_flight.begin(RequestKey("GET", "/")), Timeout(0.1))
    assert cut == [RequestKey("GET", "/")]
