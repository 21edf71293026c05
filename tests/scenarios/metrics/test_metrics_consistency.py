"""What the service acknowledged is verified when the users have stopped, and every way of being wrong is seen."""

import pytest

from tests.ports import in_processes

ENOUGH = 100
"""Events one by one; batches come on top."""


@pytest.fixture
def run_until_enough(run_users, service, answered):
    def run(processes=1):
        enough = answered("POST", "/api/v1/metrics/events", ENOUGH)
        ran = run_users(service.url, "IngestUser", options=in_processes(processes), until=enough)
        assert "Traceback" not in ran.log
        if processes > 1:
            # A worker's first report after the stop may be its last: everything must be verified by then.
            assert ran.reported == ran.counted
        return ran.counted, ran.output

    return run


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.long)])
def test_what_was_acknowledged_is_there_exactly_once(run_until_enough, processes):
    counted, output = run_until_enough(processes)
    assert counted["stored"] > ENOUGH, output
    assert (counted["missing"], counted["doubled"], counted["unverified"]) == (0, 0, 0), output


def test_events_that_were_acknowledged_and_lost_are_missing(run_until_enough, set_faults):
    set_faults({"kind": "lose", "probability": 0.3})
    counted, output = run_until_enough(processes=2)
    assert counted["missing"] > 10, output
    assert counted["stored"] > 10, output
    assert (counted["doubled"], counted["unverified"]) == (0, 0), output


@pytest.mark.long
def test_events_that_are_there_twice_are_doubled(run_until_enough, set_faults):
    set_faults({"kind": "double", "probability": 0.3})
    counted, output = run_until_enough()
    assert counted["doubled"] > 10, output
    assert (counted["missing"], counted["unverified"]) == (0, 0), output


@pytest.mark.long
def test_what_cannot_be_asked_for_is_unverified(run_until_enough, set_faults):
    set_faults({"kind": "error", "status": 503, "routes": "GET /api/v1/metrics/receipts/*"})
    counted, output = run_until_enough()
    assert counted["unverified"] > ENOUGH, output
    assert (counted["stored"], counted["missing"], counted["doubled"]) == (0, 0, 0), output


@pytest.mark.long
def test_an_event_without_an_answer_is_owed_nothing(run_until_enough, set_faults):
    set_faults({"kind": "error", "status": 503, "probability": 0.5, "routes": "POST *"})
    counted, output = run_until_enough()
    assert counted["stored"] > 10, output
    assert (counted["missing"], counted["doubled"], counted["unverified"]) == (0, 0, 0), output
