"""The authorizer as a Lambda function: its cold starts are in the answers, on /metrics, and in the log."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens

TOKEN = Tokens("access", LOCAL_SECRET).issue("user-1", 600, {"org": "local-load-test", "role": "admin"})
EVENT = {
    "type": "TOKEN",
    "authorizationToken": f"Bearer {TOKEN}",
    "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/GET/orders/1",
}
REPORT = re.compile(
    r"REPORT RequestId: (?P<id>[0-9a-f-]{36})\tDuration: (?P<duration>\d+\.\d\d) ms\t"
    r"Billed Duration: (?P<billed>\d+) ms\tMemory Size: 256 MB\tMax Memory Used: \d+ MB\t"
    r"(Init Duration: (?P<init>\d+\.\d\d) ms\t)?"
)


@pytest.fixture
def start(tmp_path):
    """Starts the service with options of its own; its invocations are logged to a file."""

    def started(*options):
        paths = ["--database", str(tmp_path / "x.sqlite3"), "--lambda-log", str(tmp_path / "lambda.log")]
        return running("reference.access", "--local-key", "--faults", *paths, *options)

    return started


def authorize(url):
    answer = requests.post(f"{url}/authorize", json=EVENT, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer


def at_once(url, count):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: authorize(url), range(count)))


def is_cold(answer):
    return answer.headers.get("X-Cold-Start") == "true"


def metrics(url):
    page = requests.get(f"{url}/metrics", timeout=10).text
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("lambda_")
    }


def report_lines(tmp_path):
    return [REPORT.fullmatch(line) for line in (tmp_path / "lambda.log").read_text().splitlines()]


def test_a_fresh_service_starts_an_instance_and_shows_it_everywhere(start, tmp_path):
    with start("--init-ms", "150", "--init-jitter-ms", "0") as service:
        untouched = metrics(service.url)
        began = time.monotonic()
        cold = authorize(service.url)
        took = time.monotonic() - began
        warm = [authorize(service.url) for _ in range(3)]
        shown = metrics(service.url)
    assert untouched["lambda_cold_starts_total", "authorizer"] == 0
    assert untouched["lambda_init_duration_seconds_count", "authorizer"] == 0
    assert untouched["lambda_init_duration_seconds_bucket", "3.0", "authorizer"] == 0
    assert (cold.headers["X-Cold-Start"], cold.headers["X-Init-Duration-Ms"]) == ("true", "150.00")
    assert took >= 0.15
    assert not any(is_cold(answer) or "X-Init-Duration-Ms" in answer.headers for answer in warm)
    assert shown["lambda_invocations_total", "authorizer"] == 4
    assert shown["lambda_cold_starts_total", "authorizer"] == 1
    assert shown["lambda_init_duration_seconds_sum", "authorizer"] == 0.15
    assert shown["lambda_instances", "authorizer", "idle"] == 1
    assert shown["lambda_instances", "authorizer", "busy"] == 0
    lines = report_lines(tmp_path)
    assert [line["id"] for line in lines] == [answer.headers["X-Amzn-RequestId"] for answer in (cold, *warm)]
    assert [line["init"] for line in lines] == ["150.00", None, None, None]
    assert int(lines[0]["billed"]) >= 151
    assert float(lines[0]["duration"]) < 150


def test_requests_at_once_each_start_an_instance_of_their_own(start):
    with start("--init-ms", "300", "--init-jitter-ms", "0") as service:
        assert sum(map(is_cold, at_once(service.url, 6))) == 6
        assert metrics(service.url)["lambda_instances", "authorizer", "idle"] == 6
        assert sum(map(is_cold, at_once(service.url, 6))) == 0


def test_an_idle_instance_is_gone_and_the_next_request_waits_again(start):
    with start("--init-ms", "1", "--idle-seconds", "0.2") as service:
        authorize(service.url)
        deadline = time.monotonic() + 10
        while metrics(service.url)["lambda_instances", "authorizer", "idle"] > 0:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert is_cold(authorize(service.url))


def test_a_cold_start_fault_replaces_the_instances_and_slows_their_start(start):
    with start("--init-ms", "1", "--init-jitter-ms", "0") as service:
        authorize(service.url)
        fault = {"kind": "cold_start", "routes": "POST /authorize", "delay_ms": 400, "jitter_ms": 100}
        requests.put(f"{service.url}/faults", json=fault, timeout=10)
        answers = at_once(service.url, 4)
        assert all(map(is_cold, answers))
        assert all(300 <= float(answer.headers["X-Init-Duration-Ms"]) <= 500 for answer in answers)
        assert not any(map(is_cold, at_once(service.url, 4)))
        requests.delete(f"{service.url}/faults", timeout=10)
        assert not is_cold(authorize(service.url))
        shown = metrics(service.url)
    assert shown["lambda_cold_starts_total", "authorizer"] == 5
    assert shown["lambda_init_duration_seconds_bucket", "0.25", "authorizer"] == 1


def test_any_route_can_be_made_a_function(start, tmp_path):
    with start("--init-ms", "0") as service:
        fault = {"kind": "cold_start", "routes": "GET /v1/*", "delay_ms": 50}
        requests.put(f"{service.url}/faults", json=fault, timeout=10)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        first, second = (
            requests.get(f"{service.url}/v1/teams", headers=headers, timeout=10) for _ in range(2)
        )
        assert (is_cold(first), is_cold(second)) == (True, False)
        assert metrics(service.url)["lambda_cold_starts_total", "GET /v1/teams"] == 1
        requests.delete(f"{service.url}/faults", timeout=10)
        plain = requests.get(f"{service.url}/v1/teams", headers=headers, timeout=10)
        assert "X-Amzn-RequestId" not in plain.headers
    assert len(report_lines(tmp_path)) == 2


def test_other_faults_keep_the_instance_busy(start, tmp_path):
    with start("--init-ms", "1", "--init-jitter-ms", "0") as service:
        fault = {"kind": "delay", "routes": "POST /authorize", "delay_ms": 300}
        requests.put(f"{service.url}/faults", json=fault, timeout=10)
        at_once(service.url, 3)
        assert metrics(service.url)["lambda_instances", "authorizer", "idle"] == 3
    assert all(float(line["duration"]) >= 300 for line in report_lines(tmp_path))


def test_without_a_file_the_cold_starts_are_told_on_standard_error(tmp_path, capfd):
    options = ["--init-ms", "1", "--init-jitter-ms", "0", "--database", str(tmp_path / "x.sqlite3")]
    with running("reference.access", "--local-key", *options) as service:
        cold, _ = authorize(service.url), authorize(service.url)
    (line,) = capfd.readouterr().err.splitlines()
    assert REPORT.fullmatch(line)["id"] == cold.headers["X-Amzn-RequestId"]
