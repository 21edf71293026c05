"""A climb's decisions, on services that are a function from users to what is measured."""

from dataclasses import replace
from decimal import Decimal

import pytest

from swarmscope.climb import End, Level, LevelStatus, Part, level_status
from swarmscope.climber import MOST_RELIEF_WINDOWS, Climber, Edge
from swarmscope.targets import Climb, Kind, Priority, Target
from swarmscope.verdict import Judgement, Status

P95 = Target("p95", Kind.P95, Decimal("0.1"), "100ms", request="*")
HELD, BROKE, INVALID, NO_DATA = LevelStatus.HELD, LevelStatus.BROKE, LevelStatus.INVALID, LevelStatus.NO_DATA


def climb(**changes):
    plan = Climb(start=10, step=10, limit=100, settle=Decimal(2), hold=Decimal(6))
    return replace(plan, **changes)


def missed(value):
    return (Judgement(P95, Status.FAIL, value, 100, "slow"),)


class Service:
    """Users arrive at once; each window is what `says(users, how many windows there were at this load)` gives."""

    def __init__(self, climber, says, users=lambda wanted: wanted):
        self.climber, self.says, self.users = climber, says, users
        self.now, self.began, self.windows, self.seen = 100.0, 0.0, {}, []

    def run(self, seconds=3600.0):
        climber = self.climber
        until = self.now + seconds
        while climber.wanted is not None and self.now < until:
            self.now += 0.2
            edge = climber.observe(self.now, self.users(climber.wanted), True)
            if edge is Edge.BEGIN:
                self.began = self.now
            elif edge is Edge.END:
                climber.judged(self.level())
        return climber.result()

    def level(self):
        users, part = self.climber.wanted, self.climber.part
        number = self.windows[users, part is Part.RELIEF] = (
            self.windows.get((users, part is Part.RELIEF), 0) + 1
        )
        status = self.says(users, number)
        self.seen.append((part, users, self.now - self.began))
        judgements = missed(0.2) if status is BROKE else ()
        reasons = ("the generator was at its limit",) if status is INVALID else ()
        rate = float(min(users, 40))
        return Level(
            part, users, self.began, self.now, status, rate, 0.0, judgements=judgements, reasons=reasons
        )


def breaks_above(capacity):
    return lambda users, number: HELD if users <= capacity else BROKE


def found(plan, says, **more):
    service = Service(Climber(plan, spawn_rate=10.0, **more), says)
    return service.run(), service


def steps(result):
    return [(str(level.part), level.users, str(level.status)) for level in result.levels]


def test_it_goes_up_level_by_level_and_holds_where_a_target_breaks():
    result, _ = found(climb(), breaks_above(25))
    assert steps(result) == [
        ("climb", 10, "held"),
        ("climb", 20, "held"),
        ("climb", 30, "broke"),
        ("confirm", 30, "broke"),
    ]
    assert result.end is End.BROKE
    assert result.held.users == 20
    assert result.lowest_broken.users == result.first_broken.users == 30
    assert [each.target.id for each in result.first_broken.broken] == ["p95"]


def test_a_window_is_as_long_as_hold_and_begins_once_the_level_has_settled():
    climber = Climber(climb(), spawn_rate=10.0, warm_up=5.0)
    assert climber.observe(0.0, 3, False) is None
    assert climber.observe(1.0, 10, True) is None
    edges = [(second, climber.observe(1.0 + second, 10, True)) for second in range(1, 14)]
    # 2 s to settle, and 5 s of warm-up for the first level.
    assert [edge for edge in edges if edge[1]] == [(7, Edge.BEGIN), (13, Edge.END)]


def test_every_window_is_at_least_as_long_as_it_was_asked_for():
    _, service = found(climb(precision=Decimal("0.05")), breaks_above(33))
    assert all(seconds >= (3.0 if part is Part.RELIEF else 6.0) for part, _, seconds in service.seen)


def test_the_levels_end_at_the_limit_even_between_two_steps():
    result, _ = found(climb(limit=25), breaks_above(1000))
    assert [users for _, users, _ in steps(result)] == [10, 20, 25]
    assert (result.end, result.held.users, result.lowest_broken) == (End.LIMIT, 25, None)


def test_a_breach_that_passes_does_not_end_the_climb_and_is_reported():
    result, _ = found(climb(limit=40), lambda users, number: BROKE if users == 20 and number == 1 else HELD)
    assert steps(result)[1:3] == [("climb", 20, "broke"), ("confirm", 20, "held")]
    assert (result.end, result.held.users) == (End.LIMIT, 40)
    assert [level.users for level in result.passing] == [20]
    assert result.first_broken is None


def test_a_breach_that_was_not_looked_at_again_is_not_said_to_have_passed():
    service = Service(Climber(climb(), spawn_rate=10.0), breaks_above(0))
    service.run(seconds=10)
    service.climber.stop()
    result = service.climber.result()
    assert steps(result) == [("climb", 10, "broke")]
    assert (result.passing, result.lowest_broken) == ((), None)


@pytest.mark.parametrize("capacity", [10, 11, 23, 29, 34, 57, 88])
def test_narrowing_down_brings_held_and_broken_within_the_precision(capacity):
    result, _ = found(climb(precision=Decimal("0.05")), breaks_above(capacity))
    assert result.end is End.BROKE
    assert result.held.users <= capacity < result.lowest_broken.users
    assert result.lowest_broken.users - result.held.users <= max(1, int(0.05 * result.lowest_broken.users))


def test_before_it_narrows_down_the_load_goes_back_until_the_service_has_recovered():
    queue = {"left": 3}

    def says(users, number):
        if users == 15:  # half of what held
            queue["left"] -= 1
            return BROKE if queue["left"] > 0 else HELD
        return HELD if users <= 32 else BROKE

    result, service = found(climb(precision=Decimal("0.2")), says)
    parts = [(str(part), users) for part, users, _ in service.seen]
    assert parts[4:9] == [
        ("confirm", 40),
        ("relief", 15),
        ("relief", 15),
        ("relief", 15),
        ("narrow", 35),
    ]
    # 2 s to settle and two windows of 3 s that were still bad: then one that held began.
    assert result.recovered_seconds[0] == pytest.approx(8.5, abs=1.0)
    assert all(level.part is not Part.RELIEF for level in result.levels)


def test_a_service_that_does_not_come_back_ends_the_climb():
    def says(users, number):
        return HELD if users in (10, 20) and not says.broken else BROKE

    says.broken = False

    def broken_for_good(users, number):
        says.broken = says.broken or users == 30
        return says(users, number)

    result, service = found(climb(precision=Decimal("0.05")), broken_for_good)
    assert result.end is End.NOT_RECOVERED
    assert result.recovered_seconds == (None,)
    assert "still missed" in result.reason
    assert sum(part is Part.RELIEF for part, _, _ in service.seen) == MOST_RELIEF_WINDOWS


def test_a_first_level_that_breaks_ends_it_with_nothing_held():
    result, _ = found(climb(precision=Decimal("0.05")), breaks_above(0))
    assert steps(result) == [("climb", 10, "broke"), ("confirm", 10, "broke")]
    assert (result.end, result.held) == (End.BROKE, None)


def test_the_generators_limit_is_never_the_services_breaking_point():
    result, _ = found(climb(), lambda users, number: HELD if users < 50 else INVALID)
    assert steps(result)[-2:] == [("climb", 50, "invalid"), ("confirm", 50, "invalid")]
    assert (result.end, result.held.users, result.lowest_broken) == (End.GENERATOR, 40, None)
    assert result.reason == "the generator was at its limit"


def test_an_overloaded_moment_of_the_generator_is_looked_at_again():
    result, _ = found(climb(limit=30), lambda users, number: INVALID if users == 20 and number == 1 else HELD)
    assert (result.end, result.held.users) == (End.LIMIT, 30)


def test_a_breach_beside_an_untrusted_window_takes_two_trusted_ones():
    order = [INVALID, BROKE, BROKE]
    result, _ = found(climb(), lambda users, number: HELD if users < 20 else order[number - 1])
    assert [str(status) for _, users, status in steps(result) if users == 20] == ["invalid", "broke", "broke"]
    assert result.end is End.BROKE


def test_without_data_a_level_neither_holds_nor_breaks():
    result, _ = found(climb(limit=30), lambda users, number: NO_DATA)
    assert (result.end, result.held, result.lowest_broken) == (End.LIMIT, None, None)


def test_users_that_never_run_are_the_generators_limit():
    service = Service(
        Climber(climb(), spawn_rate=10.0), breaks_above(1000), users=lambda wanted: min(wanted, 17)
    )
    result = service.run()
    assert (result.end, result.held.users) == (End.GENERATOR, 10)
    assert result.reason.startswith("only 17 of 20 users ran 3")


def test_ended_early_it_tells_what_it_has_found():
    service = Service(Climber(climb(), spawn_rate=10.0), breaks_above(1000))
    service.run(seconds=20)
    service.climber.stop()
    result = service.climber.result()
    assert (result.end, result.held.users) == (End.STOPPED, 20)
    assert service.climber.observe(1e9, 20, True) is None


def test_more_users_without_more_requests_are_noticed():
    result, _ = found(climb(limit=100), breaks_above(1000))
    # The service answers 40 a second at most; 50 users still get 80 % of their requests.
    assert result.saturated.users == 60
    assert found(climb(limit=40), breaks_above(1000))[0].saturated is None


def test_the_worst_of_the_missed_targets_comes_first():
    floor = Target("rate", Kind.RPS, Decimal(100), "100", request="*")
    judgements = (
        Judgement(P95, Status.FAIL, 0.15, 10, ""),
        Judgement(floor, Status.FAIL, 20.0, 10, ""),
        Judgement(replace(P95, id="held"), Status.PASS, 0.05, 10, ""),
    )
    level = Level(Part.CLIMB, 10, 0.0, 1.0, BROKE, 1.0, judgements=judgements)
    assert [each.target.id for each in level.broken] == ["rate", "p95"]


@pytest.mark.parametrize(
    ("statuses", "reasons", "expected"),
    [
        ([Status.PASS, Status.PASS], [], HELD),
        ([Status.PASS, Status.FAIL], [], BROKE),
        ([Status.PASS, Status.NO_DATA], [], NO_DATA),
        ([Status.NO_DATA, Status.FAIL], [], BROKE),
        ([Status.FAIL], ["overloaded"], INVALID),
        ([], [], NO_DATA),
    ],
)
def test_what_targets_and_trust_say_of_a_level(statuses, reasons, expected):
    judgements = [Judgement(P95, status, None, 1, "") for status in statuses]
    assert level_status(judgements, reasons, Priority.MEDIUM) is expected


def test_a_target_below_the_gate_breaks_no_level():
    low = replace(P95, priority=Priority.MEDIUM)
    judgements = [
        Judgement(low, Status.FAIL, 1.0, 1, ""),
        Judgement(replace(P95, priority=Priority.CRITICAL), Status.PASS, 0.1, 1, ""),
    ]
    assert level_status(judgements, [], Priority.CRITICAL) is HELD
