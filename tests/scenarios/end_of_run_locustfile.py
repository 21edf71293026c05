"""A check that takes its time, and what each report after the users' end found of it."""

import os
import sys
from pathlib import Path

import gevent
from locust import User, constant, events, task

from scenarios.end_of_run import check_at_end_of_run

CHECK_SECONDS = 1.6
"""Longer than a report's interval: a report comes while the check goes on."""
seen = {"checks": 0, "running": False, "budget": 0.0}


def check(seconds):
    seen["running"] = True
    gevent.sleep(CHECK_SECONDS)
    seen.update(running=False, checks=seen["checks"] + 1, budget=seconds)


check_at_end_of_run(check)


def note(kind, state):
    with (Path(os.environ["NOTES"]) / str(os.getpid())).open("a") as notes:
        notes.write(f"{kind} {state} {seen['checks']} {seen['running']} {seen['budget']:g}\n")


@events.init.add_listener
def _on_init(environment, runner, **_):
    # Whoever listens after the scenario, as Swarmscope's own parts do.
    import locust.runners

    locust.runners.WORKER_REPORT_INTERVAL = 0.5
    events.test_stop.add_listener(lambda **_: note("test_stop", runner.state))
    events.report_to_master.add_listener(lambda **_: note("report", runner.state))


class Idle(User):
    wait_time = constant(0.1)

    @task
    def nothing(self):
        sys.stdout.flush()
