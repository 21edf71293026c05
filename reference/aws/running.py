"""Runs the stand-in as a process of its own on a free port, for tests: `with running_aws() as aws: …`."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reference.running import Running, running

REGION = "us-east-1"
KEY = "testing"
"""Access key and secret of the stand-in's clients: obviously nobody's."""
TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class RunningAws:
    """A stand-in that answers."""

    service: Running

    @property
    def url(self) -> str:
        """Its endpoint, for every API."""
        return self.service.url

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process of its own (boto3's default session) talk to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client without retries; `options` are boto3's, such as `config`."""
        import boto3  # noqa: PLC0415  # after locust, where a test imports that
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=3,
            read_timeout=30,
            proxies={},
        )
        merged = config.merge(options.pop("config")) if "config" in options else config
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": KEY, "region_name": REGION}
        return boto3.client(service, endpoint_url=self.url, config=merged, **{**keys, **options})

    def put_faults(self, faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Replace all faults by these; returns those that are active."""
        found: list[dict[str, Any]] = self.control("PUT", "faults", list(faults))
        return found

    def calls(self) -> dict[str, dict[str, Any]]:
        """The counters by API; an API that was not called is not there."""
        return {counts["api"]: counts for counts in self.control("GET", "calls")}

    def clear_calls(self) -> None:
        """Begin to count anew."""
        self.control("DELETE", "calls")

    def metrics(self, namespace: str) -> list[dict[str, Any]]:
        """Every visible datapoint of a namespace, as it is stored."""
        found: list[dict[str, Any]] = self.control("GET", f"metrics?namespace={quote(namespace)}")
        return found

    def put_resources(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        """Make resources exist: ARN → tags."""
        self.control("PUT", "resources", dict(tags))

    def control(self, method: str, path: str, document: Any = None) -> Any:
        """Call the control API; raises urllib's HTTPError when it refuses."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_stand-in/{path}", body, method=method)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)


@contextmanager
def running_aws(*arguments: str) -> Iterator[RunningAws]:
    """Start the stand-in, with faults allowed, and stop it at the end; `arguments` are its command's."""
    with running("reference.aws", "--faults", *arguments) as service:
        yield RunningAws(service)
