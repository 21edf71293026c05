import time
import uuid
from typing import Any

import pytest

from reference.aws.running import running_aws


@pytest.fixture
def group(logs: Any) -> str:
    """A group with two streams: `a` and `b`."""
    name = f"/aws/lambda/{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=name)
    for stream in "ab":
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


NOW = int(time.time() * 1000)


def put(logs: Any, group: str, stream: str, *events: tuple[int, str]) -> Any:
    """Lines with their milliseconds before now."""
    lines = [{"timestamp": NOW - before, "message": message} for before, message in events]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=lines)


def messages(logs: Any, group: str, **more: Any) -> list[str]:
    return [event["message"] for event in logs.filter_log_events(logGroupName=group, **more)["events"]]


def test_lines_of_all_streams_come_in_the_order_of_time(logs: Any, group: str) -> None:
    put(logs, group, "a", (3000, "1"), (1000, "3"))
    put(logs, group, "b", (2000, "2"), (0, "4"))
    assert messages(logs, group) == ["1", "2", "3", "4"]
    assert messages(logs, group, logStreamNames=["b"]) == ["2", "4"]
    assert messages(logs, group, logStreamNamePrefix="a") == ["1", "3"]


def test_events_carry_what_clients_need(logs: Any, group: str) -> None:
    put(logs, group, "a", (1000, "x"), (1000, "x"))
    one, two = logs.filter_log_events(logGroupName=group)["events"]
    assert (one["timestamp"], one["message"], one["logStreamName"]) == (NOW - 1000, "x", "a")
    assert one["eventId"] != two["eventId"]
    assert len(one["eventId"]) == 56
    assert one["ingestionTime"] >= NOW


def test_both_ends_of_a_span_are_in(logs: Any, group: str) -> None:
    put(logs, group, "a", (3000, "1"), (2000, "2"), (1000, "3"))
    assert messages(logs, group, startTime=NOW - 3000, endTime=NOW - 2000) == ["1", "2"]
    assert messages(logs, group, startTime=NOW - 2999, endTime=NOW - 1001) == ["2"]


def test_a_limit_is_a_page_and_all_pages_are_everything(logs: Any, group: str) -> None:
    put(logs, group, "a", *((10_000 - number, str(number)) for number in range(25)))
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group, limit=10))
    assert [[event["message"] for event in page["events"]] for page in pages] == [
        [str(number) for number in numbers] for numbers in (range(10), range(10, 20), range(20, 25))
    ]


def test_a_page_without_a_match_still_has_a_token() -> None:
    with running_aws("--lines-per-page", "10") as aws:
        logs = aws.client("logs")
        logs.create_log_group(logGroupName="g")
        logs.create_log_stream(logGroupName="g", logStreamName="a")
        put(logs, "g", "a", *((10_000 - number, f"line {number}.") for number in range(35)))
        found, token = [], {}
        while True:
            page = logs.filter_log_events(logGroupName="g", filterPattern='"line 34."', **token)
            found.append([event["message"] for event in page["events"]])
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert found == [[], [], [], ["line 34."]]


def test_an_empty_page_can_be_commanded(aws: Any, logs: Any, group: str) -> None:
    put(logs, group, "a", (1000, "x"))
    aws.put_faults([{"api": "FilterLogEvents", "kind": "empty_page", "times": 2}])
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    assert [len(page["events"]) for page in pages] == [0, 0, 1]


def test_a_token_goes_with_its_request_only(logs: Any, group: str, refused: Any) -> None:
    put(logs, group, "a", (2000, "x"), (1000, "y"))
    token = logs.filter_log_events(logGroupName=group, limit=1)["nextToken"]
    found = refused(logs.filter_log_events, logGroupName=group, limit=2, nextToken=token)
    assert found == ("InvalidParameterException", "The specified nextToken is invalid.")


def test_more_than_five_calls_a_second_are_throttled() -> None:
    with running_aws() as aws:
        logs = aws.client("logs")
        logs.create_log_group(logGroupName="g")
        outcomes = []
        for _ in range(8):
            try:
                logs.filter_log_events(logGroupName="g")
                outcomes.append("")
            except logs.exceptions.ClientError as error:
                outcomes.append(error.response["Error"]["Code"])
        assert outcomes[:5] == [""] * 5
        assert set(outcomes[5:]) == {"ThrottlingException"}


def test_lines_appear_after_the_delay() -> None:
    with running_aws("--logs-delay", "1s", "--filter-calls-per-second", "100") as aws:
        logs = aws.client("logs")
        logs.create_log_group(logGroupName="g")
        logs.create_log_stream(logGroupName="g", logStreamName="a")
        put_at = time.monotonic()
        put(logs, "g", "a", (1000, "x"))
        assert messages(logs, "g") == []
        while not messages(logs, "g"):
            assert time.monotonic() < put_at + 10
            time.sleep(0.05)
        assert time.monotonic() >= put_at + 0.9


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([(0, "x"), (1000, "y")], "Log events in a single PutLogEvents request must be in chronological order."),
        ([(25 * 3_600_000, "x"), (0, "y")],
         "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."),
        ([(0, "x" * 600_000), (0, "y" * 600_000)], "Upload too large: more than 1048576 bytes."),
        ([(0, "x")] * 10_001, "The collection logEvents must not have a size greater than 10000."),
    ],
)  # fmt: skip
def test_batches_that_aws_would_not_take_are_refused(
    logs: Any, group: str, refused: Any, events: list[tuple[int, str]], message: str
) -> None:
    assert refused(put, logs, group, "a", *events) == ("InvalidParameterException", message)
    assert messages(logs, group) == []


def test_lines_too_old_or_too_new_are_told_and_left_out(logs: Any, group: str) -> None:
    day = 24 * 3_600_000
    answer = put(logs, group, "a", (15 * day, "old"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    answer = put(logs, group, "a", (0, "x"), (-3 * 3_600_000, "new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert messages(logs, group) == ["x"]


def test_groups_and_streams_must_exist_and_only_once(logs: Any, group: str, refused: Any) -> None:
    gone = ("ResourceNotFoundException", "The specified log group does not exist.")
    assert refused(logs.filter_log_events, logGroupName="gone") == gone
    assert refused(put, logs, "gone", "a", (0, "x")) == gone
    assert refused(put, logs, group, "gone", (0, "x")) == (
        "ResourceNotFoundException", "The specified log stream does not exist.",
    )  # fmt: skip
    assert refused(logs.create_log_group, logGroupName=group)[0] == "ResourceAlreadyExistsException"
    assert refused(logs.create_log_stream, logGroupName=group, logStreamName="a")[0] == (
        "ResourceAlreadyExistsException"
    )


def test_a_group_is_known_by_its_arn_too(logs: Any, group: str) -> None:
    put(logs, group, "a", (0, "x"))
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert described["arn"] == f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"
    found = logs.filter_log_events(logGroupIdentifier=described["logGroupArn"])["events"]
    assert [event["message"] for event in found] == ["x"]


def test_groups_are_listed_in_pages(logs: Any) -> None:
    prefix = f"paged-{uuid.uuid4().hex}"
    for number in range(5):
        logs.create_log_group(logGroupName=f"{prefix}-{number}")
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix, limit=2)
    found = [[each["logGroupName"][-1] for each in page["logGroups"]] for page in pages]
    assert found == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"unmask": True}, "NotSupportedByStandIn"),
        ({"filterPattern": "{ $.type = 1 }"}, "NotSupportedByStandIn"),
        ({"logStreamNames": ["a"], "logStreamNamePrefix": "a"}, "InvalidParameterException"),
        ({"startTime": 2, "endTime": 1}, "InvalidParameterException"),
    ],
)
def test_questions_that_are_not_answered(
    logs: Any, group: str, refused: Any, options: dict[str, Any], code: str
) -> None:
    assert refused(logs.filter_log_events, logGroupName=group, **options)[0] == code
