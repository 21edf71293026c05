"""The least that AWS must allow: IAM policies of exactly the actions that the code calls, as a page. No I/O.

Which those are stands beside the code that calls them (`actions`, `push_actions`); tests hold the calls that reach the
stand-in against them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from swarmscope.aws.actions import PULL_ACTIONS
from swarmscope.aws.push_actions import ALARM_ACTIONS, PUSH_ACTIONS
from swarmscope.document import origin

PATH = "docs/iam-policy.md"
LOG_GROUPS = "arn:aws:logs:*:*:log-group:/aws/lambda/*"
READER_ROLE = "arn:aws:iam::*:role/swarmscope-reader"
NAMESPACE = "Swarmscope"
_ON_LOG_GROUPS = ("logs:FilterLogEvents", "logs:StartQuery")
_FOR_THE_ROLE = ("sts:AssumeRole",)

Policy = dict[str, Any]


def reader_policy() -> Policy:
    """For whoever runs the CloudWatch exporter, or for the role that it assumes."""
    anywhere = [action for action in PULL_ACTIONS if action not in (*_ON_LOG_GROUPS, *_FOR_THE_ROLE)]
    return _policy(
        _statement("ReadMetricsAndQueries", anywhere, "*"),
        _statement("ReadColdStarts", _ON_LOG_GROUPS, LOG_GROUPS),
    )


def caller_policy() -> Policy:
    """For an identity that does nothing but assume the reader's role (`role_arn`)."""
    return _policy(_statement("BecomeTheReader", _FOR_THE_ROLE, READER_ROLE))


def pusher_policy() -> Policy:
    """For load generators that push their own metrics."""
    statement = _statement("PushMetrics", PUSH_ACTIONS, "*")
    return _policy({**statement, "Condition": {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}})


def alarm_policy() -> Policy:
    """For whoever runs `make cloudwatch-alarms`."""
    return _policy(_statement("KeepAlarms", ALARM_ACTIONS, "*"))


_ABOUT = {
    "reader": (
        "Reading",
        "For the CloudWatch exporter: its own identity, or the role that it assumes (`role_arn`). Narrow the log "
        "groups to those of your functions; leave out what you do not use.",
    ),
    "caller": (
        "Becoming the reader",
        "For an identity that only assumes the reader's role, in another account for example. Name your role.",
    ),
    "pusher": (
        "Pushing",
        "For load generators with `--cloudwatch-namespace`. The condition keeps them to one namespace: name yours.",
    ),
    "alarms": ("Alarms", "For whoever runs `make cloudwatch-alarms`; load generators do not need it."),
}


def actions_of(policy: Policy) -> set[str]:
    """Every action that a policy allows."""
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def policy_page() -> str:
    """docs/iam-policy.md: the policies as JSON, and why each action is in them."""
    reasons = {**PULL_ACTIONS, **PUSH_ACTIONS, **ALARM_ACTIONS}
    lines = [
        f"<!-- {origin('swarmscope/aws/policies.py')} -->",
        "",
        "# What AWS must allow",
        "",
        "Exactly what the code calls, and nothing else: a test holds the calls that arrive at the AWS stand-in against",
        "these policies. None of them may change what your service has. [cloudwatch.md](cloudwatch.md) says how to",
        "use them.",
        "",
    ]
    for name, policy in POLICIES.items():
        title, about = _ABOUT[name]
        lines += [f"## {title}", "", about, "", "```json", json.dumps(policy, indent=2), "```", ""]
        lines += ["| action | why |", "| --- | --- |"]
        lines += [f"| `{action}` | {reasons[action]} |" for action in sorted(actions_of(policy))]
        lines.append("")
    return "\n".join(lines)


def _policy(*statements: Mapping[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _statement(name: str, actions: Iterable[str], resource: str) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}


POLICIES: Mapping[str, Policy] = {
    "reader": reader_policy(),
    "caller": caller_policy(),
    "pusher": pusher_policy(),
    "alarms": alarm_policy(),
}
"""Every policy by its name on the page."""
