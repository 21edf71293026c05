"""Windows become data as CloudWatch takes them, and data become calls within its limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.push_batches import Batch, batches_of, body_bytes
from swarmscope.aws.push_data import Datum, PushNames, clean, data_of
from swarmscope.aws.push_windows import RequestWindow, Window, is_period, window_start
from swarmscope.measurements import RequestKey

EVENTS, INBOX = RequestKey("POST", "/events"), RequestKey("GET", "/v1/inbox")
NAMES = PushNames("triggers", 60)
ALL = (("System", "triggers"),)
OF_EVENTS = (*ALL, ("Method", "POST"), ("Request", "/events"))


def request_window(*times: float, failures: int = 0) -> RequestWindow:
    window = RequestWindow()
    window.requests, window.failures = len(times), failures
    window.durations.add(times)
    return window


def datum(data: list[Datum], metric: str, *dimensions: tuple[str, str]) -> Datum:
    (found,) = [each for each in data if each.metric == metric and each.dimensions == dimensions]
    return found


def test_a_window_says_durations_requests_and_failures_of_each_request_and_of_all() -> None:
    window = Window(
        1_735_689_600,
        "r1",
        {EVENTS: request_window(100, 200, failures=1), INBOX: request_window(50)},
        {7: 60},
    )
    data = data_of(window, NAMES)
    assert len(data) == 10
    assert datum(data, "RequestDuration", *OF_EVENTS).as_api() == {
        "MetricName": "RequestDuration",
        "Dimensions": [
            {"Name": "System", "Value": "triggers"},
            {"Name": "Method", "Value": "POST"},
            {"Name": "Request", "Value": "/events"},
        ],
        "Timestamp": 1_735_689_600,
        "Unit": "Seconds",
        "Values": [0.1, 0.2],
        "Counts": [1, 1],
    }
    assert datum(data, "RequestDuration", *ALL).values == (0.05, 0.1, 0.2)
    assert datum(data, "Requests", *ALL).as_api()["Value"] == 3
    users = datum(data, "Users", *ALL).as_api()
    assert (users["Values"], users["Counts"]) == ([7], [60])


def test_the_average_of_failures_is_their_share() -> None:
    data = data_of(Window(0, "", {EVENTS: request_window(1, 1, 1, 1, failures=1)}), NAMES)
    failures = datum(data, "Failures", *OF_EVENTS)
    assert (failures.values, failures.counts) == ((0.0, 1.0), (3, 1))
    only = data_of(Window(0, "", {EVENTS: request_window(1, failures=1)}), NAMES)
    assert (datum(only, "Failures", *ALL).values, datum(only, "Failures", *ALL).counts) == ((1.0,), (1,))


def test_a_target_s_pattern_of_several_requests_has_a_metric_of_its_own() -> None:
    names = PushNames("triggers", 60, patterns=("* /v1/*", "PUT *", "*", "POST /events"))
    window = Window(
        0,
        "",
        {
            EVENTS: request_window(1),
            INBOX: request_window(2),
            RequestKey("PATCH", "/v1/a"): request_window(3),
        },
    )
    data = data_of(window, names)
    assert datum(data, "RequestDuration", *ALL, ("Pattern", "* /v1/*")).values == (0.002, 0.003)
    assert {
        each.dimensions[1][1] for each in data if each.dimensions[1:] and each.dimensions[1][0] == "Pattern"
    } == {"* /v1/*"}


def test_runs_are_told_apart_beside_what_is_not_told_apart() -> None:
    data = data_of(
        Window(0, "r1", {EVENTS: request_window(1)}, {3: 1}), PushNames("triggers", 60, with_run=True)
    )
    without = data_of(Window(0, "r1", {EVENTS: request_window(1)}, {3: 1}), NAMES)
    assert data[: len(without)] == without
    assert [each.dimensions for each in data[len(without) :]] == [
        (*each.dimensions, ("Run", "r1")) for each in without
    ]


def test_a_window_without_requests_says_only_how_many_users_there_were() -> None:
    assert data_of(Window(0, "", {}), NAMES) == []
    assert [each.metric for each in data_of(Window(0, "", {}, {0: 2, 5: 58}), NAMES)] == ["Users"]


def test_windows_below_a_minute_are_kept_by_the_second() -> None:
    (users,) = data_of(Window(10, "", {}, {1: 1}), PushNames("triggers", 10))
    assert users.as_api()["StorageResolution"] == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [("/überweisung", "/?berweisung"), ("", "-"), ("  ", "-"), (" a\nb ", "a?b"), ("x" * 300, "x" * 255)],
)
def test_dimensions_are_what_cloudwatch_takes(text: str, value: str) -> None:
    assert clean(text) == value


@given(st.text())
def test_any_name_becomes_one(text: str) -> None:
    assert clean(text).isascii()
    assert clean(text).isprintable()
    assert clean(text).strip()


def test_no_datum_has_more_than_150_values() -> None:
    chance = random.Random(1)
    window = request_window(*(chance.uniform(1, 60_000) for _ in range(20_000)))
    data = [
        each for each in data_of(Window(0, "", {EVENTS: window}), NAMES) if each.metric == "RequestDuration"
    ]
    assert max(len(each.values) for each in data) == 150
    assert sum(sum(each.counts) for each in data) == 40_000


def test_calls_have_at_most_1000_data_and_a_megabyte_and_lose_nothing() -> None:
    small = Datum("m", ALL, 0, "Count", (1.0,), (1,), False)
    large = Datum("m", ALL, 0, "Count", (1.0,) * 150, (1,) * 150, False)
    assert [len(batch.data) for batch in batches_of([small] * 2500, "json")] == [1000, 1000, 500]
    batches = list(batches_of([large] * 500, "query"))
    assert [each for batch in batches for each in batch.data] == [large] * 500
    assert max(batch.body_bytes for batch in batches) <= 950_000
    assert len(batches) > 1
    assert list(batches_of([], "json")) == []


@pytest.mark.parametrize("protocol", ["json", "smithy-rpc-v2-cbor", "query"])
def test_bodies_are_never_larger_than_estimated(protocol: str, bodies_of: object) -> None:
    chance = random.Random(2)
    named = (("System", "s"), ("Method", "GET"), ("Request", '/"quoted"\\&=ä'))
    data = [
        Datum("RequestDuration", named, 1_735_689_600, "Seconds",
              tuple(chance.uniform(1e-5, 60) for _ in range(150)),
              tuple(chance.randrange(1, 10**6) for _ in range(150)), True)
        for _ in range(40)
    ]  # fmt: skip
    batch = Batch(tuple(data), sum(body_bytes(each, protocol) for each in data))
    size = bodies_of(protocol, batch)  # type: ignore[operator]
    assert 0.3 * batch.body_bytes < size <= batch.body_bytes


def test_windows_begin_at_multiples_of_their_period() -> None:
    assert [window_start(now, 60) for now in (0.0, 59.999, 60.0, 125.5)] == [0, 0, 60, 120]
    assert [seconds for seconds in range(4000) if is_period(seconds)] == [10, 20, 30, *range(60, 3601, 60)]
