import random
from collections import defaultdict
from decimal import Decimal

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.report_writer import COMPLETE_EVERY
from exporters.run_view import Waiting
from exporters.worker_reports import ReportMerger, ReportWriter
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey, total
from swarmscope.names import OTHER

BOUNDS = fine_bounds([Decimal("0.3")])
KNOWN = RequestKey("GET", "/known")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Lag:
    def worst_and_reset(self):
        return 0.25


class Worker:
    """A worker's recorder and writer; its reports go through msgpack as they do in Locust."""

    def __init__(self, run="r1", known=(KNOWN,), lag=None):
        self.clock = Clock()
        self.recorder = Recorder(BOUNDS, known)
        self.in_flight = InFlight(self.clock)
        self.writer = ReportWriter(self.recorder, self.in_flight, lag)
        self.writer.start_run(run)

    def count(self, name="/a", milliseconds=10.0, error=None):
        self.recorder.on_request(
            request_type="GET", name=name, response_time=milliseconds, response_length=3, exception=error
        )

    def count_some(self, dice, number):
        for _ in range(number):
            if dice.random() < 0.1:
                self.recorder.count_unfinished(RequestKey("GET", f"/{dice.randrange(4)}"))
            else:
                error = dice.choice([None, None, ValueError(), KeyError()])
                self.count(f"/{dice.randrange(4)}", dice.choice([None, dice.lognormvariate(3, 1)]), error)

    def report(self, complete=False):
        return msgpack.unpackb(msgpack.packb(self.writer.write(complete)), strict_map_key=False)


def numbers(counts: RequestCounts) -> list[float]:
    """Every counter of a request, in an order that only grows at its end."""
    return [
        *counts.buckets,
        counts.duration_sum,
        counts.duration_max,
        counts.response_bytes,
        counts.unfinished,
        counts.finished,
    ]


def assert_equal(merged, truth):
    assert set(merged) == set(truth)
    for key, counts in truth.items():
        got = merged[key]
        assert got.duration_sum == pytest.approx(counts.duration_sum), key
        assert (got.buckets, got.outcomes, got.errors) == (counts.buckets, counts.outcomes, counts.errors), (
            key
        )
        assert (got.response_bytes, got.unfinished) == (counts.response_bytes, counts.unfinished), key
        assert got.duration_max == counts.duration_max, key


def test_a_report_brings_all_that_was_counted():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    worker.count_some(random.Random(1), 500)
    assert merger.apply("w", worker.report(), 0.0) == "merged"
    assert_equal(merger.merged, worker.recorder.counts)
    assert_equal(merger.snapshot_of("w"), worker.recorder.counts)
    assert merger.merged[KNOWN].finished == 0, "known requests exist at zero"


def test_a_later_report_carries_only_what_changed():
    worker = Worker()
    for name in ("/a", "/b", "/c"):
        worker.count(name, 10.0)
    first = worker.report()
    assert (first["everything"], len(first["rows"])) == (True, 4)
    worker.count("/b", 20.0)
    second = worker.report()
    assert not second["everything"]
    (row,) = second["rows"]
    assert len(row[5]) == 2, "one bucket changed"
    assert (second["requests"], second["outcomes"]) == ([], []), "names were sent before"
    assert worker.report()["rows"] == []


def test_every_tenth_report_carries_everything():
    worker = Worker()
    worker.count()
    reports = [worker.report() for _ in range(2 * COMPLETE_EVERY + 1)]
    assert [n for n, report in enumerate(reports) if report["everything"]] == [
        0,
        COMPLETE_EVERY,
        2 * COMPLETE_EVERY,
    ]


def test_a_repeated_report_changes_nothing():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    worker.count()
    report = worker.report()
    assert [merger.apply("w", report, 0.0) for _ in range(3)] == ["merged", "repeated", "repeated"]
    assert_equal(merger.merged, worker.recorder.counts)


def test_a_late_report_heals_what_was_missing():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    merger.apply("w", worker.report(), 0.0)
    worker.count("/new", 10.0)
    late = worker.report()
    worker.count("/new", 20.0)
    merger.apply("w", worker.report(), 1.0)
    assert RequestKey("GET", "/new") not in merger.merged, "its name is in the report that is missing"
    assert merger.apply("w", late, 2.0) == "merged"
    assert merger.merged[RequestKey("GET", "/new")].timed >= 1
    assert merger.apply("w", late, 2.0) == "repeated"
    assert merger.last_report_age("w", 5.0) == 4.0, "a late report is no sign of life now"
    merger.apply("w", worker.report(complete=True), 3.0)
    assert_equal(merger.merged, worker.recorder.counts)


def test_a_late_complete_report_does_not_hide_a_later_one_that_is_still_missing():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    complete = worker.report()
    worker.count("/a", 10.0)
    partial = worker.report()
    merger.apply("w", worker.report(), 0.0)
    assert [merger.apply("w", report, 0.0) for report in (complete, partial)] == ["merged", "merged"]
    assert_equal(merger.merged, worker.recorder.counts)


def test_a_report_of_another_run_is_refused():
    worker, merger = Worker(run="r1"), ReportMerger("r2", len(BOUNDS))
    worker.count()
    assert merger.apply("w", worker.report(), 0.0) == "foreign"
    assert (merger.merged, merger.workers) == ({}, ())


def test_a_worker_can_report_one_run_after_another():
    worker = Worker(run="r1")
    worker.count("/a")
    worker.report()
    worker.recorder.start_run()
    worker.writer.start_run("r2")
    worker.count("/b")
    merger = ReportMerger("r2", len(BOUNDS))
    assert merger.apply("w", worker.report(), 0.0) == "merged"
    assert_equal(merger.merged, worker.recorder.counts)


def test_a_restarted_worker_adds_to_what_its_predecessor_counted():
    merger = ReportMerger("r1", len(BOUNDS))
    first, second = Worker(), Worker()
    for worker, milliseconds in ((first, 10.0), (second, 20.0)):
        worker.count("/a", milliseconds)
        merger.apply("w", worker.report(), 0.0)
    assert_equal(merger.merged, total([first.recorder.counts, second.recorder.counts]))
    assert_equal(merger.snapshot_of("w"), merger.merged)
    merger.apply("w", second.report(complete=True), 1.0)
    assert not merger.final("w"), "what the first counted after its last report is not known"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), workers=st.integers(1, 3), steps=st.integers(1, 40))
def test_loss_repetition_disorder_and_restarts_never_falsify_the_sum(seed, workers, steps):
    """Counters never go back at any step, and are the truth once everyone's complete report has arrived."""
    dice = random.Random(seed)
    merger = ReportMerger("r1", len(BOUNDS), [KNOWN])
    lives: dict[int, list[Worker]] = {number: [Worker()] for number in range(workers)}
    on_the_way: list[tuple[str, dict]] = []
    before: dict[RequestKey, list[float]] = {}
    outcomes_before: dict = defaultdict(int)

    def deliver(name, report):
        nonlocal before
        merger.apply(name, report, 0.0)
        after = {key: numbers(counts) for key, counts in merger.merged.items()}
        for key, was in before.items():
            assert all(new >= old for new, old in zip(after[key], was, strict=True)), key
        before = after
        for key, counts in merger.merged.items():
            for kind, number in [*counts.outcomes.items(), *counts.errors.items()]:
                assert number >= outcomes_before[key, kind]
                outcomes_before[key, kind] = number

    for _ in range(steps):
        number = dice.randrange(workers)
        name, worker = f"w{number}", lives[number][-1]
        worker.count_some(dice, dice.randrange(30))
        fate = dice.random()
        if fate < 0.1:
            worker.writer.mark("m")
        elif fate < 0.2:  # restarted, right after a complete report that may come late
            on_the_way.append((name, worker.report(complete=True)))
            lives[number].append(Worker())
        elif fate < 0.4:
            worker.report()  # lost
        else:
            on_the_way.append((name, worker.report()))
        while on_the_way and dice.random() < 0.6:
            report = dice.choice(on_the_way)
            deliver(*report)
            if dice.random() < 0.7:
                on_the_way.remove(report)  # else it will come again
    for number, life in lives.items():
        on_the_way.append((f"w{number}", life[-1].report(complete=True)))
    dice.shuffle(on_the_way)
    for report in on_the_way:
        deliver(*report)
    assert_equal(merger.merged, total([w.recorder.counts for life in lives.values() for w in life]))
    for number, life in lives.items():
        assert_equal(
            {KNOWN: RequestCounts([0] * (len(BOUNDS) + 1))} | merger.snapshot_of(f"w{number}"),
            total([worker.recorder.counts for worker in life]),
        )
        assert merger.final(f"w{number}")


def test_a_mark_is_a_snapshot_of_its_moment_kept_apart():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    worker.count("/a", 10.0)
    worker.writer.mark("steady")
    at_mark = worker.recorder.snapshot()
    worker.count("/a", 400.0, ValueError())
    worker.writer.mark("steady")  # the first stands
    assert merger.marks("steady") == {}
    merger.apply("w", worker.report(), 0.0)
    assert_equal(merger.marks("steady")["w"], at_mark)
    assert_equal(merger.merged, worker.recorder.counts)
    assert merger.marks("other") == {}


def test_a_mark_survives_the_loss_of_the_reports_that_carry_it():
    worker, merger = Worker(), ReportMerger("r1", len(BOUNDS))
    merger.apply("w", worker.report(), 0.0)
    worker.count("/new", 10.0)
    worker.writer.mark("steady")
    at_mark = worker.recorder.snapshot()
    worker.report()  # lost, and with it the name of the request
    merger.apply("w", worker.report(), 1.0)
    assert merger.marks("steady") == {}, "it cannot be read without that name: not half of it"
    for _ in range(5):
        worker.report()  # lost
    merger.apply("w", worker.report(complete=True), 2.0)
    assert_equal(merger.marks("steady")["w"], at_mark)


def test_in_flight_requests_of_all_workers_that_report_are_added_up():
    merger = ReportMerger("r1", len(BOUNDS))
    for name, requests, age, received in (
        ("w1", 2, 3.0, 100.0),
        ("w2", 1, 5.0, 100.0),
        ("dead", 7, 9.0, 80.0),
    ):
        worker = Worker()
        for _ in range(requests):
            worker.in_flight.begin(RequestKey("WS", "x"))
        worker.clock.now += age
        merger.apply(name, worker.report(), received)
    assert merger.waiting(101.0) == {RequestKey("WS", "x"): Waiting(3, 5.0)}


def test_the_last_report_brings_what_was_cut_off_longest_first():
    merger = ReportMerger("r1", len(BOUNDS))
    for name, age in (("w1", 3.0), ("w2", 5.0)):
        worker = Worker()
        number = worker.in_flight.begin(RequestKey("WS", name))
        worker.clock.now += age
        worker.in_flight.stopping()
        worker.in_flight.end_unanswered(number)
        assert worker.report()["cut_off"] == []
        merger.apply(name, worker.report(complete=True), 0.0)
    assert [(pending.key.name, pending.age_seconds) for pending in merger.pending] == [
        ("w2", 5.0),
        ("w1", 3.0),
    ]


def test_what_a_worker_says_of_itself():
    worker, merger = Worker(lag=Lag()), ReportMerger("r1", len(BOUNDS))
    assert (merger.final("w"), merger.last_report_age("w", 1.0), merger.lag("w")) == (False, None, 0.0)
    merger.apply("w", worker.report(), 10.0)
    assert (merger.final("w"), merger.last_report_age("w", 12.5), merger.lag("w")) == (False, 2.5, 0.25)
    merger.apply("w", worker.report(complete=True), 11.0)
    assert (merger.final("w"), merger.workers) == (True, ("w",))


def test_labels_stay_bounded_over_all_workers():
    merger = ReportMerger("r1", len(BOUNDS), [KNOWN], max_names=2, max_errors=1)
    for number in range(3):
        worker = Worker()
        worker.count(f"/{number}", 10.0, [ValueError(), KeyError(), TypeError()][number])
        worker.count("/known", 10.0)
        merger.apply(f"w{number}", worker.report(), 0.0)
    finished = {key: counts.finished for key, counts in merger.merged.items()}
    assert finished == {
        KNOWN: 3,
        RequestKey("GET", "/0"): 1,
        RequestKey("GET", "/1"): 1,
        RequestKey(OTHER, OTHER): 1,
    }
    assert {error for counts in merger.merged.values() for error in counts.errors} == {"ValueError", OTHER}
