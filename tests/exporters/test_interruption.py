"""Which runs count as ended by hand: Locust stops them in different ways."""

import time
from types import SimpleNamespace

import pytest

from exporters.observer import Observer

PLAIN = SimpleNamespace(is_shaped=False)
SHAPED = SimpleNamespace(is_shaped=True)


def life(profile, planned, after, climbing=None, aborted_by=""):
    return SimpleNamespace(
        active=True,
        profile=profile,
        planned_seconds=planned,
        started=time.time() - after,
        climbing=climbing,
        aborted_by=aborted_by,
        interrupted=False,
        stopping=lambda: None,
    )


def stopped(life, headless, iterations=0):
    observer = Observer(lambda: life, page=None, finish=None, counters=None, headless=headless)
    options = SimpleNamespace(iterations=iterations)
    observer.on_test_stopping(SimpleNamespace(parsed_options=options))
    return life.interrupted


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: life(SHAPED, 60.0, 20), True),
        (lambda: life(SHAPED, 60.0, 59), False),
        (lambda: life(SHAPED, None, 20, climbing="goes on"), True),
        (lambda: life(SHAPED, 20.0, 20, climbing="over"), False),
        (lambda: life(SHAPED, None, 20, climbing="goes on", aborted_by="a target"), False),
    ],
    ids=["stages, early", "stages, in time", "climb, early", "climb, over", "climb, aborted"],
)
def test_a_load_shape_that_is_stopped_before_its_end_was_stopped_by_hand(run, expected, headless):
    assert stopped(run(), headless) is expected


def test_a_plain_run_stops_headless_for_good_reasons_and_in_the_web_ui_by_hand():
    assert stopped(life(PLAIN, 60.0, 20), headless=True) is False
    assert stopped(life(PLAIN, 60.0, 20), headless=False) is True
    assert stopped(life(PLAIN, None, 20), headless=False) is False


def test_a_number_of_iterations_ends_a_shape_early_and_not_by_hand():
    assert stopped(life(SHAPED, 60.0, 20), headless=True, iterations=100) is False


def quitting(headless, autoquit=-1, times=1):
    """What ended the waiting for late measurements, and for how long the end would have waited."""
    hurried, joined = [], []
    over = SimpleNamespace(active=False, source=SimpleNamespace(dismiss=lambda: None))
    observer = Observer(lambda: over, page=None, finish=None, counters=None, headless=headless)
    observer.settle_seconds, observer.hurry = 300.0, hurried.append
    observer._finishing = SimpleNamespace(join=joined.append)
    environment = SimpleNamespace(parsed_options=SimpleNamespace(autoquit=autoquit))
    for _ in range(times):
        observer.on_quitting(environment)
    return hurried, joined


def test_locusts_end_waits_for_late_measurements_where_it_ends_by_itself():
    assert quitting(headless=True) == ([], [390.0])
    assert quitting(headless=False, autoquit=0) == ([], [390.0])


def test_who_ends_locust_by_hand_does_not_wait_for_late_measurements():
    assert quitting(headless=False) == (["Locust was ended by hand"], [390.0])
    # The second time it is told to end.
    assert quitting(headless=True, times=2)[0] == ["Locust was ended by hand"]
