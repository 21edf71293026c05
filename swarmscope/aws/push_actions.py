"""What an identity needs to be allowed to, to push and to keep alarms: for the IAM policy. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

PUSH_ACTIONS: Mapping[str, str] = {
    "cloudwatch:PutMetricData": "the push exporter's data; may be limited to the namespace (cloudwatch:namespace)",
}
"""IAM action → why, for load generators that push."""

ALARM_ACTIONS: Mapping[str, str] = {
    "cloudwatch:DescribeAlarms": "make cloudwatch-alarms: which of its alarms there are",
    "cloudwatch:PutMetricAlarm": "make cloudwatch-alarms APPLY=1",
    "cloudwatch:DeleteAlarms": "make cloudwatch-alarms APPLY=1 (alarms without a target) and DELETE=1",
}
"""IAM action → why, for whoever makes the alarms; load generators do not need these."""
