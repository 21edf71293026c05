"""What the load shapes hand to Locust, tick by tick; in a process of its own, because Locust patches its process."""

from tests.scenarios.locust_runs import ask, clean_environment

PROGRAM = """
from decimal import Decimal
from types import SimpleNamespace

from scenarios.shapes import climbing, staged
from swarmscope.targets import Climb, Profile, Stage


def shaped(shape, run_time=None, state="running"):
    options = SimpleNamespace(run_time=run_time)
    shape.runner = SimpleNamespace(state=state, environment=SimpleNamespace(parsed_options=options))
    return shape


def at(shape, seconds):
    shape.get_run_time = lambda: seconds
    return shape.tick(), shape.stage_phase() if hasattr(shape, "stage_phase") else None


stages = (Stage(10, Decimal(5), Decimal(2)), Stage(50, Decimal(5), Decimal(25), "spike"))
spike = shaped(staged(Profile("spike", stages=stages))())
short = shaped(staged(Profile("spike", stages=stages))(), run_time=4)
climb = shaped(climbing(Profile("stress", spawn_rate=Decimal("2.5"), climb=Climb(20, 10, 90)))(), run_time=600)
found = {
    "stages": [at(spike, seconds) for seconds in (0, 4.9, 5, 9.9, 10)],
    "run time": [at(short, seconds)[0] for seconds in (3.9, 4)],
}
found["before the run"] = at(climb, 0)[0]
climb.leader = SimpleNamespace(wanted=40)
found["led"] = at(climb, 100)[0]
found["too late"] = at(climb, 600)[0]
climb.leader.wanted = None
found["over"] = at(climb, 100)[0]
climb.runner.state = "ready"
found["the next run begins"] = at(climb, 0)[0]
answer = found
"""


def test_shapes_follow_their_profiles():
    assert ask(PROGRAM, clean_environment()) == {
        "stages": [
            [[10, 2.0], ""],
            [[10, 2.0], ""],
            [[50, 25.0], "spike"],
            [[50, 25.0], "spike"],
            [None, ""],
        ],
        "run time": [[10, 2.0], None],
        "before the run": [20, 2.5],
        "led": [40, 2.5],
        "too late": None,
        "over": None,
        # Locust asks before the new run has a climb of its own: that of the last one is over and must not end it.
        "the next run begins": [20, 2.5],
    }
