import time
import uuid
from typing import Any

import pytest

from swarmscope.aws.insights_query import MARKS, cold_start_query, limit_of

NOW = int(time.time())
REPORT = "REPORT RequestId: 1\tDuration: 2.00 ms\tInit Duration: 3.00 ms\t"


LINES = (
    "START RequestId: 1", REPORT, '{"type":"platform.report","initDurationMs":1}', "REPORT RequestId: 2\t",
)  # fmt: skip


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/aws/lambda/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="a")
    events = [{"timestamp": (NOW - 10) * 1000 + index, "message": line} for index, line in enumerate(LINES)]
    logs.put_log_events(logGroupName=name, logStreamName="a", logEvents=events)
    return name


def complete(logs: Any, query_id: str) -> Any:
    deadline = time.monotonic() + 10
    while (answer := logs.get_query_results(queryId=query_id))["status"] == "Running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def test_the_query_for_cold_starts_is_answered_after_a_while(logs: Any, group: str) -> None:
    started = logs.start_query(
        logGroupName=group, startTime=NOW - 60, endTime=NOW, queryString=cold_start_query()
    )
    running = logs.get_query_results(queryId=started["queryId"])
    assert (running["status"], running["results"]) == ("Running", [])
    answer = complete(logs, started["queryId"])
    assert answer["status"] == "Complete"
    rows = [{field["field"]: field["value"] for field in row} for row in answer["results"]]
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW - 10))
    assert [(row["@timestamp"], row["@logStream"], row["@message"]) for row in rows] == [
        (f"{moment}.001", "a", REPORT),
        (f"{moment}.002", "a", '{"type":"platform.report","initDurationMs":1}'),
    ]
    assert answer["statistics"] == {
        "recordsMatched": 2.0,
        "recordsScanned": 4.0,
        "bytesScanned": float(sum(len(line) + 26 for line in LINES)),
    }


def test_a_limit_and_a_span_narrow_it(logs: Any, group: str) -> None:
    def rows(query: str, end: int) -> int:
        started = logs.start_query(logGroupNames=[group], startTime=NOW - 60, endTime=end, queryString=query)
        return len(complete(logs, started["queryId"])["results"])

    assert rows(cold_start_query(1), NOW) == 1
    assert rows(cold_start_query(), NOW - 10) == 2
    assert rows(cold_start_query(), NOW - 11) == 0


@pytest.mark.parametrize(
    "query", ["fields @message", "stats count(*) by bin(1m)", cold_start_query() + " | limit 1"]
)
def test_other_queries_are_refused_and_not_answered(logs: Any, group: str, refused: Any, query: str) -> None:
    found = refused(logs.start_query, logGroupName=group, startTime=NOW - 60, endTime=NOW, queryString=query)
    assert found == (
        "NotSupportedByStandIn",
        "Swarmscope's stand-in for AWS does not support Logs Insights queries other than that for cold starts "
        "(swarmscope/aws/insights_query.py).",
    )


def test_unknown_queries_and_groups_are_not_found(logs: Any, refused: Any) -> None:
    assert refused(logs.get_query_results, queryId="none")[0] == "ResourceNotFoundException"
    found = refused(
        logs.start_query, logGroupName="gone", startTime=1, endTime=2, queryString=cold_start_query()
    )
    assert found[0] == "ResourceNotFoundException"


def test_the_text_can_be_recognised() -> None:
    assert all(mark in cold_start_query() for mark in MARKS)
    assert limit_of(cold_start_query(77)) == 77
    assert limit_of(cold_start_query(77).replace("77", "99999")) is None
    assert limit_of("fields @message") is None
    with pytest.raises(ValueError, match="expected a limit from 1 to 10000, got 0"):
        cold_start_query(0)
