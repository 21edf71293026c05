"""CloudWatch's metric alarms: kept as they were put, and never evaluated (they say INSUFFICIENT_DATA)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reference.aws.cloudwatch import Hits
from reference.aws.errors import AwsError, invalid_combination, invalid_value, missing, not_supported
from reference.aws.metric_limits import dimensions_of
from reference.aws.metric_queries import statistic_of
from reference.aws.protocols import Call
from reference.aws.settings import ACCOUNT, StandInSettings
from reference.aws.tagging import Tagging

PERIODS = (10, 20, 30)
"""Below a minute; others are multiples of 60."""
MOST_DESCRIBED = 100
DEFAULT_DESCRIBED = 50
DAY, WEEK, HOUR = 86_400, 604_800, 3600
_UNSUPPORTED = (
    "ActionConfiguration", "EvaluationCriteria", "EvaluationInterval", "EvaluationWindow", "ThresholdMetricId",
    "WarmUpConfiguration",
)  # fmt: skip
_COMPARISONS = tuple(
    f"{way}{threshold}"
    for way in ("GreaterThan", "LessThan")
    for threshold in ("Threshold", "OrEqualToThreshold")
)
_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")


class Alarms:
    """The alarms of the stand-in's account."""

    def __init__(self, settings: StandInSettings, clock: Callable[[], float], tagging: Tagging) -> None:
        """`clock` is Unix seconds."""
        self._region, self._clock, self._tagging = settings.region, clock, tagging
        self._alarms: dict[str, dict[str, Any]] = {}

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {"PutMetricAlarm": self._put, "DescribeAlarms": self._describe, "DeleteAlarms": self._delete}

    def _put(self, call: Call, _: Hits) -> dict[str, Any]:
        asked = dict(call.parameters)
        check_alarm(asked)
        name, now = asked["AlarmName"], self._clock()
        arn = f"arn:aws:cloudwatch:{self._region}:{ACCOUNT}:alarm:{name}"
        tags = asked.pop("Tags", None)
        old = self._alarms.get(name)
        if tags is not None and old is None:
            self._tagging.put(arn, {tag["Key"]: tag["Value"] for tag in tags})
        state = {
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": now if old is None else old["StateUpdatedTimestamp"],
        }
        lists = {
            kind: asked.get(kind, []) for kind in ("OKActions", "AlarmActions", "InsufficientDataActions")
        }
        self._alarms[name] = {
            "AlarmArn": arn,
            "ActionsEnabled": True,
            "AlarmConfigurationUpdatedTimestamp": now,
            **asked,
            **lists,
            **state,
        }
        if "Metrics" not in asked:
            self._alarms[name]["Dimensions"] = asked.get("Dimensions", [])
        return {}

    def _describe(self, call: Call, _: Hits) -> dict[str, Any]:
        asked = call.parameters
        for name in ("ChildrenOfAlarmName", "ParentsOfAlarmName"):
            if name in asked:
                raise not_supported(f"{name} in DescribeAlarms")
        names, prefix = asked.get("AlarmNames"), asked.get("AlarmNamePrefix", "")
        if names is not None and prefix:
            raise invalid_combination("AlarmNames and AlarmNamePrefix are mutually exclusive.")
        size = asked.get("MaxRecords", DEFAULT_DESCRIBED)
        after = asked.get("NextToken", "")
        if after and after not in self._alarms:
            raise AwsError("InvalidNextToken", "The NextToken is invalid.")
        found = [
            alarm
            for name, alarm in sorted(self._alarms.items())
            if name > after
            and (names is None or name in names)
            and name.startswith(prefix)
            and "MetricAlarm" in asked.get("AlarmTypes", ["MetricAlarm"])
            and asked.get("StateValue", alarm["StateValue"]) == alarm["StateValue"]
            and _acts(alarm, asked.get("ActionPrefix", ""))
        ]
        page: dict[str, Any] = {"MetricAlarms": found[:size], "CompositeAlarms": []}
        return page | ({"NextToken": found[size - 1]["AlarmName"]} if len(found) > size else {})

    def _delete(self, call: Call, _: Hits) -> dict[str, Any]:
        names = call.parameters["AlarmNames"]
        if unknown := [name for name in names if name not in self._alarms]:
            message = f"Alarms not found: {', '.join(unknown)}; none was deleted."
            raise AwsError("ResourceNotFound", message, 404)
        for name in names:
            self._tagging.forget(self._alarms.pop(name)["AlarmArn"])
        return {}


def _acts(alarm: Mapping[str, Any], prefix: str) -> bool:
    return not prefix or any(action.startswith(prefix) for action in alarm["AlarmActions"])


def check_alarm(asked: Mapping[str, Any]) -> None:
    """Raises AwsError for an alarm that CloudWatch would not take, or that the stand-in does not understand."""
    for name in _UNSUPPORTED:
        if name in asked:
            raise not_supported(f"{name} in PutMetricAlarm")
    for name in ("EvaluationPeriods", "ComparisonOperator", "Threshold"):
        if name not in asked:
            raise missing(f"The parameter {name} is required.")
    if asked["ComparisonOperator"] not in _COMPARISONS:
        raise not_supported("anomaly detection in PutMetricAlarm")
    if asked.get("TreatMissingData", "missing") not in _MISSING_DATA:
        raise invalid_value(f"The parameter TreatMissingData must be one of {', '.join(_MISSING_DATA)}.")
    if asked.get("DatapointsToAlarm", 1) > asked["EvaluationPeriods"]:
        raise invalid_value("The parameter DatapointsToAlarm must not be greater than EvaluationPeriods.")
    if "Metrics" in asked:
        if "MetricName" in asked or "Namespace" in asked or "Period" in asked:
            raise invalid_combination(
                "Metrics excludes MetricName, Namespace, Dimensions, Period and Statistic."
            )
        if sum(each.get("ReturnData", True) for each in asked["Metrics"]) != 1:
            raise invalid_value("Exactly one of Metrics must have ReturnData true.")
    else:
        _check_metric(asked)


def _check_metric(asked: Mapping[str, Any]) -> None:
    for name in ("MetricName", "Namespace", "Period"):
        if name not in asked:
            raise missing(f"The parameter {name} is required.")
    if ("Statistic" in asked) == ("ExtendedStatistic" in asked):
        raise invalid_combination("Exactly one of Statistic and ExtendedStatistic is required.")
    statistic_of(asked.get("ExtendedStatistic", "Sum"), "ExtendedStatistic")
    dimensions_of(asked, "PutMetricAlarm")
    period, periods = asked["Period"], asked["EvaluationPeriods"]
    if period not in PERIODS and (period < 60 or period % 60):
        raise invalid_value(f"The parameter Period must be 10, 20, 30 or a multiple of 60, got {period}.")
    if period < 60 and asked["Namespace"].startswith("AWS/"):
        raise invalid_value("The parameter Period must be at least 60 for metrics of AWS.")
    if period * periods > (WEEK if period >= HOUR else DAY):
        raise invalid_value(
            "EvaluationPeriods times Period must be at most a day (a week from periods of an hour on)."
        )
