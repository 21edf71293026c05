"""Polling follows Locust's runs, stays below the cost limit, and finds resources by tag."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reference.aws.running import RunningAws
from swarmscope.aws.families import ListedMetric
from swarmscope.aws.runs import Place, RunSpan, newest_run, run_of
from swarmscope.aws.settings import AwsSettings, ColdStarts

Drive = Callable[..., Any]
SALES = ListedMetric("sales", "Shop/Runs", "Sales", statistics=("Sum",))


def polled(driven: Any, aws: RunningAws) -> int:
    """How many calls of GetMetricData a poll makes."""
    aws.clear_calls()
    driven.poll()
    return int(aws.calls().get("GetMetricData", {"calls": 0})["calls"])


def test_polls_only_during_a_run_and_until_its_last_minute_has_settled(
    aws: RunningAws, drive: Drive, clock: Any, locust: Any
) -> None:
    driven = drive(AwsSettings(metrics=(SALES,), delay_seconds=120), locust_url=locust.url)
    clock.now += 600
    assert polled(driven, aws) == 0
    began = clock.now + 10
    locust.start("r1", began)
    clock.now = began + 100
    assert polled(driven, aws) == 0  # nothing of it has settled
    clock.now = began + 171
    assert polled(driven, aws) == 1
    locust.stop(began + 65)  # in the second minute, which settles at 240
    clock.now = began + 180
    assert polled(driven, aws) == 0
    clock.now = began + 231
    assert polled(driven, aws) == 1
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="metrics") >= began + 65
    assert driven.value("aws_exporter_poll_interval_seconds", source="metrics") == 60
    clock.now += 600
    assert polled(driven, aws) == 0
    assert driven.value("aws_exporter_poll_interval_seconds", source="metrics") == 0
    # And the next.
    locust.start("r2", clock.now)
    clock.now += 200
    assert polled(driven, aws) == 1


def test_between_runs_it_polls_slowly_where_that_is_wanted(
    aws: RunningAws, drive: Drive, clock: Any, locust: Any
) -> None:
    driven = drive(
        AwsSettings(metrics=(SALES,), delay_seconds=0, idle_poll_seconds=300), locust_url=locust.url
    )
    clock.now += 60
    due = driven.poll()
    assert due - clock.now == pytest.approx(300, abs=1)
    assert driven.value("aws_exporter_poll_interval_seconds", source="metrics") == 300


def test_it_wants_to_be_asked_again_when_the_next_minute_has_settled(drive: Drive, clock: Any) -> None:
    driven = drive(AwsSettings(metrics=(SALES,), delay_seconds=20, poll_seconds=10))
    clock.now += 90
    assert driven.poll() == pytest.approx(clock.now + 50.2)


def test_a_run_that_locust_took_with_it_ended_when_it_was_last_seen(
    aws: RunningAws, drive: Drive, clock: Any, locust: Any
) -> None:
    locust.start("r1", clock.now)
    driven = drive(AwsSettings(metrics=(SALES,), delay_seconds=0), locust_url=locust.url)
    clock.now += 70
    driven.poll()
    assert not driven.exporter.watch.run.is_over
    seen = clock.now
    driven.exporter.watch._urls = ["http://127.0.0.1:1/live"]
    clock.now += 5
    driven.exporter.watch.ask()
    assert not driven.exporter.watch.run.is_over  # a hiccup
    clock.now += 6
    driven.exporter.watch.ask()
    assert driven.exporter.watch.run.stopped == seen


def test_other_systems_runs_and_runs_that_have_not_begun_are_none() -> None:
    ready = {"run": "r3", "system": "access", "started": None, "stopped": None}
    runs = [
        ready,
        {"run": "r2", "system": "triggers", "started": 20.0, "stopped": None},
        {"run": "r1", "system": "access", "started": 10.0, "stopped": 15.0},
    ]
    assert newest_run({"now": 30.0, "runs": runs}, "access") == RunSpan("r1", "access", 10.0, 15.0, 30.0)
    assert newest_run({"now": 30.0, "runs": [ready]}, "access") is None
    with pytest.raises(ValueError, match="not the answer of Swarmscope's /live"):
        newest_run({"detail": "not found"}, "access")


def test_a_moment_between_two_runs_is_the_second_ones() -> None:
    first, second = RunSpan("a", "s", 1000, 1100, 1200), RunSpan("b", "s", 1130, None, 1200)
    found = [run_of(at, [second, first]) for at in (939, 940, 1100, 1101, 1200, 1201)]
    assert found == [Place.OUTSIDE, first, first, second, second, Place.NOT_YET_KNOWN]


def test_the_cost_limit_slows_polling_and_says_so(
    aws: RunningAws, drive: Drive, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    many = tuple(replace(SALES, name=f"s{index}", metric=f"S{index}") for index in range(100))
    # $0.06 an hour at a poll a minute.
    driven = drive(AwsSettings(metrics=many, delay_seconds=0, cost_limit_dollars_per_hour=0.02))
    clock.now += 60
    due = driven.poll()
    assert due - clock.now >= 179
    assert driven.value("aws_exporter_cost_limited") == 1
    assert driven.value("aws_exporter_poll_interval_seconds", source="metrics") == pytest.approx(180)
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "the cost limit of $0.02 an hour slows polling: metrics every 180 s instead of 60 s"
    ]
    # An hour of it, as it wants to be asked.
    started = clock.now
    while due < started + 3600:
        clock.now = due
        due = driven.poll()
    assert driven.value("aws_exporter_estimated_cost_dollars_total") <= 0.021
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    # Not one minute was left out.
    assert driven.value("aws_exporter_settled_timestamp_seconds", source="metrics") > 0


def test_resources_are_found_by_tag(aws: RunningAws, drive: Drive, clock: Any, locust: Any) -> None:
    home = "us-east-1:123456789012"
    lambdas = {
        f"arn:aws:lambda:{home}:function:tagged-{index:03}": {"team": "a", "env": "sit"}
        for index in range(60)
    }
    aws.control(
        "PUT",
        "resources",
        {
            **lambdas,
            f"arn:aws:lambda:{home}:function:other": {"team": "a"},
            f"arn:aws:dynamodb:{home}:table/tagged": {"team": "a", "env": "sit"},
            f"arn:aws:dynamodb:{home}:table/tagged/index/by-day": {"team": "a", "env": "sit"},
            "arn:aws:s3:::tagged": {"team": "a", "env": "sit"},
        },
    )
    locust.start("r1", clock.now)
    driven = drive(
        AwsSettings(
            functions=("named",), tags={"team": "a", "env": "sit"}, delay_seconds=0, cold_starts=ColdStarts()
        ),
        locust_url=locust.url,
    )
    clock.now += 60
    driven.poll()
    functions = {sample.labels["function"] for sample in driven.samples("aws_lambda_errors")}
    assert functions == {"named", *(f"tagged-{index:03}" for index in range(60))}
    assert {sample.labels["table"] for sample in driven.samples("aws_dynamodb_system_errors")} == {"tagged"}
    # Two pages. Asked again five minutes later, or when a run begins.
    calls = {"operation": "GetResources", "result": "success"}
    assert driven.value("aws_exporter_api_calls_total", **calls) == 2
    clock.now += 60
    driven.poll()
    assert driven.value("aws_exporter_api_calls_total", **calls) == 2
    clock.now += 300
    driven.poll()
    assert driven.value("aws_exporter_api_calls_total", **calls) == 4
    locust.stop(clock.now)
    locust.start("r2", clock.now + 1)
    clock.now += 62
    driven.poll()
    assert driven.value("aws_exporter_api_calls_total", **calls) == 6


def test_a_discovery_that_fails_keeps_what_was_known(aws: RunningAws, drive: Drive, clock: Any) -> None:
    aws.control("PUT", "resources", {"arn:aws:lambda:us-east-1:123456789012:function:kept": {"team": "kept"}})
    driven = drive(AwsSettings(tags={"team": "kept"}, delay_seconds=0))
    clock.now += 60
    driven.poll()
    assert driven.value("aws_lambda_errors", function="kept") == 0
    aws.put_faults([{"api": "GetResources", "kind": "error_500"}])
    clock.now += 360
    driven.poll()
    assert driven.value("aws_lambda_errors", function="kept") == 0
    assert driven.value("aws_exporter_poll_success", source="metrics") == 0
