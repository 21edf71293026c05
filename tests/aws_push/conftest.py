"""A stand-in for AWS and a namespace of each test's own, for the push exporter's tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from reference.aws.running import KEY, REGION, RunningAws, running_aws


@dataclass
class Pushed:
    """What a test has pushed, as CloudWatch has it."""

    aws: RunningAws
    namespace: str

    def data(self, metric: str = "", **dimensions: str) -> list[dict[str, Any]]:
        """Stored datapoints of a metric; of exactly these dimensions when some are given."""
        return [
            each
            for each in self.aws.metrics(self.namespace)
            if metric in ("", each["metric"]) and (not dimensions or each["dimensions"] == dimensions)
        ]

    def total(self, metric: str, **dimensions: str) -> float:
        """The sum over all windows."""
        return sum(each["sum"] for each in self.data(metric, **dimensions))


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    """The stand-in, with data visible at once."""
    with running_aws() as running:
        yield running


@pytest.fixture
def pushed(aws: RunningAws, request: pytest.FixtureRequest) -> Iterator[Pushed]:
    """CloudWatch without faults and with fresh counters."""
    aws.put_faults([])
    aws.clear_calls()
    yield Pushed(aws, re.sub(r"[^0-9A-Za-z.\-_/#:]", "_", f"push/{request.node.name[:150]}"))
    aws.put_faults([])


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that the stand-in takes, where boto3 looks for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(scope="session")
def bodies_of() -> Any:
    """The size of the body that botocore writes for a batch in a protocol, before it is compressed."""

    def size(protocol: str, batch: Any) -> int:
        from botocore.serialize import create_serializer
        from botocore.session import Session

        model = Session().get_service_model("cloudwatch").operation_model("PutMetricData")
        parameters = {"Namespace": "n", "MetricData": [datum.as_api() for datum in batch.data]}
        body = create_serializer(protocol).serialize_to_request(parameters, model)["body"]
        if isinstance(body, dict):
            return len(urlencode(body))
        return len(body)

    return size
