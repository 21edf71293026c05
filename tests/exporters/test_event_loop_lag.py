import time

import gevent

from exporters.event_loop_lag import EventLoopLag


class Clock:
    """Time passes only in sleeps, and each ends as much too late as it is told."""

    def __init__(self):
        self.now = 100.0
        self.late = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds + self.late


def test_the_worst_lateness_is_told_once():
    clock = Clock()
    lag = EventLoopLag(0.05, clock, clock.sleep)
    for late in (0.0, 0.25, 0.125):
        clock.late = late
        lag.measure_once()
    clock.now -= 0.125  # as if asked at once
    assert lag.worst_and_reset() == 0.25
    clock.late = 0.0
    lag.measure_once()
    assert lag.worst_and_reset() < 1e-9


def test_a_stall_is_told_even_before_the_measuring_greenlet_has_run():
    lag = EventLoopLag(0.02)
    lag.start()
    lag.start()
    try:
        gevent.sleep(0.01)
        lag.worst_and_reset()
        stalled = time.perf_counter() + 0.2
        while time.perf_counter() < stalled:
            pass
        assert lag.worst_and_reset() > 0.1
    finally:
        lag.stop()
    assert lag.worst_and_reset() < 10
