"""The reference services, started with --aws, as they appear in CloudWatch."""

import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from reference.aws.running import RunningAws, running_aws
from reference.running import Running, running
from reference.tokens import LOCAL_SECRET, Tokens
from reference.triggers.keys import LOCAL_KEY
from tests.stand_stills import StandStills

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod/GET/v1/teams"
TOKEN = Tokens("access", LOCAL_SECRET).issue("ann", 3600, {"org": "acme", "role": "admin"})
COLD = re.compile(r"^REPORT .*\tInit Duration: ([\d.]+) ms\t$")


@contextmanager
def reporting(system: str, aws_url: str, folder: Path, *more: str) -> Iterator[Running]:
    database = str(folder / f"{system}.sqlite3")
    options = ["--database", database, "--local-key", "--faults", "--aws", aws_url, *more]
    with running(f"reference.{system}", *options) as service:
        yield service


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


FUNCTIONS = ("access-authorizer", "access-api")
NAMESPACES = ("AWS/Lambda", "AWS/ApiGateway", "AWS/DynamoDB")
Figures = Counter[tuple[str, ...]]


def told(aws: RunningAws, figure: str, namespace: str) -> Figures:
    """The `sum` or `sample_count` of all minutes, by metric and dimension values."""
    found: Figures = Counter()
    for each in aws.metrics(namespace):
        found[each["metric"], *each["dimensions"].values()] += each[figure]
    return found


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningAws]:
    with running_aws("--filter-calls-per-second", "1000") as aws:
        yield aws


class Fresh:
    """A stand-in as if nobody had told it anything yet: what a test before this one told is left out."""

    def __init__(self, aws: RunningAws) -> None:
        self.aws = aws
        aws.put_faults([])
        aws.clear_calls()
        self._before = {
            (figure, namespace): told(aws, figure, namespace)
            for figure in ("sum", "sample_count")
            for namespace in NAMESPACES
        }
        self._lines = {line["eventId"] for function in FUNCTIONS for line in self._all_events(function)}

    def sums(self, namespace: str) -> Figures:
        return self._since("sum", namespace)

    def counts(self, namespace: str) -> Figures:
        """How many values there are of each."""
        return self._since("sample_count", namespace)

    def _since(self, figure: str, namespace: str) -> Figures:
        found = told(self.aws, figure, namespace)
        found.subtract(self._before[figure, namespace])
        return Counter({name: number for name, number in found.items() if number})

    def events(self, function: str) -> list[Any]:
        """The lines in the log of a function."""
        return [line for line in self._all_events(function) if line["eventId"] not in self._lines]

    def _all_events(self, function: str) -> list[Any]:
        logs = self.aws.client("logs")
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        try:
            return [event for page in pages for event in page["events"]]
        except logs.exceptions.ResourceNotFoundException:
            return []


@pytest.fixture
def fresh(shared: RunningAws) -> Iterator[Fresh]:
    yield Fresh(shared)
    shared.put_faults([])


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def authorize(session: requests.Session, service: Running) -> requests.Response:
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {TOKEN}", "methodArn": ARN}
    return session.post(f"{service.url}/authorize", json=event, timeout=10)


def test_access_appears_as_two_functions_a_table_and_a_stage(
    fresh: Fresh, session: requests.Session, tmp_path: Path
) -> None:
    before = time.time()
    with reporting("access", fresh.aws.url, tmp_path, "--init-ms", "60", "--init-jitter-ms", "0") as service:
        answers = [authorize(session, service) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 4
        headers = {"Authorization": f"Bearer {TOKEN}"}
        made = session.post(f"{service.url}/v1/teams", json={"name": "a"}, headers=headers, timeout=10)
        session.get(f"{service.url}/v1/teams/{made.json()['id']}", headers=headers, timeout=10)
        session.get(f"{service.url}/v1/teams/gone", headers=headers, timeout=10)
        session.get(f"{service.url}/health", timeout=10)
        # Ended at once: what is not sent yet is sent now.
    functions = fresh.sums("AWS/Lambda")
    assert functions["Invocations", "access-authorizer"] == 4
    assert functions["Invocations", "access-api"] == 3
    assert functions["Invocations",] == 7
    assert functions["Errors", "access-api"] == 0
    gateway = fresh.sums("AWS/ApiGateway")
    assert (gateway["Count", "access-api", "local"], gateway["4XXError", "access-api", "local"]) == (7, 1)
    assert (
        gateway["Latency", "access-api", "local"]
        >= gateway["IntegrationLatency", "access-api", "local"]
        >= 60
    )
    table = fresh.counts("AWS/DynamoDB")
    assert table["SuccessfulRequestLatency", "GetItem", "access-table"] > 0
    assert table["SuccessfulRequestLatency", "PutItem", "access-table"] > 0
    lines = fresh.events("access-authorizer")
    cold = [
        (event["timestamp"] / 1000, found[1]) for event in lines if (found := COLD.match(event["message"]))
    ]
    # The client and CloudWatch tell the same of the same start.
    assert [init for _, init in cold] == [answers[0].headers["X-Init-Duration-Ms"]] == ["60.00"]
    assert before <= cold[0][0] <= time.time()
    kinds = Counter(event["message"].split()[0] for event in lines)
    assert kinds == {"INIT_START": 1, "INIT_REPORT": 1, "START": 4, "END": 4, "REPORT": 4}
    assert [event["message"].split()[0] for event in fresh.events("access-api")].count("REPORT") == 3
    identities = {event["message"].split()[2] for event in lines if event["message"].startswith("REPORT")}
    assert identities == {answer.headers["X-Amzn-RequestId"] for answer in answers}


def test_a_cold_start_fault_shows_in_the_log_of_the_function(
    fresh: Fresh, session: requests.Session, tmp_path: Path
) -> None:
    with reporting("access", fresh.aws.url, tmp_path, "--init-ms", "1", "--init-jitter-ms", "0") as service:
        authorize(session, service)
        fault = {"kind": "cold_start", "delay_ms": 150, "routes": "POST /authorize"}
        session.put(f"{service.url}/faults", json=[fault], timeout=10).raise_for_status()
        authorize(session, service)
        authorize(session, service)
    found = [COLD.match(event["message"]) for event in fresh.events("access-authorizer")]
    assert [match[1] for match in found if match] == ["1.00", "150.00"]


def test_triggers_appears_as_a_function_and_a_table_that_can_be_throttled(
    fresh: Fresh, session: requests.Session, tmp_path: Path
) -> None:
    with reporting("triggers", fresh.aws.url, tmp_path) as service:
        session.headers["Authorization"] = f"Bearer {LOCAL_KEY}"
        event = {"event_type": "test", "payload": {}}
        made = session.post(f"{service.url}/events", json=event, timeout=10).json()
        session.get(f"{service.url}/inbox", timeout=10)
        session.post(f"{service.url}/events/{made['id']}/acknowledge", timeout=10)
        eventually(lambda: fresh.sums("AWS/Lambda")["Invocations", "triggers-api"] == 3)
        table = fresh.sums("AWS/DynamoDB")
        assert table["ConsumedWriteCapacityUnits", "triggers-events"] == 2
        counts = fresh.counts("AWS/DynamoDB")
        assert {
            name[1]: count for name, count in counts.items() if name[0] == "SuccessfulRequestLatency"
        } == {
            "PutItem": 1,
            "Query": 1,
            "UpdateItem": 1,
        }
        assert not [name for name in table if "Throttle" in name[0]]

        throttle = {"kind": "throttle", "rate": 20, "routes": "POST /events"}
        session.put(f"{service.url}/faults", json=[throttle], timeout=10).raise_for_status()
        with ThreadPoolExecutor(6) as clients:
            post = lambda _: session.post(f"{service.url}/events", json=event, timeout=10).status_code  # noqa: E731
            assert set(clients.map(post, range(6))) == {201}
        eventually(lambda: fresh.sums("AWS/Lambda")["Invocations", "triggers-api"] == 9)
        table = fresh.sums("AWS/DynamoDB")
        assert 1 <= table["ThrottledRequests", "PutItem", "triggers-events"] <= 6
        assert (
            table["WriteThrottleEvents", "triggers-events"]
            == table["ThrottledRequests", "PutItem", "triggers-events"]
        )


def test_an_error_fault_is_an_error_of_the_function(
    fresh: Fresh, session: requests.Session, tmp_path: Path
) -> None:
    with reporting("triggers", fresh.aws.url, tmp_path) as service:
        session.put(f"{service.url}/faults", json=[{"kind": "error"}], timeout=10).raise_for_status()
        for _ in range(3):
            session.get(f"{service.url}/inbox", timeout=10)
    assert fresh.sums("AWS/Lambda")["Errors", "triggers-api"] == 3
    assert fresh.sums("AWS/ApiGateway")["5XXError", "triggers-api", "local"] == 3


def counters(session: requests.Session, service: Running) -> dict[str, float]:
    """The reporter's own."""
    page = session.get(f"{service.url}/metrics", timeout=10).text
    return {
        name: float(value) for name, value in re.findall(r"^aws_reporter_(\w+)_total ([\d.]+)$", page, re.M)
    }


def test_without_the_stand_in_the_service_serves_as_ever_and_sends_later(
    session: requests.Session, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = str(nobody.getsockname()[1])
    with reporting("triggers", f"http://127.0.0.1:{port}", tmp_path) as service:
        session.headers["Authorization"] = f"Bearer {LOCAL_KEY}"
        for _ in range(20):
            assert session.get(f"{service.url}/inbox", timeout=10).status_code == 200
        time.sleep(1.5)  # a report has found nobody
        assert counters(session, service) == {"records": 0, "dropped": 0}
        with running("reference.aws", "--faults", "--port", port) as late:
            aws = RunningAws(late)
            eventually(lambda: told(aws, "sum", "AWS/Lambda")["Invocations", "triggers-api"] == 20)
            assert counters(session, service) == {"records": 40, "dropped": 0}


def test_what_may_have_arrived_is_not_sent_twice(
    fresh: Fresh, session: requests.Session, tmp_path: Path
) -> None:
    fresh.aws.put_faults([{"api": "ReportInvocations", "kind": "drop", "times": 1}])
    with reporting("triggers", fresh.aws.url, tmp_path) as service:
        session.headers["Authorization"] = f"Bearer {LOCAL_KEY}"
        assert session.get(f"{service.url}/inbox", timeout=10).status_code == 200
        eventually(lambda: counters(session, service)["dropped"] == 2)
        assert session.get(f"{service.url}/inbox", timeout=10).status_code == 200
        eventually(lambda: counters(session, service) == {"records": 2, "dropped": 2})
    assert fresh.sums("AWS/Lambda")["Invocations", "triggers-api"] == 1


def test_a_stand_in_that_hangs_holds_up_no_request_and_not_the_end(
    fresh: Fresh, session: requests.Session, tmp_path: Path, stand_stills: StandStills
) -> None:
    fresh.aws.put_faults([{"api": "ReportInvocations", "kind": "delay", "delay_ms": 60_000}])
    with reporting("triggers", fresh.aws.url, tmp_path) as service:
        session.headers["Authorization"] = f"Bearer {LOCAL_KEY}"
        session.get(f"{service.url}/inbox", timeout=10)
        eventually(lambda: "ReportInvocations" in fresh.aws.calls())
        for _ in range(20):
            assert session.get(f"{service.url}/inbox", timeout=30).status_code == 200
        told = time.time()
    assert service.process.returncode != -signal.SIGKILL
    # The call would take a minute; its own timeout and LAST_SECONDS each bound it.
    assert stand_stills.ran_since(told) < 6


def test_without_the_option_nothing_is_reported(session: requests.Session, tmp_path: Path) -> None:
    with running("reference.triggers", "--database", str(tmp_path / "t.sqlite3"), "--local-key") as service:
        assert counters(session, service) == {}


def test_reported_resources_are_found_by_tag(fresh: Fresh, session: requests.Session, tmp_path: Path) -> None:
    with reporting("triggers", fresh.aws.url, tmp_path) as service:
        session.headers["Authorization"] = f"Bearer {LOCAL_KEY}"
        session.get(f"{service.url}/inbox", timeout=10)
    tagged = fresh.aws.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "system", "Values": ["triggers"]}]
    )["ResourceTagMappingList"]
    arns = {each["ResourceARN"] for each in tagged}
    assert {"arn:aws:lambda:us-east-1:123456789012:function:triggers-api",
            "arn:aws:dynamodb:us-east-1:123456789012:table/triggers-events"} < arns  # fmt: skip
