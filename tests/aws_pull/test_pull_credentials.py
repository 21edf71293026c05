"""Credentials that are missing, wrong, expired or too weak: one message, no secret in it, and the exporter goes on."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporters.cloudwatch_pull.calls import AwsCalls, CallFailed
from exporters.cloudwatch_pull.clients import Clients
from exporters.cloudwatch_pull.own_metrics import CallResult, OwnMetrics
from reference.aws.running import REGION, RunningAws
from swarmscope.aws.actions import CALLED
from swarmscope.aws.families import ListedMetric
from swarmscope.aws.settings import AwsSettings, ColdStarts

Drive = Callable[..., Any]
ROLE = "arn:aws:iam::123456789012:role/reader"
SECRET = "testing-secret-nobody-may-see"


def settings(namespace: str = "Shop/Keys", **more: Any) -> AwsSettings:
    return AwsSettings(
        functions=("f",),
        metrics=(ListedMetric("sales", namespace, "Sales", statistics=("Sum",)),),
        cold_starts=ColdStarts(delay_seconds=2),
        delay_seconds=0,
        **more,
    )


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and record.name.startswith("exporters.")
    ]


def result(driven: Any, operation: str, result: str) -> float | None:
    found: float | None = driven.value("aws_exporter_api_calls_total", operation=operation, result=result)
    return found


def test_missing_credentials_are_told_once_and_the_exporter_goes_on(
    drive: Drive,
    clock: Any,
    put_point: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put_point("Shop/Keys", "Sales", clock.now, 5)
    caplog.set_level(logging.INFO)
    with monkeypatch.context() as without:
        without.delenv("AWS_ACCESS_KEY_ID")
        without.delenv("AWS_SECRET_ACCESS_KEY")
        driven = drive(settings())
        for _ in range(3):
            clock.now += 61
            driven.poll()
            driven.poll_logs()
        assert errors(caplog) == ["AWS credentials are missing: no metrics from AWS until there are others"]
        assert result(driven, "GetMetricData", "refused") == 3
        assert result(driven, "FilterLogEvents", "refused") == 3
        for source in ("metrics", "logs"):
            assert driven.value("aws_exporter_poll_success", source=source) == 0
            assert driven.value("aws_exporter_settled_timestamp_seconds", source=source) == 0
        assert driven.value("aws_exporter_data_age_seconds", namespace="AWS/Lambda") > 180
    # Somebody logs in: nothing has to be started anew.
    driven.poll()
    driven.poll_logs()
    assert driven.value("aws_exporter_poll_success", source="metrics") == 1
    assert [record.getMessage() for record in caplog.records][-1] == "AWS: the credentials work now"
    assert len(errors(caplog)) == 1


def test_wrong_credentials_are_told_once_whatever_is_asked(
    aws: RunningAws,
    drive: Drive,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    caplog.set_level(logging.DEBUG, "exporters")
    aws.put_faults([{"api": "*", "kind": "refuse_credentials"}])
    driven = drive(settings())
    for _ in range(3):
        clock.now += 61
        driven.poll()
        driven.poll_logs()
    assert errors(caplog) == [
        "AWS credentials are wrong (InvalidClientTokenId): no metrics from AWS until there are others"
    ]
    assert SECRET not in caplog.text
    assert SECRET not in driven.exporter.page()


def test_a_missing_permission_is_named(
    aws: RunningAws, drive: Drive, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    aws.put_faults([{"api": "FilterLogEvents", "kind": "access_denied"}])
    driven = drive(settings())
    clock.now += 61
    for _ in range(2):
        driven.poll()
        driven.poll_logs()
    assert errors(caplog) == [
        "AWS refuses FilterLogEvents: the credentials lack the permission logs:FilterLogEvents"
    ]
    assert driven.value("aws_exporter_poll_success", source="metrics") == 1
    assert driven.value("aws_exporter_poll_success", source="logs") == 0


def test_a_profile_that_there_is_not_is_one_message_too(
    drive: Drive, clock: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    driven = drive(settings(profile="nobody"))
    clock.now += 61
    for _ in range(2):
        driven.poll()
        driven.poll_logs()
    assert errors(caplog) == [
        "AWS credentials are wrong (ProfileNotFound): no metrics from AWS until there are others"
    ]


def test_an_assumed_roles_credentials_are_refreshed_before_they_expire(aws: RunningAws) -> None:
    assumed: list[int] = []
    clients = Clients(
        AwsSettings(endpoint_url=aws.url, region=REGION, role_arn=ROLE, external_id="one"),
        lambda: assumed.append(1),
        role_seconds=900,  # the shortest there is: botocore thinks it time to refresh at once
    )
    calls = AwsCalls(clients, OwnMetrics(CALLED, (), (), ()))
    aws.clear_calls()
    arns = [
        calls.call("sts", "GetCallerIdentity", lambda client: client.get_caller_identity())["Arn"]
        for _ in range(3)
    ]
    assert all(":assumed-role/reader/swarmscope-cloudwatch-exporter" in arn for arn in arns), arns
    assert aws.calls()["AssumeRole"]["calls"] == len(assumed) >= 3
    assert "testing" not in repr(clients)


def test_credentials_that_expired_are_asked_for_anew(
    aws: RunningAws, drive: Drive, clock: Any, put_point: Any, caplog: pytest.LogCaptureFixture
) -> None:
    driven = drive(settings("Shop/Expired", role_arn=ROLE))
    put_point("Shop/Expired", "Sales", clock.now, 5)
    clock.now += 61
    aws.clear_calls()
    driven.poll()
    assert (driven.value("sales"), aws.calls()["AssumeRole"]["calls"]) == (5, 1)
    # Revoked long before their time.
    aws.put_faults([{"api": "GetMetricData", "kind": "refuse_credentials", "times": 1}])
    put_point("Shop/Expired", "Sales", clock.now, 6)
    clock.now += 60
    driven.poll()
    clock.now += 6
    driven.poll()
    assert (driven.value("sales"), aws.calls()["AssumeRole"]["calls"]) == (6, 2)
    assert result(driven, "AssumeRole", "success") == 2
    assert result(driven, "GetMetricData", "refused") == 1
    assert len(errors(caplog)) == 1


def test_a_role_that_cannot_be_assumed_is_told_as_what_it_is(
    aws: RunningAws, drive: Drive, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    aws.put_faults([{"api": "AssumeRole", "kind": "access_denied"}])
    driven = drive(settings(role_arn=ROLE))
    clock.now += 61
    driven.poll()
    assert errors(caplog) == ["AWS refuses AssumeRole: the credentials lack the permission sts:AssumeRole"]
    assert result(driven, "AssumeRole", "refused") == 1


def test_an_address_where_nobody_listens_is_an_error_of_the_call(drive: Drive, clock: Any) -> None:
    driven = drive(settings(endpoint_url="http://127.0.0.1:1"))
    clock.now += 61
    driven.poll()
    assert result(driven, "GetMetricData", "error") == 1
    with pytest.raises(
        CallFailed, match="AWS cannot be asked for GetMetricData: EndpointConnectionError"
    ) as failed:
        driven.exporter._calls.call("cloudwatch", "GetMetricData", lambda client: client.get_metric_data(
            StartTime=0, EndTime=60, MetricDataQueries=[]))  # fmt: skip
    assert failed.value.result is CallResult.ERROR
