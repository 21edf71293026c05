from decimal import Decimal

from exporters.phases import PhaseTracker, phases_of, steady_windows
from swarmscope.names import Phase
from swarmscope.targets import Profile, Stage


def test_a_constant_run_goes_through_ramp_and_warm_up_to_steady():
    tracker = PhaseTracker(warm_up=2)
    seen = []
    for now, users, spawned in [
        (0, 1, False),
        (1, 5, False),
        (2, 10, True),
        (3, 10, True),
        (4, 10, True),
        (5, 10, True),
    ]:
        transition = tracker.observe(now, users=users, wanted=10, spawned=spawned)
        if transition:
            seen.append((transition.at, str(transition.after)))
    seen.append((6, str(tracker.stopping(6).after)))
    assert seen == [(0, "ramp"), (2, "warm_up"), (4, "steady"), (6, "stopping")]


def test_spawning_complete_with_users_missing_is_still_the_ramp():
    tracker = PhaseTracker(warm_up=0)
    tracker.observe(0, users=9, wanted=10, spawned=True)
    assert tracker.phase == Phase.RAMP


def test_a_lost_user_does_not_end_the_judged_window():
    tracker = PhaseTracker(warm_up=0)
    tracker.observe(0, users=10, wanted=10, spawned=True)
    assert tracker.observe(1, users=3, wanted=10, spawned=True) is None
    assert tracker.phase == Phase.STEADY


def test_stages_give_several_judged_windows_and_warm_up_only_once():
    tracker = PhaseTracker(warm_up=1)
    script = [
        (0, 5, 10, False, ""),
        (1, 10, 10, True, ""),
        (2, 10, 10, True, ""),
        (5, 10, 50, False, "spike"),
        (6, 50, 50, True, "spike"),
        (8, 20, 10, False, ""),
        (9, 10, 10, True, ""),
    ]
    transitions = [
        transition
        for now, users, wanted, spawned, name in script
        if (transition := tracker.observe(now, users=users, wanted=wanted, spawned=spawned, stage_phase=name))
    ]
    transitions.append(tracker.stopping(12))
    assert steady_windows(transitions) == [(2, 5), (9, 12)]
    assert [str(transition.after) for transition in transitions] == [
        "ramp", "warm_up", "steady", "spike", "ramp", "steady", "stopping",
    ]  # fmt: skip


def test_nothing_leaves_stopping_but_done():
    tracker = PhaseTracker(warm_up=0)
    tracker.stopping(1)
    assert tracker.observe(2, users=1, wanted=1, spawned=True) is None
    assert tracker.done(3).after == Phase.DONE


def test_a_profile_names_the_phases_of_its_stages():
    stage = Stage(users=1, duration=Decimal(1), spawn_rate=Decimal(1), phase="spike")
    assert phases_of(Profile("p", stages=(stage, stage)))[-2:] == ("done", "spike")
