"""STS on moto's backend: who the caller is, and roles that can be assumed (every role can)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

from moto.sts.models import AssumedRole, STSBackend, sts_backends

from reference.aws.cloudwatch import Hits
from reference.aws.errors import validation
from reference.aws.protocols import Call
from reference.aws.settings import ACCOUNT, StandInSettings

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+")


class Identity:
    """The identities of the stand-in's callers."""

    def __init__(self, settings: StandInSettings) -> None:
        self._region = settings.region
        self._backend: STSBackend = sts_backends[ACCOUNT]["aws"]
        self._assumed: dict[str, AssumedRole] = {}

    def operations(self) -> dict[str, Callable[[Call, Hits], dict[str, Any]]]:
        """What is supported."""
        return {"GetCallerIdentity": self._caller, "AssumeRole": self._assume}

    def _caller(self, call: Call, _: Hits) -> dict[str, Any]:
        role = self._assumed.get(call.access_key)
        if role is not None:  # of whatever account, which moto's own look-up would not find
            return {"UserId": role.user_id, "Arn": role.arn, "Account": role.account_id}
        user, arn, account = self._backend.get_caller_identity(call.access_key, self._region)
        return {"UserId": user, "Arn": arn, "Account": account}

    def _assume(self, call: Call, _: Hits) -> dict[str, Any]:
        asked = call.parameters
        if not _ROLE.fullmatch(asked["RoleArn"]):
            raise validation(f"{asked['RoleArn']} is invalid")
        role = self._backend.assume_role(
            region_name=self._region,
            role_session_name=asked["RoleSessionName"],
            role_arn=asked["RoleArn"],
            policy=asked.get("Policy", ""),
            duration=asked.get("DurationSeconds", 3600),
            external_id=asked.get("ExternalId", ""),
        )
        self._assumed[role.access_key_id] = role
        return {
            "Credentials": {
                "AccessKeyId": role.access_key_id,
                "SecretAccessKey": role.secret_access_key,
                "SessionToken": role.session_token,
                # moto's times are UTC and do not say so.
                "Expiration": role.expiration.replace(tzinfo=UTC),
            },
            "AssumedRoleUser": {"AssumedRoleId": role.user_id, "Arn": role.arn},
            "PackedPolicySize": 0,
        }
