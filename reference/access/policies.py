"""Decides what a user may do, and writes it down as a Lambda authorizer does: as an IAM policy. No I/O.

As in IAM: nothing is allowed unless a permission says so, and one that denies wins over all that allow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ANY = "*"
_ARN = re.compile(
    r"arn:aws[a-z-]*:execute-api:[a-z0-9-]{1,30}:[0-9]{12}:[A-Za-z0-9]{1,30}"
    r"/(?P<stage>[A-Za-z0-9_$-]{1,128})/(?P<method>[A-Z]{3,7})(?P<resource>/[^\x00-\x1f\x7f*?\[\]]{0,1000})?"
)
"""API Gateway's methodArn; the resource of the root may be missing."""
RESOURCE = re.compile(r"/[A-Za-z0-9._~/{}*-]{0,199}")
"""What a permission may name: a path, `*` for any characters."""


class Effect(StrEnum):
    """What a permission does."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Asked:
    """A method of a resource that somebody wants to call."""

    method: str
    resource: str


@dataclass(frozen=True, slots=True)
class Rule:
    """The part of a permission that decides."""

    id: str
    effect: Effect
    method: str
    resource: str

    def speaks_of(self, asked: Asked) -> bool:
        """Whether the permission is about this method and resource."""
        return self.method in (ANY, asked.method) and fnmatchcase(asked.resource, self.resource)


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, and the permission that it rests on ("" when none speaks of it)."""

    effect: Effect
    rule: str


def read_arn(arn: str) -> Asked | None:
    """Method and resource of a methodArn; None when it is none."""
    found = _ARN.fullmatch(arn)
    if found is None or found["method"] not in METHODS:
        return None
    return Asked(found["method"], found["resource"] or "/")


def decide(rules: Iterable[Rule], asked: Asked) -> Decision:
    """Deny wins, then allow; without either it is denied."""
    allowed = ""
    for rule in rules:
        if rule.speaks_of(asked):
            if rule.effect is Effect.DENY:
                return Decision(Effect.DENY, rule.id)
            allowed = allowed or rule.id
    return Decision(Effect.ALLOW if allowed else Effect.DENY, allowed)


def policy(principal: str, arn: str, decision: Decision, context: dict[str, str]) -> dict[str, Any]:
    """What a Lambda authorizer returns to API Gateway."""
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": decision.effect.value.capitalize(),
                    "Resource": arn,
                }
            ],
        },
        "context": {**context, "permission": decision.rule},
    }
