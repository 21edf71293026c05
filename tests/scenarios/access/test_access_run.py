"""`make run SYSTEM=access`, whole: every target holds, and each breaks under a fault that is meant for it.

A minute and more per run, so these are in the long tier: pytest -m long tests/scenarios/access
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[3]
PORTS = ("SERVICE", "LOCUST", "EXPORTER", "PROMETHEUS", "ALERTMANAGER", "RECEIVER", "GRAFANA")
THE_FIVE = {
    "post-authorize-p95",
    "api-p95",
    "all-rps",
    "all-error-rate",
    "cold-start-p95",
}
AUTHORIZE = "POST /authorize"
FAULTS = {
    "slow authorizer": (
        [{"kind": "delay", "routes": AUTHORIZE, "delay_ms": 150}],
        "post-authorize-p95",
        "LatencyTargetBreached",
    ),
    "slow API": ([{"kind": "delay", "routes": "/v1/*", "delay_ms": 700}], "api-p95", "LatencyTargetBreached"),
    "errors": (
        [{"kind": "error", "status": 500, "probability": 0.05}],
        "all-error-rate",
        "ErrorRateTargetBreached",
    ),
    "slow cold starts": (
        [{"kind": "cold_start", "routes": AUTHORIZE, "delay_ms": 3500, "jitter_ms": 200}],
        "cold-start-p95",
        "ServerTargetBreached",
    ),
    "everything waits": ([{"kind": "delay", "delay_ms": 2500}], "all-rps", "RateTargetBreached"),
    "hang": ([{"kind": "hang"}], "all-rps", None),
}
"""Fault → what is asked for, the target that it is meant for, and that target's alert (a hang's is another)."""

pytestmark = pytest.mark.long


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def ask(method, url, **options):
    try:
        return requests.request(method, url, timeout=5, **options)
    except requests.RequestException:
        return None


@pytest.fixture
def run(tmp_path):
    """Runs the whole stack; sets faults once the run is steady. Returns the exit code and the result."""

    def whole(faults, duration="60s"):
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        environment |= {f"SWARMSCOPE_{name}_PORT": str(port) for name, port in ports.items()}
        environment |= {
            "SWARMSCOPE_STATE": str(tmp_path / "state"),
            "SWARMSCOPE_REPORTS": str(tmp_path / "reports"),
        }
        command = [
            sys.executable,
            "-m",
            "swarmscope.edge.cli",
            "run",
            "--system=access",
            f"--duration={duration}",
        ]
        with (tmp_path / "output").open("w") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
            )
            try:
                if faults:
                    _await_steady(process, f"http://127.0.0.1:{ports['EXPORTER']}/live")
                    time.sleep(5)  # some good seconds first, as in a service that breaks while it is watched
                    url = f"http://127.0.0.1:{ports['SERVICE']}/faults"
                    assert ask("PUT", url, json=faults).status_code == 200
                code = process.wait(180)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                    process.wait(60)
        (result,) = (tmp_path / "reports").glob("*/result.json")
        return code, json.loads(result.read_text())

    return whole


def _await_steady(process, url):
    deadline = time.monotonic() + 60
    while True:
        answer = ask("GET", url)
        if answer is not None and '"steady"' in answer.text.replace("phases", ""):
            runs = answer.json()["runs"]
            if runs and runs[0]["phase"] == "steady":
                return
        assert process.poll() is None, "the run ended before it was steady"
        assert time.monotonic() < deadline, "the run did not become steady"
        time.sleep(0.2)


def statuses(result):
    return {row["target"]: row["status"] for row in result["judgements"]}


def test_every_target_holds_on_a_healthy_service(run):
    code, result = run([])
    print(json.dumps(statuses(result)))
    assert set(statuses(result)) >= THE_FIVE
    assert set(statuses(result).values()) == {"PASS"}
    assert (code, result["verdict"]) == (0, "PASS")
    assert result["alerts"] == []


@pytest.mark.parametrize("name", FAULTS)
def test_each_target_breaks_under_the_fault_that_is_meant_for_it(run, name):
    faults, target, alert = FAULTS[name]
    code, result = run(faults, duration="45s")
    told = {(fired["name"], fired["labels"].get("target", "")) for fired in result["alerts"]}
    print(json.dumps({"fault": name, "statuses": statuses(result), "alerts": sorted(told)}))
    assert (code, result["verdict"]) == (10, "FAIL")
    assert statuses(result)[target] == "FAIL"
    if alert is not None:
        assert (alert, target) in told
    else:
        assert {fired for fired, _ in told} & {"NoRequestFinished", "RequestHung"}
