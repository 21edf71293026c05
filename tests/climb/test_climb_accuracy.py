"""How near a climb comes to a known capacity: paced users in line before a service of so many requests per second.

The arithmetic of docs/load-shapes.md, played through event by event with a clock of its own.
"""

import heapq
import random
from decimal import Decimal

import pytest

from swarmscope.climb import End, Level, LevelStatus, Part
from swarmscope.climber import Climber, Edge
from swarmscope.targets import Climb

LIMIT = 0.3


class Line:
    """Closed users that ask every `period` seconds, or as soon as they are answered when that is later."""

    def __init__(self, capacity, period, chance):
        self.slot, self.period, self.chance = 1 / capacity, period, chance
        self.free_at = 0.0
        self.users = []  # (when it asks next, its number)
        self.number = 0
        self.answered = []  # (when, after how long)

    def resize(self, users, now):
        while len(self.users) < users:
            heapq.heappush(self.users, (now + self.chance.random() * self.period, self.number))
            self.number += 1
        if len(self.users) > users:
            self.users = sorted(self.chance.sample(self.users, users))

    def play(self, until):
        while self.users and self.users[0][0] <= until:
            asks, number = heapq.heappop(self.users)
            done = max(asks, self.free_at)
            self.free_at = done + self.slot
            self.answered.append((done, done - asks))
            heapq.heappush(self.users, (max(asks + self.period, done), number))


def climbed(capacity, plan, seed, period=0.5):
    line = Line(capacity, period, random.Random(seed))
    climber = Climber(plan, spawn_rate=20.0)
    now, began = 0.0, 0.0
    while climber.wanted is not None:
        assert now < 7200
        now += 0.2
        line.play(now)
        if len(line.users) != climber.wanted:
            line.resize(climber.wanted, now)
        edge = climber.observe(now, len(line.users), True)
        if edge is Edge.BEGIN:
            began = now
        elif edge is Edge.END:
            waits = sorted(wait for at, wait in line.answered if began < at <= now)
            line.answered.clear()
            fast = sum(wait <= LIMIT for wait in waits)
            status = LevelStatus.HELD if fast >= 0.95 * len(waits) else LevelStatus.BROKE
            rate = len(waits) / (now - began)
            climber.judged(Level(climber.part, climber.wanted, began, now, status, rate))
    return climber.result()


def plan(capacity, **changes):
    step = max(1, capacity // 8)
    settings = {"settle": Decimal(2), "hold": Decimal(8), "precision": Decimal("0.05"), **changes}
    return Climb(start=step, step=step, limit=10 * capacity, **settings)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("capacity", [40, 60, 90, 120, 200, 400])
def test_paced_users_find_the_capacity_within_a_tenth(capacity, seed):
    result = climbed(capacity, plan(capacity), seed)
    assert result.end is End.BROKE
    # Each user asks twice a second.
    assert result.held.users * 2 == pytest.approx(capacity, rel=0.1)
    assert result.lowest_broken.users * 2 == pytest.approx(capacity, rel=0.1)
    assert result.held.rate == pytest.approx(capacity, rel=0.1)


def test_a_long_level_tells_apart_what_a_short_one_cannot():
    def too_high(hold):
        settings = {"settle": Decimal(1), "hold": Decimal(hold), "precision": Decimal("0.01")}
        found = [climbed(200, plan(200, **settings), seed).held.users * 2 / 200 for seed in range(3)]
        return sum(found) / len(found)

    # Above capacity by e, the wait after s + 0.95 h seconds is e times as long: 15 % and 1 % for 0.3 s.
    assert too_high(2) > 1.02
    assert too_high(2) > too_high(30)
    assert too_high(30) < 1.02


def test_users_slower_than_the_limit_break_it_late_but_the_rate_tells():
    # They ask ten times a second: a wait of 0.3 s needs three times as many as the service can serve.
    result = climbed(60, plan(60, precision=None), seed=1, period=0.1)
    assert result.lowest_broken.users >= 0.3 * 60
    assert result.held.rate == pytest.approx(60, rel=0.05)
    assert result.saturated is not None
    assert result.saturated.users < result.lowest_broken.users


def test_the_line_of_a_level_that_broke_is_gone_before_the_next():
    result = climbed(120, plan(120), seed=2)
    assert result.recovered_seconds
    assert all(seconds is not None and seconds < 10 for seconds in result.recovered_seconds)
    assert any(level.part is Part.NARROW for level in result.levels)
