"""How long a service needs after a peak, from seconds in which targets were missed or not."""

import math
from decimal import Decimal

from swarmscope.recovery import Look, Recovery, peaks_of, recovery
from swarmscope.targets import Profile, Stage

HELD = frozenset()
SLOW = frozenset({"p95"})


def stage(users, phase=""):
    return Stage(users, Decimal(10), Decimal(10), phase)


def looks(*missed, first=1.0):
    """One look a second from `first` on."""
    return [Look(first + second, each) for second, each in enumerate(missed)]


def after_spike(*missed, in_peak=(), until=None):
    """The peak lasts from 100 to 110; the looks given follow it."""
    seconds = looks(*in_peak, first=101.0) + looks(*missed, first=111.0)
    return recovery("spike", 100.0, 110.0, until or 110.0 + len(missed), seconds)


def test_a_peak_is_a_stage_that_a_lower_one_follows():
    stages = (stage(10), stage(100, "spike"), stage(10), stage(50), stage(20), stage(90, "spike"), stage(5))
    assert peaks_of(Profile("x", stages=stages)) == ("spike", "peak-2", "spike-3")


def test_the_end_of_the_load_is_no_end_of_a_peak():
    assert peaks_of(Profile("x", stages=(stage(10), stage(100), stage(0)))) == ()
    assert peaks_of(Profile("x", users=10)) == ()


def test_the_time_is_that_of_the_last_second_in_which_a_target_was_missed():
    found = after_spike(SLOW, SLOW, HELD, SLOW, HELD, HELD, HELD, HELD, in_peak=(SLOW,))
    assert found == Recovery("spike", 110.0, 118.0, 4.0, True, ("p95",))


def test_targets_that_hold_at_once_are_0_seconds_and_the_peak_is_told_apart():
    assert after_spike(HELD, HELD, in_peak=(SLOW,)) == Recovery("spike", 110.0, 112.0, 0.0, True)
    assert after_spike(HELD, HELD, in_peak=(HELD,)) == Recovery("spike", 110.0, 112.0, 0.0, False)


def test_what_is_missed_at_the_end_has_not_recovered():
    assert after_spike(SLOW, HELD, HELD, HELD, SLOW).seconds == math.inf


def test_to_hold_for_less_than_a_window_is_not_to_stay_so():
    assert after_spike(SLOW, SLOW, HELD, HELD).seconds == math.inf
    assert after_spike(SLOW, SLOW, HELD, HELD, HELD).seconds == 2.0


def test_a_second_in_which_nothing_could_be_measured_is_none_in_which_targets_held():
    assert after_spike(HELD, None, HELD, HELD, HELD).seconds == 2.0


def test_without_any_measurement_the_time_is_not_known():
    assert after_spike(None, None).seconds is None
    assert after_spike().seconds is None


def test_seconds_after_the_next_rise_of_the_load_are_not_looked_at():
    assert after_spike(SLOW, HELD, HELD, HELD, SLOW, SLOW, until=114.5).seconds == 1.0
