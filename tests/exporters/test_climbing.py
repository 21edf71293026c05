"""A climb beside the load: marks at the edges, exact windows of several workers, trust in the generators."""

from dataclasses import replace
from decimal import Decimal

import pytest

from exporters.climbing import MARKS_SECONDS, Climbing, in_words
from exporters.run_view import GeneratorView, Waiting
from swarmscope.climb import End, LevelStatus
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome
from swarmscope.targets import Climb, Kind, Profile, System, Target

GET = RequestKey("GET", "/")
P95 = Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="*", min_samples=5)
BOUNDS = fine_bounds([P95.limit])
PLAN = Climb(start=10, step=10, limit=30, settle=Decimal(1), hold=Decimal(4))
PROFILE = Profile("stress", spawn_rate=Decimal(10), climb=PLAN)
SYSTEM = System("shop", "Shop", (P95,), {"stress": PROFILE}, "stress")


class Workers:
    """Two workers that answer 10 requests per user and second between them; marks arrive when they are let."""

    def __init__(self):
        self.slow = False
        self.marks, self.late, self.held_up = {}, {}, set()
        self.counts = {name: RequestCounts([0] * (len(BOUNDS) + 1)) for name in ("w1", "w2")}
        self.stuck = {}

    def answer(self, requests):
        bucket = BOUNDS.index(Decimal("0.5" if self.slow else "0.05"))
        for counts in self.counts.values():
            counts.buckets[bucket] += requests
            key = (Outcome.SUCCESS, "200")
            counts.outcomes[key] = counts.outcomes.get(key, 0) + requests

    def mark(self, label):
        for name, counts in self.counts.items():
            into = self.late if name in self.held_up else self.marks
            into.setdefault(label, {})[name] = {GET: counts.copy()}

    def marked(self, label):
        return self.marks.get(label, {})

    def waiting(self):
        return self.stuck

    def deliver(self):
        for label, snapshots in self.late.items():
            self.marks.setdefault(label, {}).update(snapshots)
        self.late = {}


class Run:
    def __init__(self, plan=PLAN):
        self.source, self.now = Workers(), 1000.0
        profile = replace(PROFILE, climb=plan)
        self.climbing = Climbing(profile, plan, SYSTEM, self.source, BOUNDS)
        self.generators = [GeneratorView(name, "running", 5, 0.3) for name in ("w1", "w2")]
        self.lost = frozenset()
        self.short = 0

    def second(self):
        for _ in range(5):
            self.now += 0.2
            wanted = self.climbing.wanted
            self.source.answer((wanted or 0) // 10)
            self.climbing.tick(
                self.now, (wanted or 0) - self.short, spawned=True, generators=self.generators, lost=self.lost
            )

    def until(self, condition, seconds=120):
        for _ in range(seconds):
            if condition():
                return
            self.second()
        raise AssertionError("not within the time")

    def levels(self):
        return self.climbing.result().levels


def test_a_level_is_judged_on_what_all_workers_counted_between_its_marks():
    run = Run()
    run.until(run.levels)
    (level,) = run.levels()
    assert level.status is LevelStatus.HELD
    assert level.ended - level.began == pytest.approx(4.0, abs=0.3)
    # One request per worker and tick of 0.2 s.
    assert level.rate == pytest.approx(10.0, rel=0.1)
    assert (level.p95, level.error_ratio) == (0.05, 0.0)
    assert run.climbing.judgements == level.judgements
    assert run.climbing.wanted == 20


def test_a_level_waits_for_the_marks_of_every_worker_at_work():
    run = Run()
    run.until(lambda: run.climbing._began)
    run.source.held_up = {"w2"}
    run.until(lambda: "level-1-end" in run.source.marks)
    run.second()
    assert run.levels() == ()
    run.source.deliver()
    run.second()
    assert run.levels()[0].rate == pytest.approx(10.0, rel=0.1)


def test_a_level_whose_marks_never_arrive_is_not_trusted():
    run = Run()
    run.until(lambda: run.climbing._began)
    run.source.held_up = {"w2"}
    run.until(run.levels, int(MARKS_SECONDS) + 8)
    assert run.levels()[0].status is LevelStatus.INVALID
    assert run.levels()[0].reasons == ("the counters of only 1 of 2 load generators arrived in time",)


def test_the_run_is_judged_by_the_highest_level_that_held():
    run = Run()
    run.until(lambda: run.climbing.wanted == 30)
    run.source.slow = True
    run.until(lambda: run.climbing.wanted is None)
    assert run.climbing.result().end is End.BROKE
    window, ((began, ended),) = run.climbing.window()
    held = run.climbing.result().held
    assert (held.users, held.began, held.ended) == (20, began, ended)
    assert window.finished_matching("*") == pytest.approx(20 * 4, rel=0.1)
    assert run.climbing.doubts() == []


def test_where_nothing_held_the_run_is_judged_by_what_broke():
    run = Run()
    run.source.slow = True
    run.until(lambda: run.climbing.wanted is None)
    window, _ = run.climbing.window()
    counts = window.matching("*")
    assert counts.buckets[BOUNDS.index(Decimal("0.5"))] == counts.finished > 0


def test_an_overloaded_generator_makes_its_level_invalid_and_ends_the_climb():
    run = Run()
    run.until(lambda: run.climbing.wanted == 20)
    run.generators = [GeneratorView("w1", "running", 5, 0.97), GeneratorView("w2", "running", 5, 0.3)]
    run.source.slow = True
    run.until(lambda: run.climbing.wanted is None)
    result = run.climbing.result()
    assert (result.end, result.held.users) == (End.GENERATOR, 10)
    assert result.reason.startswith("load generator w1 used more than 90% of its core for ")
    assert result.lowest_broken is None


def test_a_worker_lost_within_a_level_makes_it_invalid_but_not_the_next():
    run = Run()
    run.until(lambda: run.climbing._began)
    run.lost = frozenset({"w3"})
    run.until(lambda: len(run.levels()) == 2)
    assert [level.status for level in run.levels()] == [LevelStatus.INVALID, LevelStatus.HELD]
    assert run.levels()[0].reasons == ("worker w3 was lost",)


def test_requests_that_hang_at_the_end_of_a_level_break_it():
    run = Run()
    run.source.stuck = {GET: Waiting(40, 9.0)}
    run.until(run.levels)
    assert run.levels()[0].status is LevelStatus.BROKE
    assert run.levels()[0].p95 == float("inf")


def test_a_run_too_short_for_a_level_says_so():
    run = Run()
    run.second()
    run.climbing.stop()
    assert run.climbing.window()[0].seconds == 0
    assert run.climbing.doubts() == ["no level was judged: the run was ended before the climb was over"]


def test_a_level_in_words():
    run = Run()
    run.source.slow = True
    run.until(run.levels)
    words = in_words(run.levels()[0])
    assert words.startswith("climb: 10 users broke: ")
    assert words.endswith("p95 500ms, 0 % errors; missed all requests p95 ≤ 100ms")
