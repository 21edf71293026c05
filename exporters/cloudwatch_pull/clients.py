"""Makes boto3's clients from the settings: address, region, credentials, time limits. Credentials stay in here. I/O.

Nothing retries but the exporter itself: a throttled batch must not hold up the others, and every call is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials

from swarmscope.aws.settings import AwsSettings

CONNECT_SECONDS, READ_SECONDS = 3, 10
ROLE_SECONDS = 3600
"""How long an assumed role's credentials are good: the longest that every role allows."""
SESSION_NAME = "swarmscope-cloudwatch-exporter"
"""What CloudTrail shows for calls under an assumed role."""

_HERE = ("127.0.0.1", "localhost", "::1")


class Clients:
    """The clients of one account, made when they are first wanted; safe to use from several threads."""

    def __init__(
        self,
        settings: AwsSettings,
        on_assumed: Callable[[], None] = lambda: None,
        *,
        role_seconds: int = ROLE_SECONDS,
    ) -> None:
        """`on_assumed` is told of every call of AssumeRole: botocore makes them when it wants to."""
        self._settings = settings
        self._on_assumed = on_assumed
        self._role_seconds = role_seconds
        self._lock = threading.Lock()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Clients(region={self._settings.region!r}, endpoint_url={self._settings.endpoint_url!r})"

    def get(self, service: str) -> Any:
        """The client of a service; raises botocore's errors for a region or a profile that there is not."""
        with self._lock:
            if service not in self._clients:
                self._session = self._session or self._new_session()
                self._clients[service] = self._client(self._session, service)
            return self._clients[service]

    def renew(self) -> None:
        """Forget clients and credentials, so that new ones are looked for: a file or a login may have changed."""
        with self._lock:
            self._clients.clear()
            self._session = None

    def _new_session(self) -> Any:
        settings = self._settings
        base = boto3.Session(profile_name=settings.profile or None, region_name=settings.region or None)
        if not settings.role_arn:
            return base
        sts = self._client(base, "sts")
        assumed = botocore.session.get_session()
        # Refreshed by botocore before they expire, with the time limits and the address of every other call.
        assumed._credentials = DeferredRefreshableCredentials(
            refresh_using=lambda: self._assume_role(sts), method="assume-role"
        )
        return boto3.Session(botocore_session=assumed, region_name=base.region_name)

    def _assume_role(self, sts: Any) -> dict[str, str]:
        wanted: dict[str, Any] = {
            "RoleArn": self._settings.role_arn,
            "RoleSessionName": SESSION_NAME,
            "DurationSeconds": self._role_seconds,
        }
        if self._settings.external_id:
            wanted["ExternalId"] = self._settings.external_id
        got = sts.assume_role(**wanted)["Credentials"]
        self._on_assumed()
        return {
            "access_key": got["AccessKeyId"],
            "secret_key": got["SecretAccessKey"],
            "token": got["SessionToken"],
            "expiry_time": got["Expiration"].isoformat(),
        }

    def _client(self, session: Any, service: str) -> Any:
        return session.client(
            service,
            endpoint_url=self._settings.endpoint_url or None,
            config=Config(
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                # Said because boto3's own default has changed from version to version.
                retries={"total_max_attempts": 1, "mode": "standard"},
                user_agent_extra="swarmscope",
                # A stand-in on this machine is not behind the proxy that leads to AWS.
                **({"proxies": {}} if urlsplit(self._settings.endpoint_url).hostname in _HERE else {}),
            ),
        )
