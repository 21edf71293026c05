import uuid
from typing import Any

import pytest

ALARM = {
    "Namespace": "Load", "MetricName": "RequestDuration", "ExtendedStatistic": "p95", "Period": 60,
    "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 0.3, "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching", "Dimensions": [{"Name": "System", "Value": "access"}], "Unit": "Seconds",
    "AlarmActions": ["arn:aws:sns:us-east-1:123456789012:load"],
}  # fmt: skip
LOAD = {"Namespace": "Load", "MetricName": "m"}


@pytest.fixture
def name() -> str:
    return f"alarm-{uuid.uuid4().hex}"


def test_an_alarm_is_kept_as_it_was_put_and_not_evaluated(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    alarm = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert {key: alarm[key] for key in ALARM} == ALARM
    assert alarm["AlarmArn"] == f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"
    assert (alarm["StateValue"], alarm["StateReason"]) == (
        "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation",
    )  # fmt: skip


def test_an_alarm_that_is_put_again_is_replaced(cloudwatch: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    cloudwatch.put_metric_alarm(AlarmName=name, **{**ALARM, "Threshold": 0.5})
    alarms = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert [alarm["Threshold"] for alarm in alarms] == [0.5]


def test_an_alarm_on_metric_math_is_kept(cloudwatch: Any, name: str) -> None:
    metrics = [
        {"Id": "e", "Expression": "f / r", "ReturnData": True},
        {"Id": "f", "MetricStat": {"Metric": LOAD, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
        {"Id": "r", "MetricStat": {"Metric": LOAD, "Period": 60, "Stat": "SampleCount"}, "ReturnData": False},
    ]  # fmt: skip
    rest = {"EvaluationPeriods": 1, "Threshold": 0.01, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName=name, Metrics=metrics, **rest)
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Metrics"] == metrics


def test_alarms_are_found_by_prefix_in_pages(cloudwatch: Any, name: str) -> None:
    for number in range(5):
        cloudwatch.put_metric_alarm(AlarmName=f"{name}-{number}", **ALARM)
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{name}-", PaginationConfig={"PageSize": 2}
    )
    found = [[alarm["AlarmName"][-1] for alarm in page["MetricAlarms"]] for page in pages]
    assert found == [["0", "1"], ["2", "3"], ["4"]]


def test_all_alarms_are_deleted_or_none(cloudwatch: Any, refused: Any, name: str) -> None:
    cloudwatch.put_metric_alarm(AlarmName=name, **ALARM)
    assert refused(cloudwatch.delete_alarms, AlarmNames=[name, "gone"]) == (
        "ResourceNotFound", "Alarms not found: gone; none was deleted.",
    )  # fmt: skip
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Period": 15}, "InvalidParameterValue"),
        ({"Period": 10, "Namespace": "AWS/Lambda"}, "InvalidParameterValue"),
        ({"Period": 86_400, "EvaluationPeriods": 8}, "InvalidParameterValue"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "InvalidParameterValue"),
        ({"DatapointsToAlarm": 4}, "InvalidParameterValue"),
        ({"TreatMissingData": "shrug"}, "InvalidParameterValue"),
        ({"Statistic": "Sum"}, "InvalidParameterCombination"),
        ({"ExtendedStatistic": "p101"}, "ValidationError"),
        ({"ExtendedStatistic": "tm99"}, "NotSupportedByStandIn"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "NotSupportedByStandIn"),
        ({"Threshold": None}, "MissingParameter"),
        ({"Namespace": None}, "MissingParameter"),
    ],
)
def test_alarms_that_aws_would_not_take_are_refused(
    cloudwatch: Any, refused: Any, name: str, change: dict[str, Any], code: str
) -> None:
    alarm = {key: value for key, value in {**ALARM, **change}.items() if value is not None}
    assert refused(cloudwatch.put_metric_alarm, AlarmName=name, **alarm)[0] == code
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
