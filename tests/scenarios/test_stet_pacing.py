import random

import pytest

from scenarios.stet.pacing import LONGEST_BACKLOG_SECONDS, Schedule


class FakeClock:
    def __init__(self):
        self.now = 500.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


def live(schedule, clock, answers):
    """Send one request for each answer time; the moments at which they were sent, and by how much they were late."""
    started, sent = clock.now, []
    for seconds in answers:
        sent.append((clock.now - started, schedule.late))
        clock.now += seconds
        clock.now += schedule.wait()
    return sent


def test_requests_are_due_at_equal_distances_however_long_the_answers_take(clock):
    chance = random.Random(1)
    sent = live(Schedule(10, clock, 0), clock, [chance.uniform(0, 0.09) for _ in range(1000)])
    assert [moment for moment, _ in sent] == pytest.approx([n / 10 for n in range(1000)])
    assert {late for _, late in sent} == {0.0}


def test_after_a_stall_every_missed_request_is_sent_and_counts_from_when_it_was_due(clock):
    # The third answer takes 2 s: the 19 requests that were due meanwhile follow at once, each 10 ms apart.
    answers = [0.01, 0.01, 2.0] + [0.01] * 60
    sent = live(Schedule(10, clock, 0), clock, answers)
    moments, late = zip(*sent, strict=True)
    assert moments[2] == pytest.approx(0.2)
    assert moments[3] == pytest.approx(2.2)
    assert late[3] == pytest.approx(1.9)
    assert late[4] == pytest.approx(1.9 - 0.09)
    caught_up = next(n for n in range(4, 60) if late[n] == 0)
    assert caught_up == 3 + 22
    # Back on the schedule that there was before, with nothing lost.
    assert moments[caught_up] == pytest.approx(caught_up / 10)


def test_the_latency_that_is_counted_is_that_of_callers_who_do_not_wait_for_each_other(clock):
    # 10 ms, but a stall of 2 s in every 20: of callers that arrive evenly, 1 in 100 waits 1.8 s or longer.
    schedule, latencies, stalls = Schedule(10, clock, 0), [], iter(range(20, 1000, 20))
    next_stall, started = next(stalls), clock.now
    while next_stall < 400:
        service = 0.01
        if clock.now - started >= next_stall:
            service, next_stall = 2.0, next(stalls)
        latencies.append(schedule.late + service)
        clock.now += service
        clock.now += schedule.wait()
    p99 = sorted(latencies)[int(0.99 * len(latencies))]
    assert 1.7 < p99 < 2.0


def test_a_long_stall_is_not_made_up_for_without_end_and_what_is_given_up_is_counted(clock):
    schedule = Schedule(5, clock, 0)
    clock.now += 60
    assert schedule.wait() == 0
    assert schedule.late + 1e-9 >= LONGEST_BACKLOG_SECONDS - 0.2
    assert schedule.late <= LONGEST_BACKLOG_SECONDS + 1e-9
    # The next one was due 59.8 s ago.
    assert schedule.given_up * 0.2 + schedule.late == pytest.approx(59.8)
    sent = live(schedule, clock, [0.001] * 60)
    # The backlog is sent, and the schedule's rhythm is kept.
    assert sent[-1][1] == 0
    assert (sent[-1][0] * 5) % 1 == pytest.approx(0, abs=1e-6) or (sent[-1][0] * 5) % 1 == pytest.approx(1)


@pytest.mark.parametrize("per_second", [3, 5, 10, 20, 25])
def test_the_phase_spreads_users_that_start_together(clock, per_second):
    firsts = [Schedule(per_second, clock, phase / 100).wait() for phase in range(101)]
    assert firsts == pytest.approx([(1 - phase / 100) / per_second for phase in range(101)])
