"""What goes wrong while a run goes on reaches the receiver in time, and the verdict agrees.

All scenarios run at once, each with a service and a Locust of its own, against one Prometheus, Alertmanager and
receiver with the shipped rules and timing. Times are measured from the moment the fault was set: the first slow
answer comes later, so they err on the strict side. What the machine stood still meanwhile is taken off.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from swarmscope.alerting.alert_names import AlertName

BUDGET = 15.0
WINDOW = 5.0
"""Seconds of samples that an alert looks at."""
DELAY = {"kind": "delay", "routes": "/events", "delay_ms": 300}
ERRORS = {"kind": "error", "routes": "/events", "status": 500, "probability": 0.5}
HANG = {"kind": "hang", "routes": "*"}
STALL = {"kind": "delay", "routes": "/events", "delay_ms": 4000}

TARGET_ALERTS = {
    AlertName.LATENCY_TARGET_BREACHED,
    AlertName.ERROR_RATE_TARGET_BREACHED,
    AlertName.RATE_TARGET_BREACHED,
}
HANG_ALERTS = {AlertName.NO_REQUEST_FINISHED, AlertName.REQUEST_HUNG}


def taken(stand_stills, began, notification):
    """Seconds of a running machine until the receiver had it. After a stand-still the alert's window fills anew."""
    at = notification["received_at"]
    return at - began - stand_stills.within(began, at, mending=WINDOW)


def received(run, names, status="firing"):
    return [n for n in run.notifications() if n["labels"]["alertname"] in names and n["status"] == status]


def wait_for_notification(run, names, status="firing", timeout=45):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = received(run, names, status)
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"{run.id}: no {status} {sorted(names)} at the receiver, only {run.notifications()}")


def breach(stack, stand_stills, name, fault, names, *, profile="quick", linger=0.0):
    """A fault from 8 s into the judged window until it was notified; then recovery and the run's end."""
    service = stack.service(name)
    run = stack.locust(name, "--profile", profile, "-t", "48s", "--host", service.url)
    run.wait_for_phase('"phase": "steady"')
    time.sleep(8)
    broken = time.time()
    service.fault(fault)
    first = wait_for_notification(run, names)
    time.sleep(linger)  # so that the run as a whole misses its target, too
    service.heal()
    resolved = wait_for_notification(run, names, status="resolved")
    return {
        "run": run,
        "notified_after": taken(stand_stills, broken, first),
        "first": first,
        "resolved": resolved,
        "code": run.finish(),
    }


def spike(stack, name):
    """A breach shorter than the alert's hold."""
    service = stack.service(name)
    run = stack.locust(name, "-t", "50s", "--host", service.url)
    run.wait_for_phase('"phase": "steady"')
    time.sleep(8)
    service.fault(DELAY)
    time.sleep(1.5)
    service.heal()
    code = run.finish()
    return {
        "run": run,
        "code": code,
        "notified": received(run, TARGET_ALERTS | {AlertName.TARGET_MISSED_OVER_RUN}),
    }


def hang(stack, stand_stills, name):
    """The service hangs for the rest of the run."""
    service = stack.service(name)
    run = stack.locust(name, "-t", "40s", "--host", service.url)
    run.wait_for_phase('"phase": "steady"')
    time.sleep(6)
    broken = time.time()
    service.fault(HANG)
    first = wait_for_notification(run, HANG_ALERTS)
    for _ in range(7):  # rates are those between looks
        live = run.live()["runs"][0]
        time.sleep(1)
    slow = received(run, {AlertName.LATENCY_TARGET_BREACHED, AlertName.RATE_TARGET_BREACHED})
    return {
        "run": run,
        "notified_after": taken(stand_stills, broken, first),
        "live": live,
        "slow_before": slow,
        "code": run.finish(),
    }


def hang_from_the_first_request(stack, name):
    service = stack.service(name, "--fault", '{"kind": "hang", "routes": "*"}')
    run = stack.locust(name, "-t", "18s", "--host", service.url)
    return {"run": run, "code": run.finish()}


def abort(stack, name):
    """A target with `abort: true` is breached until the run has been stopped."""
    service = stack.service(name)
    arguments = ["--profile", "fragile", "-t", "90s", "--host", service.url]
    run = stack.locust(name, *arguments, exporter_port=stack.stoppable_port)
    run.wait_for_phase('"phase": "steady"')
    time.sleep(3)
    service.fault(ERRORS)
    began = time.monotonic()
    return {"run": run, "code": run.finish(), "stopped_after": time.monotonic() - began}


SCENARIOS = {
    "delay": lambda s, w: breach(s, w, "delay", DELAY, {AlertName.LATENCY_TARGET_BREACHED}),
    "errors": lambda s, w: breach(s, w, "errors", ERRORS, {AlertName.ERROR_RATE_TARGET_BREACHED}),
    "rate": lambda s, w: breach(
        s, w, "rate", STALL, {AlertName.RATE_TARGET_BREACHED}, profile="floor", linger=7.0
    ),
    "spike": lambda s, _: spike(s, "spike"),
    "hang": lambda s, w: hang(s, w, "hang"),
    "abort": lambda s, _: abort(s, "abort"),
    "hang-first": lambda s, _: hang_from_the_first_request(s, "hang-first"),
}


@pytest.fixture(scope="module")
def outcomes(stack, stand_stills):
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        futures = {name: pool.submit(scenario, stack, stand_stills) for name, scenario in SCENARIOS.items()}
        return {name: future.result() for name, future in futures.items()}


@pytest.mark.parametrize(("scenario", "kind"), [("delay", "p95"), ("errors", "error_rate"), ("rate", "rps")])
def test_a_sustained_breach_notifies_in_time_resolves_and_agrees_with_the_verdict(outcomes, scenario, kind):
    outcome = outcomes[scenario]
    print(f"{scenario}: at the receiver {outcome['notified_after']:.1f} s after the fault was set")
    assert outcome["notified_after"] <= BUDGET
    assert outcome["resolved"]["received_at"] > outcome["first"]["received_at"]
    result = outcome["run"].result()
    target = outcome["first"]["labels"]["target"]
    judged = {row["target"]: row for row in result["judgements"]}
    assert judged[target]["status"] == "FAIL", judged[target]
    assert outcome["first"]["labels"]["kind"] == kind
    assert outcome["code"] == 10
    assert target in {alert["labels"]["target"] for alert in result["alerts"] if "target" in alert["labels"]}


def test_a_spike_shorter_than_the_hold_does_not_notify(outcomes):
    outcome = outcomes["spike"]
    assert outcome["notified"] == []
    run = outcome["run"]
    assert {row["status"] for row in run.result()["judgements"]} == {"PASS"}, run.process.output()
    assert run.doubts() == []
    assert outcome["code"] == (11 if run.result()["invalid"] else 0)


def test_a_hang_is_notified_shown_judged_and_reported(outcomes):
    outcome = outcomes["hang"]
    print(f"hang: at the receiver {outcome['notified_after']:.1f} s after the fault was set")
    assert outcome["notified_after"] <= BUDGET
    assert outcome["live"]["oldest_age"] > 4
    assert outcome["live"]["in_flight"] > 0
    assert outcome["live"]["rps"] < 5
    result = outcome["run"].result()
    assert outcome["code"] == 10
    assert result["verdict"] == "FAIL"
    assert result["pending"]
    assert max(request["age_seconds"] for request in result["pending"]) > 5
    assert outcome["slow_before"] == []  # a hung service silences its own slow-request alerts


def test_a_service_that_hangs_from_the_first_request_fails(outcomes):
    outcome = outcomes["hang-first"]
    result = outcome["run"].result()
    assert outcome["code"] == 10, outcome["run"].process.output()
    assert {row["status"] for row in result["judgements"]} <= {"FAIL", "NO DATA"}
    assert result["pending"]


def test_a_breached_target_with_abort_stops_the_run_with_its_own_exit_code(outcomes):
    outcome = outcomes["abort"]
    print(f"abort: the run ended {outcome['stopped_after']:.1f} s after the fault was set")
    assert outcome["code"] == 13, outcome["run"].process.output()
    result = outcome["run"].result()
    assert result["verdict"] == "FAIL"
    assert any(note.startswith("stopped early: ") and "abort-on-errors" in note for note in result["notes"])
    assert outcome["stopped_after"] < 45


def test_a_service_that_is_down_is_said_and_gets_its_own_exit_code(stack):
    run = stack.locust("down", "-t", "5s", "--host", "http://127.0.0.1:1")
    assert run.finish() == 21
    output = run.process.output()
    assert "the service under test at http://127.0.0.1:1 does not answer (connection refused)" in output
    assert "hint: start it" in output
    assert "Traceback" not in output
