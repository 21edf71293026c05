from decimal import Decimal

from exporters.run_view import Waiting
from exporters.windows import LiveWindow, Segment, counts_between, final_window, live_edges
from swarmscope.measurements import RequestCounts, RequestKey, total

EVENTS = RequestKey("POST", "/events")
INBOX = RequestKey("GET", "/inbox")
BOUNDS = (Decimal("0.1"), Decimal(1))


def counts(fast=0, slow=0, unfinished=0):
    return RequestCounts(
        [fast, slow, 0],
        outcomes={("success", "200"): fast + slow} if fast + slow else {},
        unfinished=unfinished,
    )


def test_a_segment_is_the_difference_of_its_edges_summed_over_generators():
    segment = Segment(begin={"a": {EVENTS: counts(10)}, "b": {EVENTS: counts(5, 1)}})
    latest = {"a": {EVENTS: counts(12, 3)}, "b": {EVENTS: counts(6, 1), INBOX: counts(2)}}
    window = counts_between(segment, latest)
    assert window[EVENTS].buckets == [3, 3, 0]
    assert window[INBOX].buckets == [2, 0, 0]


def test_a_generator_lost_before_the_end_counts_up_to_its_last_report():
    segment = Segment(
        begin={"a": {EVENTS: counts(1)}, "b": {EVENTS: counts(1)}}, end={"a": {EVENTS: counts(4)}}
    )
    latest = {"a": {EVENTS: counts(9)}, "b": {EVENTS: counts(3)}}
    assert counts_between(segment, latest)[EVENTS].buckets == [3 + 2, 0, 0]


def test_the_final_window_judges_the_drain_but_does_not_count_it_in_the_rate():
    begin = {"local": {EVENTS: counts(10)}}
    stop = {"local": {EVENTS: counts(50)}}
    latest = {"local": {EVENTS: counts(50, 4, unfinished=2)}}
    window = final_window(BOUNDS, [Segment(begin)], stop, latest, seconds=10.0)
    assert window.counts[EVENTS].buckets == [40, 4, 0]
    assert window.counts[EVENTS].unfinished == 2
    assert window.finished_matching("POST /events") == 40


def test_two_segments_leave_out_what_lies_between():
    one = Segment(begin={"l": {EVENTS: counts(10)}}, end={"l": {EVENTS: counts(20)}})
    two = Segment(begin={"l": {EVENTS: counts(100)}})
    window = final_window(BOUNDS, [one, two], {"l": {EVENTS: counts(105)}}, {"l": {EVENTS: counts(106)}}, 5.0)
    assert window.counts[EVENTS].buckets == [16, 0, 0]
    assert window.finished_by_stop[EVENTS] == 15


def live(segments, now, waiting=None):
    return LiveWindow(BOUNDS, 1.0, *live_edges(segments, now), waiting or {}, 5.0, lambda: None)


def test_the_live_window_agrees_with_the_final_one():
    one = Segment(begin={"l": {EVENTS: counts(10)}}, end={"l": {EVENTS: counts(20)}})
    two = Segment(begin={"l": {EVENTS: counts(100)}})
    latest = {"l": {EVENTS: counts(106, 2)}}
    final = final_window(BOUNDS, [one, two], latest, latest, 1.0)
    assert live([one, two], total(latest.values())).matching("POST /events") == final.matching("POST /events")


def test_between_segments_only_the_closed_ones_are_judged():
    one = Segment(begin={"l": {EVENTS: counts(10)}}, end={"l": {EVENTS: counts(20)}})
    assert live([one], {EVENTS: counts(70)}).matching("*").buckets == [10, 0, 0]


def test_before_the_first_segment_nothing_is_judged():
    assert live([], {EVENTS: counts(70)}).matching("*").buckets == [0, 0, 0]


def test_a_request_never_seen_is_unknown_not_zero():
    assert live([], {EVENTS: counts(70)}).matching("GET /other") is None


def test_requests_waiting_too_long_are_judged_as_unfinished_already():
    window = live([Segment(begin={})], {EVENTS: counts(1)}, {EVENTS: Waiting(7, 5.1), INBOX: Waiting(3, 1.0)})
    assert window.matching("POST /events").unfinished == 7
