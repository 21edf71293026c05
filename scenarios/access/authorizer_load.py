"""Load on the Lambda authorizer: decisions for valid tokens, as API Gateway asks for them before each call."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from typing import Any

from locust import between, task

from scenarios.access.access_user import AccessUser

API = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod"
METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
RESOURCES = ("orders", "invoices", "customers", "reports", "settings")
THINGS = 1000
"""Ids below each resource."""


class AuthorizerUser(AccessUser):
    """Asks whether its own token may call a method of a resource."""

    pause = staticmethod(between(0.1, 0.5))

    @task(10)
    def authorize_request(self) -> None:
        """Send a valid token; the answer must be a policy for just this caller and resource."""
        resource = f"{self.random.choice(RESOURCES)}/{self.random.randrange(THINGS)}"
        arn = f"{API}/{self.random.choice(METHODS)}/{resource}"
        token = self.token
        if token:
            event = {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn}
            self.call("POST", "/authorize", "/authorize", lambda policy: effect_of(policy, arn), event)


def effect_of(policy: Any, arn: str) -> str:
    """Allow or Deny, from a policy that speaks of this resource and of nothing else."""
    (statement,) = policy["policyDocument"]["Statement"]
    effect = statement["Effect"]
    if not policy["principalId"] or statement["Resource"] != arn or effect not in ("Allow", "Deny"):
        raise ValueError("not a policy for what was asked")
    return str(effect)
