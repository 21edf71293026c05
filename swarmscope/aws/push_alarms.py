"""Turns targets on requests into CloudWatch alarms on the metrics that are pushed. No I/O.

p50 … p99.9   the percentile (ExtendedStatistic) of RequestDuration
average       the Average of RequestDuration
error_rate    the Average of Failures: 0 for each success and 1 for each failure, so it is the share, exactly, over any
              number of processes and windows; no metric math, which could not be kept apart by dimension so simply
rps           the Sum of Requests, against the limit times the period

Missing data are no breach: most of the time no load runs, and an alarm that waits for data then would never be OK,
or would stay in ALARM after the last breach of a run. That also means that a service which hangs is not seen here:
nothing finishes, so nothing is pushed. Swarmscope's own alerts see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from swarmscope.aws.push_data import (
    FAILURES,
    METHOD,
    PATTERN,
    REQUEST,
    REQUEST_DURATION,
    REQUESTS,
    SYSTEM,
    clean,
)
from swarmscope.aws.push_windows import is_of_several
from swarmscope.targets import ALL_REQUESTS, Kind, System, Target
from swarmscope.targets.match import split

NOT_BREACHING = "notBreaching"
PERIODS = 3
"""Windows that must breach in a row: one slow window is no news."""
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class AlarmScope:
    """Which alarms are ours: one system in one environment."""

    system: str
    environment: str
    namespace: str
    period: int = 60
    actions: tuple[str, ...] = ()
    """ARNs (an SNS topic, say) that are told of ALARM and of OK."""

    @property
    def prefix(self) -> str:
        """How the names of our alarms begin."""
        return f"swarmscope/{self.system}/{self.environment}/"

    @property
    def mark(self) -> str:
        """How the description of our alarms ends: a name alone might be anybody's."""
        return f"[made by swarmscope for {self.system}/{self.environment}]"

    def owns(self, alarm: dict[str, Any]) -> bool:
        """Whether an alarm, as DescribeAlarms shows it, is one that we made."""
        name, text = str(alarm.get("AlarmName", "")), str(alarm.get("AlarmDescription", ""))
        return name.startswith(self.prefix) and text.endswith(self.mark)


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be done so that exactly the wanted alarms are there."""

    put: list[dict[str, Any]] = field(default_factory=list)
    """New ones, and those that differ."""
    unchanged: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    """Ours whose target is gone."""


def alarms_of(system: System, profile: str, scope: AlarmScope) -> list[dict[str, Any]]:
    """The alarms, as PutMetricAlarm takes them, of the targets on requests that this load profile judges."""
    targets = [target for target in system.targets_under(profile) if not target.kind.is_query]
    return [_alarm(target, scope) for target in targets]


def changes(
    wanted: Iterable[dict[str, Any]], present: Iterable[dict[str, Any]], scope: AlarmScope
) -> Changes:
    """What to put and to delete; alarms that are not ours are left alone."""
    ours = {alarm["AlarmName"]: alarm for alarm in present if scope.owns(alarm)}
    found = Changes()
    for alarm in wanted:
        before = ours.pop(alarm["AlarmName"], None)
        if before is not None and all(_same(before.get(key), value) for key, value in alarm.items()):
            found.unchanged.append(alarm["AlarmName"])
        else:
            found.put.append(alarm)
    found.delete.extend(sorted(ours))
    return found


def _same(one: Any, other: Any) -> bool:
    if isinstance(other, list):
        return sorted(map(str, one or [])) == sorted(map(str, other))
    return bool(one == other)


def _alarm(target: Target, scope: AlarmScope) -> dict[str, Any]:
    description = f"{scope.system}: {target.in_words} ({target.priority}). {target.description}".strip()
    alarm: dict[str, Any] = {
        "AlarmName": (scope.prefix + target.id)[:_LONGEST_NAME],
        "AlarmDescription": f"{description[:800]} {scope.mark}",
        "Namespace": scope.namespace,
        "Dimensions": [
            {"Name": name, "Value": clean(text)} for name, text in _dimensions(target, scope.system)
        ],
        "Period": scope.period,
        "EvaluationPeriods": PERIODS,
        "DatapointsToAlarm": PERIODS,
        "ComparisonOperator": "LessThanThreshold" if target.kind.is_floor else "GreaterThanThreshold",
        "Threshold": float(target.limit),
        "TreatMissingData": NOT_BREACHING,
        "AlarmActions": list(scope.actions),
        "OKActions": list(scope.actions),
    }
    if target.kind is Kind.ERROR_RATE:
        alarm |= {"MetricName": FAILURES, "Statistic": "Average"}
    elif target.kind is Kind.RPS:
        # In decimals: 0.1 * 60 is 6.
        alarm |= {"MetricName": REQUESTS, "Statistic": "Sum", "Threshold": float(target.limit * scope.period)}
    elif target.kind is Kind.AVERAGE:
        alarm |= {"MetricName": REQUEST_DURATION, "Statistic": "Average"}
    else:
        alarm |= {
            "MetricName": REQUEST_DURATION,
            "ExtendedStatistic": target.kind.value,
            # A P99 of five requests is the slowest of them.
            "EvaluateLowSampleCountPercentile": "ignore",
        }
    return alarm


def _dimensions(target: Target, system: str) -> Sequence[tuple[str, str]]:
    if target.request == ALL_REQUESTS:
        return ((SYSTEM, system),)
    if is_of_several(target.request):
        return ((SYSTEM, system), (PATTERN, target.request))
    method, name = split(target.request)
    return ((SYSTEM, system), (METHOD, method), (REQUEST, name))
