from types import SimpleNamespace

import pytest
from locust import runners
from locust.env import Environment

from exporters.event_loop_lag import EventLoopLag
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.run_view import ExporterCounters
from exporters.worker_side import WorkerSide


@pytest.fixture
def report_of():
    """The first report of a worker that Locust sets up when it is in this state."""
    interval = runners.WORKER_REPORT_INTERVAL

    def report(worker_state):
        environment = Environment(
            parsed_options=SimpleNamespace(swarmscope_run="r-1", swarmscope_report_interval=interval)
        )
        recorder = Recorder([0.1, 1.0], [])
        in_flight = InFlight(recorder.count_unfinished, recorder.accept)
        side = WorkerSide(recorder, in_flight, EventLoopLag(), ExporterCounters())
        runner = SimpleNamespace(
            worker_state=worker_state, state=worker_state, register_message=lambda *_, **__: None
        )
        side.attach(environment, runner)
        data = {}
        environment.events.report_to_master.fire(client_id="w", data=data)
        return data["swarmscope"]

    return report


def test_a_worker_that_waits_for_its_first_run_reports_for_none(report_of):
    assert report_of(runners.STATE_INIT)["run"] == ""


def test_a_worker_that_got_its_users_before_it_was_set_up_reports_for_their_run(report_of):
    assert report_of(runners.STATE_SPAWNING)["run"] == "r-1"
