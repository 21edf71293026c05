"""The load that a climb must hold, judged like any target."""

from decimal import Decimal

import pytest

from swarmscope.climb import ClimbResult, End, Level, LevelStatus, Part
from swarmscope.climb_goal import goal, goal_value
from swarmscope.measurements import Window
from swarmscope.targets import Climb
from swarmscope.verdict import Status, judge

USERS = Climb(10, 10, 100, at_least=Decimal(40), at_least_written="40")
RATE = Climb(10, 10, 100, at_least=Decimal("75.5"), at_least_written="75.5/s", at_least_per_second=True)


def result(end, *held):
    levels = tuple(Level(Part.CLIMB, users, 0.0, 10.0, LevelStatus.HELD, float(2 * users)) for users in held)
    return ClimbResult(end, levels, "why")


def judged(climb, climbed):
    target = goal(climb, "stress")
    (judgement,) = judge([target], Window((), 10.0, {}), {target.id: goal_value(climb, climbed)})
    return judgement


@pytest.mark.parametrize(
    ("climb", "climbed", "status", "value"),
    [
        (USERS, result(End.BROKE, 10, 40), Status.PASS, 40),
        (USERS, result(End.BROKE, 10, 30), Status.FAIL, 30),
        (USERS, result(End.BROKE), Status.FAIL, 0),
        (USERS, result(End.STOPPED, 40), Status.PASS, 40),
        (USERS, result(End.STOPPED, 30), Status.NO_DATA, None),
        (USERS, result(End.GENERATOR, 30), Status.NO_DATA, None),
        (USERS, result(End.NOT_RECOVERED, 30), Status.FAIL, 30),
        (RATE, result(End.BROKE, 40), Status.PASS, 80),
        (RATE, result(End.BROKE, 30), Status.FAIL, 60),
        (RATE, result(End.LIMIT, 30), Status.NO_DATA, None),
    ],
)
def test_what_held_is_compared_with_what_must(climb, climbed, status, value):
    judgement = judged(climb, climbed)
    assert (judgement.status, judgement.value) == (status, value)


def test_it_says_so_in_words():
    assert goal(USERS, "stress").in_words == "load-held ≥ 40 users"
    assert judged(USERS, result(End.BROKE, 30)).reason == "measured 30 users; at least 40 users wanted"
    assert judged(RATE, result(End.BROKE, 30)).reason == "measured 60 requests/s; at least 75.5/s wanted"
    assert judged(RATE, result(End.LIMIT, 30)).reason == (
        "60 requests/s held at the highest level, and nothing broke: make `to` greater"
    )
    assert judged(USERS, result(End.GENERATOR, 30)).reason == (
        "30 users held, and the climb ended before a target broke: why"
    )
