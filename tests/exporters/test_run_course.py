"""The course of a run beside its judged window: exact phases, recovery after a spike, drift."""

from decimal import Decimal

import pytest

from exporters.phases import Transition
from exporters.run_course import RunCourse
from exporters.run_view import GeneratorView, Waiting
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome, Phase
from swarmscope.targets import Climb, Kind, Profile, Stage, System, Target

GET = RequestKey("GET", "/")
P95 = Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="GET /", min_samples=1000)
SERVER = Target("pool", Kind.MAX, Decimal(80), "80", query="pool")
BOUNDS = fine_bounds([P95.limit])
SPIKE = Profile(
    "spike",
    stages=(
        Stage(10, Decimal(10), Decimal(10)),
        Stage(50, Decimal(10), Decimal(50), "spike"),
        Stage(10, Decimal(20), Decimal(50)),
    ),
)
FAST, SLOW = Decimal("0.05"), Decimal("0.5")


class Source:
    def __init__(self):
        self.live = {GET: RequestCounts([0] * (len(BOUNDS) + 1))}
        self.marks, self.stuck = {}, {}

    def answer(self, requests, latency, failed=0):
        counts = self.live[GET]
        counts.buckets[BOUNDS.index(latency)] += requests
        for outcome, number in (
            ((Outcome.SUCCESS, "200"), requests - failed),
            ((Outcome.FAILURE, "500"), failed),
        ):
            counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + number

    def counts(self):
        return self.live

    def latest(self):
        return {"local": {key: counts.copy() for key, counts in self.live.items()}}

    def mark(self, label):
        self.marks[label] = self.latest()

    def marked(self, label):
        return self.marks.get(label, {})

    def waiting(self):
        return self.stuck


class Run:
    def __init__(self, profile=SPIKE):
        self.source = Source()
        system = System("shop", "Shop", (P95, SERVER), {profile.name: profile}, profile.name)
        self.breaths = 0
        self.course = RunCourse(profile, system, self.source, BOUNDS, self.breathe)
        self.now, self.phase = 100.0, "ready"

    def breathe(self):
        self.breaths += 1

    def enter(self, phase):
        self.course.note(Transition(self.now, self.phase, phase))
        self.phase = phase

    def seconds(self, seconds, users, latency=FAST, requests=20, memory=1000):
        for _ in range(seconds):
            self.course.tick(self.now + 0.1, users, users)
            if requests:
                self.source.answer(requests, latency)
            self.now += 1
            self.course.tick(self.now, users, users)
            self.course.look(
                self.now, self.phase, [GeneratorView("local", "running", users, memory_bytes=memory)]
            )


def spike(after):
    """A run whose spike is slow, and `after` of it."""
    run = Run()
    run.enter(Phase.STEADY)
    run.seconds(10, 10)
    run.enter("spike")
    run.seconds(10, 50, SLOW, requests=100)
    run.enter(Phase.STEADY)
    after(run)
    run.enter(Phase.STOPPING)
    return run


def test_recovery_ends_with_the_last_second_whose_window_still_missed_a_target():
    def after(run):
        run.seconds(4, 10, SLOW)
        run.seconds(10, 10)

    (found,) = spike(after).course.recoveries(134.0)
    assert (found.phase, found.missed_in_peak, found.last_missed) == ("spike", True, ("p95",))
    # Slow for 4 s, and for 2 s more a second of them is in the window of 3 s.
    assert found.seconds == pytest.approx(6.0, abs=0.2)


def test_what_was_answered_in_the_peak_does_not_count_against_what_follows():
    (found,) = spike(lambda run: run.seconds(10, 10)).course.recoveries(130.0)
    assert (found.seconds, found.missed_in_peak) == (0.0, True)


def test_a_service_that_hangs_after_the_peak_has_not_recovered():
    def after(run):
        run.seconds(3, 10)
        run.source.stuck = {GET: Waiting(10, 30.0)}
        run.seconds(8, 10, requests=0)

    run = spike(after)
    (found,) = run.course.recoveries(131.0)
    assert found.seconds == float("inf")
    assert run.course.known_recoveries == (found,)


def test_without_an_answer_after_the_peak_nothing_is_known():
    (found,) = spike(lambda run: run.seconds(5, 10, requests=0)).course.recoveries(125.0)
    assert found.seconds is None


def test_phases_are_what_lies_between_the_marks_of_their_beginnings():
    run = spike(lambda run: run.seconds(5, 10))
    run.source.answer(7, FAST)  # while stopping
    phases = run.course.phases(run.source.latest())
    assert [(phase.name, phase.users, phase.finished) for phase in phases] == [
        ("steady", 10, 200),
        ("spike", 50, 1000),
        ("steady", 10, 100),
    ]
    assert [phase.p95 for phase in phases] == [0.05, 0.5, 0.05]
    assert phases[1].rate == pytest.approx(100.0)


def test_many_phases_are_bounded():
    run = Run()
    for number in range(500):
        run.enter(Phase.STEADY if number % 2 else Phase.RAMP)
        run.now += 1
    assert len(run.source.marks) == 60


def test_a_profile_without_peaks_is_not_looked_at_each_second():
    run = Run(Profile("flat", users=10))
    run.enter(Phase.RAMP)
    run.seconds(5, 10)
    assert run.course._looks.maxlen
    assert not run.course._looks
    assert run.course.recoveries(200.0) == ()


def test_the_drift_of_a_long_steady_phase_is_seen():
    run = Run(Profile("soak", users=10))
    run.enter(Phase.STEADY)
    run.seconds(100, 10, memory=1000)
    run.seconds(100, 10, SLOW, memory=3000)
    drift = run.course.drift()
    assert (drift.first.p95, drift.last.p95) == (0.05, 0.5)
    assert (drift.memory_first, drift.memory_last) == (1000, 3000)


def test_what_differs_under_another_load_is_no_drift():
    run = Run(
        Profile("soak", stages=(Stage(10, Decimal(130), Decimal(1)), Stage(50, Decimal(200), Decimal(1))))
    )
    run.enter(Phase.STEADY)
    run.seconds(130, 10)
    run.seconds(200, 50, SLOW)
    drift = run.course.drift()
    assert (drift.first.p95, drift.last.p95) == (0.5, 0.5)
    assert (drift.first.users, drift.last.ended - drift.first.began) == (50, pytest.approx(199, abs=8))


def test_a_climb_has_levels_and_no_phases_of_this_kind():
    plan = Climb(10, 10, 100)
    run = Run(Profile("stress", climb=plan))
    run.enter("climb")
    run.seconds(200, 10)
    run.enter(Phase.STOPPING)
    assert run.source.marks == {}
    assert run.course.phases({}) == ()
    assert run.course.drift() is None
