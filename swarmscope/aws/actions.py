"""Which AWS actions the pull exporter uses, by their IAM names, and why: the policy is written from it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping

PULL_ACTIONS: Mapping[str, str] = {
    "cloudwatch:GetMetricData": "Reads metrics, at most 500 a call, whenever a period has settled.",
    "logs:FilterLogEvents": "Reads cold starts (`cold_starts.reader: filter`), at most 4 calls a second.",
    "logs:StartQuery": "Reads cold starts by Logs Insights (`cold_starts.reader: insights`).",
    "logs:GetQueryResults": "Fetches what Logs Insights found (`cold_starts.reader: insights`).",
    "tag:GetResources": "Finds functions and tables by their tags (`tags`), at a run's start and every 5 minutes.",
    "sts:GetCallerIdentity": "Tries the credentials once, at the start; AWS allows it to everybody.",
    "sts:AssumeRole": "Gets the credentials of `role_arn`, and new ones before they expire.",
}
"""IAM action → when the exporter calls it."""

CALLED: Mapping[str, str] = {action.partition(":")[2]: action for action in PULL_ACTIONS}
"""Operation of the API → IAM action."""
