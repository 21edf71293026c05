"""On a service throttled to a known capacity, a climb finds that capacity; a spike's recovery is timed.

A paced user asks twice a second, at moments spread by chance: users that start together and keep step would send in
bursts, and it would be the bursts that break the service.
"""

import itertools
import json
import signal

import pytest

pytestmark = pytest.mark.long  # minutes of load, which the climb's own tests (tests/climb) do without
USERS = """
import random
import time

import gevent
from locust import task

from scenarios.clients import ServiceUser

PERIOD = 0.5


class Paced(ServiceUser):
    def on_start(self):
        self.due = time.monotonic() + random.uniform(0, PERIOD)
        gevent.sleep(self.due - time.monotonic())

    def wait_time(self):
        self.due = max(self.due + PERIOD, time.monotonic())
        return self.due - time.monotonic()

    @task
    def poll(self):
        self.client.get("/inbox", headers={"Authorization": "Bearer local-load-test"})
"""
PACED = """
system: paced
health: /health
default_profile: quick
targets:
  - {request: "*", p95: 250ms, min_samples: 20}
  - {request: "*", error_rate: 1%, min_samples: 20}
  - name: back-in-time
    query: max(locust_recovery_seconds{run="$run", phase="spike"})
    max: 8s
    at: end
    profiles: [spike]
profiles:
  quick:
    spawn_rate: 40
    graceful_stop: 2s
    climb: {from: 24, step: 4, to: 60, settle: 1s, hold: 4s}
  exact60: &exact
    spawn_rate: 20
    graceful_stop: 3s
    climb: {from: 15, step: 10, to: 100, settle: 2s, hold: 8s, precision: 5%}
  exact120:
    <<: *exact
    climb: {from: 30, step: 15, to: 150, settle: 2s, hold: 8s, precision: 5%}
  exact200:
    <<: *exact
    climb: {from: 60, step: 25, to: 250, settle: 2s, hold: 8s, precision: 5%}
  low:
    spawn_rate: 40
    graceful_stop: 2s
    climb: {from: 5, step: 5, to: 10, settle: 1s, hold: 4s, at_least: 8}
  unreached:
    spawn_rate: 40
    graceful_stop: 2s
    climb: {from: 40, step: 5, to: 60, settle: 1s, hold: 4s, at_least: 50}
  spike:
    spawn_rate: 100
    graceful_stop: 2s
    stages:
      - {users: 10, duration: 6s}
      - {users: 60, duration: 5s, phase: spike}
      - {users: 10, duration: 14s}
"""
numbers = itertools.count()


@pytest.fixture(scope="module")
def paced(stack):
    folder = stack.project / "scenarios" / "paced"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "users.py").write_text(USERS)
    (folder / "targets.yaml").write_text(PACED)
    environments = (stack.project / "scenarios" / "probe" / "environments.yaml").read_text()
    (folder / "environments.yaml").write_text(environments)

    def start(profile, *arguments, rate=None):
        name = f"paced-{profile}-{next(numbers)}"
        service = stack.service(name)
        if rate:
            service.fault({"kind": "throttle", "rate": rate})
        return stack.locust(name, "--profile", profile, "--host", service.url, *arguments, system="paced")

    return start


def highest_held(result):
    held = [level for level in result["climb"]["levels"] if level["status"] == "held"]
    return max(held, key=lambda level: (level["users"], level["began"]))


def assert_found(result, capacity):
    climb = result["climb"]
    assert climb["end"] == "broke", json.dumps(climb, indent=1)
    held = highest_held(result)
    assert held["rate"] == pytest.approx(capacity, rel=0.1), climb["levels"]
    assert held["users"] * 2 == pytest.approx(capacity, rel=0.1)
    broke = [level for level in climb["levels"] if level["status"] == "broke"]
    # What broke is latency, and the throttled rate is all that more users got.
    assert broke[0]["rate"] == pytest.approx(capacity, rel=0.1)
    missed = [each["target"] for each in broke[0]["judgements"] if each["status"] == "FAIL"]
    assert missed == ["all-p95"]
    # The run is judged by the highest level that held.
    assert result["run"]["steady"] == [[held["began"], held["ended"]]]
    assert {each["status"] for each in result["judgements"]} == {"PASS"}


@pytest.fixture(scope="module")
def finished(paced):
    """Runs of the quick tier beside each other: most of their time is waiting."""
    runs = {
        "climb": paced("quick", "--processes", "2", rate=60),
        "low": paced("low"),
        "unreached": paced("unreached", rate=60),
        "spike": paced("spike", rate=60),
    }
    return {name: (run, run.finish()) for name, run in runs.items()}


def test_the_capacity_of_a_throttled_service_is_found_by_two_workers(finished):
    run, code = finished["climb"]
    result = run.result()
    assert_found(result, 60)
    assert (result["verdict"], code) == ("PASS", 0), run.process.output()
    report = (run.reports / run.id / "report.md").read_text()
    assert "## Breaking point" in report
    assert "Broke first: all requests p95 ≤ 250ms, measured" in report


def test_where_nothing_breaks_the_breaking_point_is_no_data_and_what_held_is_told(finished):
    run, code = finished["low"]
    result = run.result()
    assert (result["climb"]["end"], code) == ("limit", 0)
    assert highest_held(result)["users"] == 10
    assert [each["status"] for each in result["judgements"]] == ["PASS", "PASS", "PASS"]
    report = (run.reports / run.id / "report.md").read_text()
    assert (
        "Breaking point: NO DATA; held up to 10 users, and the climb went no further: the breaking point lies above."
        in report
    )


def test_a_first_level_that_breaks_fails_the_run_and_the_load_that_was_to_hold_with_it(finished):
    run, code = finished["unreached"]
    result = run.result()
    assert (result["verdict"], code) == ("FAIL", 10)
    judged = {each["target"]: each for each in result["judgements"]}
    assert judged["all-p95"]["status"] == "FAIL"
    assert judged["load-held"]["status"] == "FAIL"
    assert judged["load-held"]["reason"] == "measured 0 users; at least 50 users wanted"


def test_the_time_to_recover_from_a_spike_is_told_judged_and_published(finished, stack):
    run, code = finished["spike"]
    result = run.result()
    (recovery,) = result["recoveries"]
    assert recovery["phase"] == "spike"
    assert recovery["missed_in_peak"]
    # 60 users ask 120 times a second of 60; when they go, what they left in line takes about a second more.
    assert 0 < recovery["seconds"] <= 5
    assert "after spike" in (run.reports / run.id / "report.md").read_text()
    (series,) = stack.query(f'last_over_time(locust_recovery_seconds{{run="{run.id}"}}[10m])')
    assert float(series["value"][1]) == pytest.approx(recovery["seconds"])
    judged = {each["target"]: each["status"] for each in result["judgements"]}
    assert judged["back-in-time"] == "PASS"
    phases = {phase["name"]: phase for phase in result["phases"]}
    assert phases["spike"]["users"] == 60
    assert phases["spike"]["finished"] / (
        phases["spike"]["ended"] - phases["spike"]["began"]
    ) == pytest.approx(60, rel=0.15)
    # Every phase's requests together are the run's, but for those answered while it stopped.
    total = sum(row["recorder"] for row in result["reconciliation"])
    assert 0 <= total - sum(phase["finished"] for phase in result["phases"]) <= 30
    assert code == 0, run.process.output()


def test_ctrl_c_keeps_what_a_climb_has_found(paced, wait_for):
    run = paced("quick", rate=60)
    run.wait_for_phase('"phase": "climb"')
    wait_for("the first level that held", lambda: "users held" in run.process.output(), 40)
    run.process.popen.send_signal(signal.SIGINT)
    assert run.finish(40) == 130, run.process.output()
    result = run.result()
    assert result["climb"]["end"] == "stopped"
    assert highest_held(result)["users"] == 24


@pytest.mark.parametrize("repetition", [1, 2])
def test_known_capacities_are_found_within_a_tenth(paced, repetition):
    """Three services at once, each with its own Locust: most of their time is waiting."""
    runs = {capacity: paced(f"exact{capacity}", rate=capacity) for capacity in (60, 120, 200)}
    codes = {capacity: run.finish(300) for capacity, run in runs.items()}
    for capacity, run in runs.items():
        held = highest_held(run.result())
        found = f"{held['users']} users, {held['rate']:.1f}/s"
        print(f"repetition {repetition}, capacity {capacity}/s: held {found}, exit code {codes[capacity]}")
    for capacity, run in runs.items():
        assert_found(run.result(), capacity)
        assert codes[capacity] == 0
