from decimal import Decimal

import pytest
import requests

from exporters.recorder import Recorder
from exporters.run_view import ExporterCounters
from swarmscope.histogram import at_or_under, fine_bounds
from swarmscope.measurements import RequestKey
from swarmscope.names import OTHER

GET = RequestKey("GET", "/orders")
BOUNDS = fine_bounds([Decimal("0.1"), Decimal("0.3"), Decimal("0.1046")])


class Answer:
    def __init__(self, status_code):
        self.status_code = status_code


class RaisingAnswer:
    @property
    def status_code(self):
        raise RuntimeError("no status any more")


class RaisingText(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def fire(recorder, milliseconds=12.5, *, method="GET", name="/orders", **event):
    recorder.on_request(
        request_type=method, name=name, response_time=milliseconds, **{"response_length": 10} | event
    )


def test_a_time_at_a_bound_is_counted_under_it_and_the_next_float_is_not():
    for bound in BOUNDS:
        recorder = Recorder(BOUNDS)
        milliseconds = float(bound * 1000)
        assert milliseconds == float(str(bound * 1000)), "as the number is written in code"
        fire(recorder, milliseconds)
        assert at_or_under(BOUNDS, recorder.counts[GET].buckets, bound) == 1, bound
        fire(recorder, milliseconds * (1 + 2**-52))
        assert at_or_under(BOUNDS, recorder.counts[GET].buckets, bound) == 1, bound
        assert recorder.counts[GET].timed == 2


def test_times_above_the_last_bound_are_counted_apart():
    recorder = Recorder(BOUNDS)
    fire(recorder, 60_001.0)
    assert recorder.counts[GET].buckets[-1] == 1


def test_counts_what_it_is_told_wholly():
    recorder = Recorder(BOUNDS)
    fire(recorder, 100.0, response=Answer(200), response_length=7)
    fire(recorder, 300.0, response=Answer(201), response_length=5)
    fire(recorder, 50.0, response=Answer(503), exception=ValueError("order 17"), response_length=0)
    fire(recorder, 10.0, response=Answer(0), exception=ConnectionResetError("reset"))
    fire(recorder, 20.0)
    counts = recorder.counts[GET]
    assert counts.outcomes == {
        ("success", "200"): 1,
        ("success", "201"): 1,
        ("failure", "503"): 1,
        ("failure", "none"): 1,
        ("success", "none"): 1,
    }
    assert counts.errors == {"ValueError: order <n>": 1, "ConnectionResetError: reset": 1}
    assert counts.response_bytes == 32
    assert counts.duration_sum == pytest.approx(0.48)
    assert counts.duration_max == 0.3
    assert (counts.finished, counts.failures, counts.timed, counts.unfinished) == (5, 2, 5, 0)


def test_a_false_response_still_has_its_status():
    response = requests.Response()
    response.status_code = 404
    assert not response, "as requests has it for every 4xx and 5xx"
    recorder = Recorder(BOUNDS)
    fire(recorder, response=response)
    assert recorder.counts[GET].outcomes == {("success", "404"): 1}


def test_a_request_without_a_time_is_counted_but_not_timed():
    recorder = Recorder(BOUNDS)
    fire(recorder, None)
    fire(recorder, 5.0)
    assert (recorder.counts[GET].finished, recorder.counts[GET].timed) == (2, 1)


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), "fast"])
def test_a_time_that_is_no_number_does_not_poison_the_sum(strange):
    recorder = Recorder(BOUNDS)
    fire(recorder, strange)
    fire(recorder, 5.0)
    counts = recorder.counts[GET]
    assert (counts.finished, counts.timed, counts.duration_sum) == (2, 1, 0.005)


def test_negative_times_and_sizes_never_take_a_counter_back():
    recorder = Recorder(BOUNDS)
    fire(recorder, 5.0)
    fire(recorder, -3.0, response_length=-100)
    fire(recorder, Decimal(5), response_length=None)
    counts = recorder.counts[GET]
    assert (counts.timed, counts.duration_sum, counts.response_bytes) == (3, 0.01, 10)


def test_many_requests_are_counted_without_anyone_looking():
    recorder = Recorder(BOUNDS)
    for _ in range(10_000):
        fire(recorder)
    assert len(recorder._waiting) < 6 * 600
    assert recorder.counts[GET].finished == 10_000


def test_known_requests_exist_at_zero_and_have_room_when_names_run_out():
    counters = ExporterCounters()
    known = RequestKey("POST", "/known")
    recorder = Recorder(BOUNDS, [known], max_names=2, counters=counters)
    assert recorder.counts[known].finished == 0
    for name in ("/a", "/b", "/c", "/a", "/d", "/c"):
        fire(recorder, name=name)
    fire(recorder, method="POST", name="/known")
    finished = {key: counts.finished for key, counts in recorder.counts.items()}
    assert finished == {
        known: 1,
        RequestKey("GET", "/a"): 2,
        RequestKey("GET", "/b"): 1,
        RequestKey(OTHER, OTHER): 3,
    }
    assert counters.label_overflow["name"] == 3


def test_errors_beyond_their_number_become_other():
    counters = ExporterCounters()
    recorder = Recorder(BOUNDS, max_errors=2, counters=counters)
    for kind in (ValueError, KeyError, TypeError, OSError, ValueError):
        fire(recorder, exception=kind())
    assert recorder.counts[GET].errors == {"ValueError": 2, "KeyError": 1, OTHER: 2}
    assert counters.label_overflow["error"] == 2


def test_statuses_are_bounded_too():
    counters = ExporterCounters()
    recorder = Recorder(BOUNDS, counters=counters)
    for status in range(1000, 1500):
        fire(recorder, response=Answer(status))
    outcomes = recorder.counts[GET].outcomes
    assert len(outcomes) == 101
    assert outcomes["success", OTHER] == counters.label_overflow["status"] == 400


@pytest.mark.parametrize(
    "event", [{"response": RaisingAnswer()}, {"exception": RaisingText()}, {"name": ["not", "hashable"]}]
)
def test_errors_inside_never_reach_the_user_and_are_counted(event):
    counters = ExporterCounters()
    recorder = Recorder(BOUNDS, counters=counters)
    fire(recorder, **event)
    fire(recorder)
    assert recorder.counts[GET].finished == (1 if "name" in event else 2)
    assert counters.listener_errors == 1


def test_an_unreadable_exception_is_still_a_failure():
    recorder = Recorder(BOUNDS)
    fire(recorder, exception=RaisingText())
    assert recorder.counts[GET].errors == {"RaisingText": 1}


def test_unfinished_requests_are_in_none_of_the_other_counters():
    recorder = Recorder(BOUNDS, max_names=1)
    recorder.count_unfinished(GET)
    recorder.count_unfinished(GET)
    recorder.count_unfinished(RequestKey("GET", "/no-room"))
    assert recorder.counts[GET].unfinished == 2
    assert recorder.counts[GET].finished == recorder.counts[GET].timed == 0
    assert recorder.counts[RequestKey(OTHER, OTHER)].unfinished == 1


def test_a_snapshot_shares_nothing_with_the_live_counters():
    recorder = Recorder(BOUNDS)
    fire(recorder)
    snapshot = recorder.snapshot()
    fire(recorder, exception=ValueError())
    assert snapshot[GET].finished == sum(snapshot[GET].buckets) == 1
    assert snapshot[GET].errors == {}


def test_a_new_run_starts_from_zero_with_the_known_requests():
    known = RequestKey("POST", "/known")
    recorder = Recorder(BOUNDS, [known])
    fire(recorder)
    before = recorder.counts
    fire(recorder)  # fired but not yet counted when the run starts: Locust has cleared it, too
    recorder.start_run()
    assert {key: counts.finished for key, counts in recorder.counts.items()} == {known: 0}
    assert before[GET].finished == 1, "the page may still show the run before"
    fire(recorder)
    assert recorder.counts[GET].finished == 1
    assert before[GET].finished == 1
