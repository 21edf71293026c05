"""What a worker reports first. Locust patches whatever process imports it: each case is a process of its own."""

import subprocess
import sys

PROGRAM = """
import sys
from types import SimpleNamespace

from locust import runners
from locust.env import Environment

from exporters.event_loop_lag import EventLoopLag
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.run_view import ExporterCounters
from exporters.worker_side import WorkerSide

state = getattr(runners, sys.argv[1])
options = SimpleNamespace(swarmscope_run="r-1", swarmscope_report_interval=1.0)
environment = Environment(parsed_options=options)
recorder = Recorder([0.1, 1.0], [])
in_flight = InFlight()
runner = SimpleNamespace(worker_state=state, state=state, register_message=lambda *_, **__: None)
WorkerSide(recorder, in_flight, EventLoopLag(), ExporterCounters()).attach(environment, runner)
data = {}
environment.events.report_to_master.fire(client_id="w", data=data)
print(repr(data["swarmscope"]["run"]))
"""


def first_run_reported_for(state):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, state], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_worker_that_waits_for_its_first_run_reports_for_none():
    assert first_run_reported_for("STATE_INIT") == "''"


def test_a_worker_that_got_its_users_before_it_was_set_up_reports_for_their_run():
    assert first_run_reported_for("STATE_SPAWNING") == "'r-1'"
