"""The kinds of fields in an environment's `aws` section: how each is read, and what an editor is told of it. No I/O."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from swarmscope.aws.settings import LogReader
from swarmscope.targets.fields import (
    MOST_NAME,
    choice,
    field_of,
    matching,
    quantity_of,
)
from swarmscope.targets.units import NotUnderstood, Quantity, parse_duration, plain

REGION_PATTERN = r"^[a-z]{2}(-[a-z]+){1,3}-[0-9]$"
ROLE_PATTERN = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$"
EXTERNAL_ID_PATTERN = r"^[A-Za-z0-9_+=,.@:/-]{2,80}$"
PROFILE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@+-]*$"
FUNCTION_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
TABLE_PATTERN = r"^[A-Za-z0-9_.-]{3,80}$"
API_PATTERN = r"^\S(.*\S)?$"
STAGE_PATTERN = r"^[A-Za-z0-9_$-]+$"
NAMESPACE_PATTERN = r"^[A-Za-z0-9_.#/-]+$"
METRIC_PATTERN = r"^[!-~]([ -~]*[!-~])?$"
STATISTIC_PATTERN = r"^(Sum|Average|Minimum|Maximum|SampleCount|p[0-9]{1,2}(\.[0-9]{1,2})?|p100)$"
PROMETHEUS_PATTERN = r"^[a-z][a-z0-9_]*$"
LOG_GROUP_PATTERN = r"^[A-Za-z0-9_./#-]+$"
TAG_PATTERN = r"^[A-Za-z0-9 _.:/=+@-]+$"
DOLLARS_PATTERN = r"^\$?[0-9]+(\.[0-9]+)? ?(/ ?h)?$"
SCALE_PATTERN = r"^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?$"
PERIODS = (1, 5, 10, 20, 30)
"""Seconds; besides these CloudWatch knows whole minutes only."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_AN_AMOUNT = "US dollars per hour such as $1/h"
_A_PERIOD = "a period such as 60s"


def _dollars_per_hour(text: str) -> Quantity:
    match = re.fullmatch(rf"\$?({_NUMBER}) ?(?:/ ?h)?", text)
    if match is None or not Decimal(match[1]):
        raise NotUnderstood(_AN_AMOUNT, "what AWS may cost while it is polled: $1/h, or 0.5")
    return Quantity(Decimal(match[1]), text, "$/h")


def _price(text: str) -> Quantity:
    match = re.fullmatch(rf"\$?({_NUMBER})", text)
    if match is None:
        raise NotUnderstood("US dollars such as 0.01")
    return Quantity(Decimal(match[1]), text, "$")


def _scale(text: str) -> Quantity:
    expected = NotUnderstood("a number above 0 such as 0.001", "what CloudWatch's value is multiplied by")
    if not re.fullmatch(rf"{_NUMBER}(?:[eE][-+]?[0-9]{{1,2}})?", text) or not Decimal(text):
        raise expected
    return Quantity(Decimal(text), text)


def _period(text: str) -> Quantity:
    seconds = parse_duration(text, "60s")
    if seconds not in PERIODS and (seconds % 60 or not 60 <= seconds <= 86400):
        least = ", ".join(f"{each}s" for each in PERIODS)
        raise NotUnderstood(
            _A_PERIOD,
            f"CloudWatch keeps periods of {least} (custom metrics only) and of whole minutes up to a day",
        )
    return Quantity(seconds, f"{plain(seconds)}s")


_ARN_HINT = "write its name, the last part of an ARN"
_region = matching(REGION_PATTERN, "a region such as eu-central-1", "a region, not one of its zones")
_role = matching(
    ROLE_PATTERN, "a role such as arn:aws:iam::<12 digits>:role/reader", "the whole ARN of the role"
)
_external_id = matching(EXTERNAL_ID_PATTERN, "an external id", "letters, digits and _ + = , . @ : / -")
_profile = matching(PROFILE_PATTERN, "the name of a profile of your AWS configuration")
_function = matching(FUNCTION_PATTERN, "the name of a function", _ARN_HINT)
_table = matching(TABLE_PATTERN, "the name of a table", _ARN_HINT)
_api = matching(
    API_PATTERN, "the name of a REST API", "its name, which CloudWatch shows as ApiName, not its id"
)
_stage = matching(STAGE_PATTERN, "the name of a stage")
_namespace = matching(NAMESPACE_PATTERN, "a namespace such as AWS/SQS or MyService")
_metric = matching(METRIC_PATTERN, "the name of a metric as CloudWatch shows it")
_statistic = matching(
    STATISTIC_PATTERN,
    "a statistic: Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p95",
    "as CloudWatch spells them",
)
_prometheus_name = matching(
    PROMETHEUS_PATTERN,
    "a name for Prometheus such as orders_queue_age_seconds",
    "lower-case letters, digits and _, a letter first; end it with the unit",
)
_log_group = matching(LOG_GROUP_PATTERN, "the name of a log group such as /aws/lambda/orders")
_tag = matching(TAG_PATTERN, "a tag", "letters, digits, spaces and _ . : / = + @ -")

Region = Annotated[str, *field_of(_region, type="string", pattern=REGION_PATTERN)]
Role = Annotated[str, *field_of(_role, type="string", pattern=ROLE_PATTERN)]
ExternalId = Annotated[str, *field_of(_external_id, type="string", pattern=EXTERNAL_ID_PATTERN)]
Profile = Annotated[str, *field_of(_profile, type="string", pattern=PROFILE_PATTERN, maxLength=MOST_NAME)]
Function = Annotated[str, *field_of(_function, type="string", pattern=FUNCTION_PATTERN)]
Table = Annotated[str, *field_of(_table, type="string", pattern=TABLE_PATTERN)]
ApiName = Annotated[str, *field_of(_api, type="string", pattern=API_PATTERN, maxLength=MOST_NAME)]
StageName = Annotated[str, *field_of(_stage, type="string", pattern=STAGE_PATTERN, maxLength=MOST_NAME)]
Namespace = Annotated[
    str, *field_of(_namespace, type="string", pattern=NAMESPACE_PATTERN, maxLength=MOST_NAME)
]
MetricName = Annotated[str, *field_of(_metric, type="string", pattern=METRIC_PATTERN, maxLength=MOST_NAME)]
Statistic = Annotated[str, *field_of(_statistic, type="string", pattern=STATISTIC_PATTERN)]
PrometheusName = Annotated[
    str, *field_of(_prometheus_name, type="string", pattern=PROMETHEUS_PATTERN, maxLength=MOST_NAME)
]
LogGroup = Annotated[
    str, *field_of(_log_group, type="string", pattern=LOG_GROUP_PATTERN, maxLength=MOST_NAME)
]
Tag = Annotated[str, *field_of(_tag, type="string", pattern=TAG_PATTERN, maxLength=MOST_NAME)]
Reader = Annotated[LogReader, *field_of(choice(LogReader), type="string", enum=list(LogReader))]
_amount = {"type": "number", "exclusiveMinimum": 0}
DollarsPerHour = Annotated[
    Quantity,
    *field_of(
        quantity_of(_dollars_per_hour, _AN_AMOUNT),
        anyOf=[_amount, {"type": "string", "pattern": DOLLARS_PATTERN}],
    ),
]
Price = Annotated[
    Quantity, *field_of(quantity_of(_price, "US dollars such as 0.01"), type="number", minimum=0)
]
Scale = Annotated[Quantity, *field_of(quantity_of(_scale, "a number above 0 such as 0.001"), **_amount)]
Period = Annotated[
    Quantity, *field_of(quantity_of(_period, _A_PERIOD), type="string", pattern=r"^[0-9]+ ?(s|m|h)$")
]
