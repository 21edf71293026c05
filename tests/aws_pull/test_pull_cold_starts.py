"""Cold starts are counted exactly: from the stand-in's logs, each once, in their run, on the right side of a limit."""

import json
import random
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.aws.running import RunningAws, running_aws
from reference.lambda_functions import report_line
from swarmscope.aws.cold_starts import ColdStartCounter, LineResult, LogEvent, cold_start_ratio, init_bounds
from swarmscope.aws.runs import RunSpan
from swarmscope.aws.settings import AwsSettings, ColdStarts, LogReader
from swarmscope.targets import Kind, Target

Drive = Callable[..., Any]
HISTOGRAM = "aws_lambda_init_duration_seconds"
LIMIT = 3.0


def json_report(init_ms: float, name: str = "initDurationMs") -> str:
    metrics = {
        "durationMs": 5.1,
        "billedDurationMs": 6,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 30,
        name: init_ms,
    }
    record = {"requestId": str(uuid.uuid4()), "metrics": metrics, "status": "success"}
    return json.dumps({"time": "2026-01-01T00:00:00Z", "type": "platform.report", "record": record})


def cold_line(form: str, milliseconds: float) -> str:
    if form == "json":
        return json_report(milliseconds)
    line = report_line(str(uuid.uuid4()), 0.005, milliseconds / 1000)
    return line.replace("Init Duration", "Restore Duration") if form == "restore" else line


def decoy(index: int) -> str:
    real = report_line(str(uuid.uuid4()), 0.005, 9.999)
    return (
        f"INIT_REPORT Init Duration: {9000 + index}.00 ms\tPhase: init\tStatus: success",
        f"my own line says {real}",
        json.dumps({"level": "INFO", "message": json_report(9999)}),
        f"RESTORE_REPORT Restore Duration: {9000 + index}.00 ms",
    )[index % 4]


def write(aws: RunningAws, function: str, lines: list[tuple[float, str]]) -> None:
    logs = aws.client("logs")
    group = f"/aws/lambda/{function}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": int(at * 1000), "message": text} for at, text in sorted(lines)],
    )


def settings(*functions: str, **cold: Any) -> AwsSettings:
    return AwsSettings(functions=functions, cold_starts=ColdStarts(**{"delay_seconds": 2.0, **cold}))


def buckets(driven: Any, **labels: str) -> dict[str, float]:
    return {sample.labels["le"]: sample.value for sample in driven.samples(f"{HISTOGRAM}_bucket", **labels)}


@pytest.mark.parametrize(
    ("reader", "slow"),  # of 50: with 2 the 95th percentile is at the limit, with 3 it is not
    [
        (LogReader.FILTER, 2),
        (LogReader.FILTER, 3),
        (LogReader.INSIGHTS, 3),
        # Both readers' lines are counted by the same code.
        pytest.param(LogReader.INSIGHTS, 2, marks=pytest.mark.long),
    ],
)
def test_1000_lines_of_which_50_are_cold(
    aws: RunningAws, drive: Drive, clock: Any, reader: LogReader, slow: int
) -> None:
    function = f"many-{reader}-{slow}"
    chance = random.Random(5)
    # Exactly at the limit counts as held; a hundredth of a millisecond above it does not.
    cold = [3000.01] * slow + [3000.00] * 20 + [chance.uniform(60, 2999) for _ in range(30 - slow)]
    forms = ["text", "restore", "json"]
    lines = [cold_line(forms[index % 3], round(each, 2)) for index, each in enumerate(cold)]
    lines += [report_line(str(uuid.uuid4()), 0.01, None) for _ in range(950)]
    lines += [decoy(index) for index in range(200)]
    chance.shuffle(lines)
    write(aws, function, [(clock.now + index / 100, line) for index, line in enumerate(lines)])
    driven = drive(settings(function, reader=reader))
    clock.now += 12.5
    for _ in range(3):
        driven.poll_logs()
        clock.now += 1
    found = buckets(driven, function=function)
    assert found["+Inf"] == 50
    assert found["3.0"] == 50 - slow
    assert (found["3.0"] / found["+Inf"] >= 0.95) is (slow == 2)
    total = sum(Decimal(str(round(each, 2))) for each in cold) / 1000
    assert driven.value(f"{HISTOGRAM}_sum", function=function) == pytest.approx(float(total), abs=1e-9)
    results = {
        sample.labels["result"]: sample.value for sample in driven.samples("aws_exporter_log_lines_total")
    }
    assert results["cold_start"] == 50
    assert results["rejected"] == 200
    assert results["repeated"] > 0  # lines are read again, and not counted again


def test_late_lines_are_still_counted(aws: RunningAws, drive: Drive, clock: Any) -> None:
    driven = drive(settings("late", delay_seconds=10))
    write(aws, "late", [(clock.now + 5, cold_line("text", 100))])
    clock.now += 20
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", function="late") == 1
    # Of 11 s ago, later than logs are said to be.
    write(aws, "late", [(clock.now - 11, cold_line("text", 200))])
    clock.now += 5
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", function="late") == 2


def test_several_functions_stay_below_five_calls_a_second(drive: Drive, clock: Any) -> None:
    names = [f"calm-{index}" for index in range(6)]
    # Of its own: the account's quota is shared by whoever asked within the last second.
    with running_aws() as aws:
        for name in names:
            write(aws, name, [(clock.now + 1, cold_line("text", 100))])
        driven = drive(replace(settings(*names), endpoint_url=aws.url))
        clock.now += 10
        for _ in range(2):
            driven.poll_logs()
        counts = aws.calls()["FilterLogEvents"]
        assert (counts["calls"], counts["errors"]) == (12, {})
    assert [driven.value(f"{HISTOGRAM}_count", function=name) for name in names] == [1] * 6


def test_empty_pages_with_a_token_are_followed(aws: RunningAws, drive: Drive, clock: Any) -> None:
    write(aws, "empty", [(clock.now + 1, cold_line("text", 100))])
    driven = drive(settings("empty"))
    clock.now += 10
    aws.put_faults([{"api": "FilterLogEvents", "kind": "empty_page", "times": 3}])
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", function="empty") == 1
    assert driven.value("aws_exporter_api_calls_total", operation="FilterLogEvents", result="success") == 4


def test_a_failing_poll_settles_nothing_and_is_made_up_for(aws: RunningAws, drive: Drive, clock: Any) -> None:
    driven = drive(settings("broken"))
    clock.now += 10
    driven.poll_logs()
    settled = driven.value("aws_exporter_settled_timestamp_seconds", source="logs")
    assert settled == pytest.approx(clock.now - 2, abs=1e-3)
    write(aws, "broken", [(clock.now + 1, cold_line("text", 100))])
    aws.put_faults([{"api": "FilterLogEvents", "kind": "error_500", "times": 1}])
    clock.now += 30
    driven.poll_logs()
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="logs") == settled
    assert driven.value("aws_exporter_poll_success", source="logs") == 0
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", function="broken") == 1
    assert driven.value("aws_exporter_poll_success", source="logs") == 1


def test_a_function_whose_logs_cannot_be_read_leaves_the_others_fresh(
    aws: RunningAws, drive: Drive, clock: Any
) -> None:
    for name in ("first", "second"):
        write(aws, name, [(clock.now + 1, cold_line("text", 100))])
    driven = drive(settings("first", "second"))
    clock.now += 10
    aws.put_faults([{"api": "FilterLogEvents", "kind": "access_denied", "times": 1}])
    driven.poll_logs()
    assert [driven.value(f"{HISTOGRAM}_count", function=name) for name in ("first", "second")] == [0, 1]
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="logs") == 0
    driven.poll_logs()
    assert [driven.value(f"{HISTOGRAM}_count", function=name) for name in ("first", "second")] == [1, 1]
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="logs") > 0


def test_a_function_that_never_ran_has_no_log_group_and_that_is_no_failure(drive: Drive, clock: Any) -> None:
    driven = drive(settings("never"))
    clock.now += 10
    driven.poll_logs()
    assert driven.value("aws_exporter_poll_success", source="logs") == 1
    assert driven.value(f"{HISTOGRAM}_count", function="never") == 0
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="logs") > 0


def test_only_lines_of_the_run_count(aws: RunningAws, drive: Drive, clock: Any, locust: Any) -> None:
    began = clock.now
    write(aws, "scoped", [(began - 61, cold_line("text", 100)), (began - 59, cold_line("text", 100))])
    locust.start("r1", began)
    driven = drive(settings("scoped"), locust_url=locust.url)
    clock.now += 5
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", run="r1") == 1
    write(aws, "scoped", [(began + 20, cold_line("text", 100)), (began + 20.5, cold_line("text", 100))])
    locust.stop(began + 20)
    clock.now += 16
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", run="r1") == 2
    # A second run begins soon after: what the first one has is not the second one's, what came between is.
    locust.start("r2", began + 30)
    clock.now += 20
    driven.poll_logs()
    driven.poll_logs()
    assert driven.value(f"{HISTOGRAM}_count", run="r1") == 2
    assert driven.value(f"{HISTOGRAM}_count", run="r2") == 1


def test_a_line_is_not_counted_before_it_is_known_that_its_run_still_went_on(drive: Drive) -> None:
    counter = ColdStartCounter((Decimal(1),))
    run = RunSpan("r", "s", 1000.0, None, 1010.0)
    counter.follow(run, ["f"])
    event = LogEvent("f", 1012.0, cold_line("text", 100), "id")
    assert counter.take(event) is None
    counter.follow(replace(run, seen_until=1013.0, stopped=1011.0), ["f"])
    assert counter.take(event) is LineResult.OUTSIDE_RUN
    counter.follow(replace(run, seen_until=1013.0), ["f"])
    assert counter.take(event) is LineResult.COLD_START
    assert counter.take(event) is LineResult.REPEATED


@given(
    events=st.lists(st.tuples(st.integers(0, 99), st.integers(1, 1500), st.booleans()), max_size=60),
    reads=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=12),
    seed=st.integers(0, 2**32),
)
def test_each_cold_start_counts_once_whatever_is_read_how_often_in_which_order(
    events: list[tuple[int, int, bool]], reads: list[tuple[int, int]], seed: int
) -> None:
    """Second and milliseconds of each line, and whether it is a decoy; windows that overlap as they like."""
    lines = [
        LogEvent("f", 1000.0 + at, decoy(index) if is_decoy else cold_line("text", ms), str(index))
        for index, (at, ms, is_decoy) in enumerate(events)
    ]
    bounds = (Decimal("0.5"), Decimal(1))
    counter = ColdStartCounter(bounds)
    counter.follow(RunSpan("r", "s", 1010.0, 1080.0, 2000.0), ["f"])
    chance = random.Random(seed)
    for first, last in [*reads, (0, 99)]:
        window = [line for line in lines if first <= line.timestamp - 1000 <= last]
        chance.shuffle(window)
        for line in window:
            counter.take(line)
    inside = [ms for at, ms, is_decoy in events if not is_decoy and at <= 80]
    (counts,) = [functions["f"] for functions in counter.counts().values()]
    assert counts.buckets == [
        sum(ms <= 500 for ms in inside),
        sum(500 < ms <= 1000 for ms in inside),
        sum(ms > 1000 for ms in inside),
    ]
    assert counts.seconds == Decimal(sum(inside)) / 1000


def test_an_event_without_an_id_is_known_by_its_request() -> None:
    counter = ColdStartCounter((Decimal(1),))
    counter.follow(RunSpan("r", "s", 1000.0, None, 2000.0), ["f"])
    event = LogEvent("f", 1012.0, cold_line("text", 100))
    assert [counter.take(event), counter.take(event)] == [LineResult.COLD_START, LineResult.REPEATED]
    assert counter.take(event._replace(message=cold_line("text", 100))) is LineResult.COLD_START


def test_what_is_remembered_is_bounded() -> None:
    counter = ColdStartCounter((Decimal(1),), most_remembered=100)
    counter.follow(RunSpan("r", "s", 1000.0, None, 10_000.0), ["f"])
    for index in range(1000):
        counter.take(LogEvent("f", 1000.0 + index, "decoy", str(index)))
    assert counter.remembered == 100
    counter.forget(1950.0)
    assert counter.remembered == 50


def test_the_bounds_have_every_limit_in_seconds() -> None:
    targets = (
        Target("a", Kind.MAX, Decimal("2.75"), "2.75s", query="x", unit="s"),
        Target("b", Kind.MAX, Decimal("0.02"), "20ms", query="x", unit="s"),
        Target("c", Kind.MAX, Decimal(17), "17", query="x"),
        Target("d", Kind.P95, Decimal("0.123"), "123ms", request="*"),
    )
    bounds = init_bounds(targets)
    assert bounds[0] == Decimal("0.02")
    assert bounds[1] == Decimal("0.05")
    assert bounds[-1] == 60
    assert Decimal("2.75") in bounds
    assert not {Decimal(17), Decimal("0.123")} & set(bounds)
    assert list(bounds) == sorted(set(bounds))


def test_the_ratio_is_of_settled_minutes_of_its_run_only() -> None:
    counter = ColdStartCounter((Decimal(1),))
    run = RunSpan("r", "s", 1210.0, None, 2000.0)
    counter.follow(run, ["f"])
    for at in (1200.0, 1250.0, 1270.0, 1330.0):
        counter.take(LogEvent("f", at, cold_line("text", 100)))
    (counts,) = [functions["f"] for functions in counter.counts().values()]
    invocations = {1140: 1000.0, 1200: 10.0, 1260: 30.0, 1320: 60.0, 1380: 10_000.0}
    assert cold_start_ratio(counts, invocations, run, 1320.0) == 3 / 40
    over = replace(run, stopped=1340.0)
    assert cold_start_ratio(counts, invocations, over, 5000.0) == 4 / 100
    assert cold_start_ratio(counts, {}, run, 1320.0) is None
    assert cold_start_ratio(counts, {1200: 0.0}, run, 1320.0) is None


def test_the_ratio_is_on_the_page_and_a_later_run_does_not_change_it(
    aws: RunningAws, drive: Drive, clock: Any, locust: Any
) -> None:
    began = clock.now

    def invoke(at: float, count: int) -> None:
        calls = [
            ["ratio", at, 200, 25, 24, 10, 500 if index == 0 else None, 1, str(uuid.uuid4()), "s"]
            for index in range(count)
        ]
        batch = {"system": "access", "api": "a", "stage": "local", "invocations": calls, "operations": []}
        aws.control("POST", "invocations", batch)

    locust.start("r1", began)
    invoke(began + 1, 20)
    driven = drive(replace(settings("ratio"), delay_seconds=0), locust_url=locust.url)
    clock.now += 30
    driven.poll_logs()
    driven.poll()
    assert driven.value("aws_lambda_cold_start_ratio", run="r1") is None  # its minute has not settled
    locust.stop(began + 31)
    clock.now += 35
    driven.poll_logs()
    driven.poll()
    assert driven.value("aws_lambda_cold_start_ratio", run="r1", function="ratio") == 1 / 20
    locust.start("r2", began + 70)
    invoke(began + 71, 4)
    clock.now += 60
    driven.poll_logs()
    driven.poll()
    assert driven.value("aws_lambda_cold_start_ratio", run="r1") == 1 / 20
    assert driven.value("aws_lambda_cold_start_ratio", run="r2") == 1 / 4
    assert driven.value(f"{HISTOGRAM}_count", run="r1") == 1  # the stand-in's INIT_REPORT is a decoy
