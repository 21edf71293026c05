"""After a run Prometheus' last samples equal Locust's own counts, however the load was spread."""

import os
import signal
import time

import pytest

LOAD = ["--profile", "counting", "-t", "10s"]
MODES = {
    "alone": {"arguments": [], "workers": 0},
    "processes": {"arguments": ["--processes", "2"], "workers": 0},
    "workers": {"arguments": [], "workers": 2},
    "reset": {"arguments": ["--reset-stats"], "workers": 0},
}


COUNTERS = [
    "locust_requests_total",
    "locust_request_duration_seconds_bucket",
    "locust_request_duration_seconds_count",
    "locust_request_duration_seconds_sum",
    "locust_response_bytes_total",
]


@pytest.fixture(scope="module")
def finished(stack):
    """All modes at once, each against a service of its own; and one whose worker is killed in the middle."""
    runs = {}
    for name, mode in MODES.items():
        service = stack.service(f"totals-{name}")
        runs[name] = stack.locust(
            f"totals-{name}", *LOAD, "--host", service.url, *mode["arguments"], workers=mode["workers"]
        )
    service = stack.service("totals-killed")
    killed = stack.locust("totals-killed", *LOAD, "--host", service.url, workers=2, TEST_HEARTBEATS="3")
    killed.wait_for_phase("steady")
    time.sleep(4)
    os.kill(killed.workers[0].popen.pid, signal.SIGKILL)
    runs["killed"] = killed
    return {name: (run, run.finish()) for name, run in runs.items()}


def totals_in_prometheus(stack, run):
    rows = stack.query(
        f'sum by (method, name, outcome) (last_over_time(locust_requests_total{{run="{run.id}"}}[10m]))'
    )
    return {
        (row["metric"]["method"], row["metric"]["name"], row["metric"]["outcome"]): int(
            float(row["value"][1])
        )
        for row in rows
    }


@pytest.mark.parametrize("mode", MODES)
def test_prometheus_equals_locust_for_every_request_and_outcome(stack, finished, mode):
    run, code = finished[mode]
    result = run.result()
    rows = result["reconciliation"]
    in_prometheus = totals_in_prometheus(stack, run)
    assert len(rows) >= 10, run.process.output()
    for row in rows:
        counts = (row["recorder"], row["locust"], row["prometheus"])
        assert len(set(counts)) == 1, f"{mode}: {row}\n{run.process.output()}"
        assert in_prometheus.get((row["method"], row["name"], row["outcome"]), 0) == row["locust"]
    assert sum(row["locust"] for row in rows) > 100
    # That a busy machine made a generator late is the verdict's business; counts must be whole all the same.
    assert run.doubts() == []
    assert code == (11 if result["invalid"] else 0), f"{mode}: {result['invalid']} {run.process.output()}"
    print(f"{mode}: {sum(row['locust'] for row in rows)} requests agree in {len(rows)} rows")


def test_a_killed_worker_makes_the_run_invalid_and_no_counter_goes_back(stack, finished):
    run, code = finished["killed"]
    result = run.result()
    assert code == 11, run.process.output()
    assert any("worker-" in reason and "was lost" in reason for reason in result["invalid"]), result[
        "invalid"
    ]
    for name in COUNTERS:
        resets = stack.query(f'sum(resets({name}{{run="{run.id}"}}[10m]))')
        assert [row["value"][1] for row in resets] == ["0"], name
    # The check can fail: a gauge that does go back is seen by the same function.
    assert float(stack.query(f'sum(resets(locust_users{{run="{run.id}"}}[10m]))')[0]["value"][1]) >= 1


@pytest.mark.parametrize("mode", MODES)
def test_what_a_scenario_counts_itself_is_exact_too(stack, finished, mode):
    run, _ = finished[mode]
    (seen,) = stack.query(f'sum(last_over_time(locust_probe_requests_total{{run="{run.id}"}}[10m]))')
    rows = run.result()["reconciliation"]
    assert int(float(seen["value"][1])) == sum(row["locust"] for row in rows)
    living = f'last_over_time(locust_probe_users{{run="{run.id}"}}[10m])'
    assert [row["value"][1] for row in stack.query(f"sum({living})")] == ["0"]
    assert [row["value"][1] for row in stack.query(f"sum({living.replace('last', 'max')})")] == ["2"]
    (judged,) = [each for each in run.result()["judgements"] if each["target"] == "seen"]
    assert (judged["status"], judged["value"]) == ("PASS", float(seen["value"][1]))


def test_the_histogram_counts_what_the_counters_count(stack, finished):
    run, _ = finished["alone"]
    counted = stack.query(f'sum(last_over_time(locust_requests_total{{run="{run.id}"}}[10m]))')
    timed = stack.query(f'sum(last_over_time(locust_request_duration_seconds_count{{run="{run.id}"}}[10m]))')
    assert counted[0]["value"][1] == timed[0]["value"][1]
