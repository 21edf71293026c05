import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from reference.aws.running import RunningAws, running_aws


class Cloud:
    """CloudWatch as a test uses it, in a namespace of the test's own."""

    def __init__(self, aws: RunningAws, client: Any, namespace: str) -> None:
        self.aws, self.client, self.namespace = aws, client, namespace
        self.minute = int(time.time()) // 60 * 60 - 600
        """The start of a minute, a while ago."""

    def put(self, name: str = "m", **datum: Any) -> None:
        """Put one datum, by default at `minute`."""
        datum = {"MetricName": name, "Timestamp": self.minute, **datum}
        self.client.put_metric_data(Namespace=self.namespace, MetricData=[datum])

    def query(self, statistic: str, name: str = "m", **more: Any) -> dict[str, Any]:
        """A query of GetMetricData; `dimensions` and the like belong to the metric, `Period` to MetricStat."""
        metric = {
            "Namespace": more.pop("Namespace", self.namespace),
            "MetricName": name,
            "Dimensions": dimensions(more.pop("dimensions", {})),
        }
        identity = more.pop("Id", "q")
        return {"Id": identity, "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic, **more}}

    def ask(self, *queries: Mapping[str, Any], minutes: float = 10, **more: Any) -> dict[str, Any]:
        """GetMetricData over the minutes from `minute` on."""
        span = {"StartTime": self.minute, "EndTime": self.minute + minutes * 60}
        return self.client.get_metric_data(MetricDataQueries=list(queries), **{**span, **more})

    def values(self, statistic: str, name: str = "m", **more: Any) -> list[float]:
        """What one statistic is, minute by minute."""
        return self.ask(self.query(statistic, name, **more), ScanBy="TimestampAscending")[
            "MetricDataResults"
        ][0]["Values"]


def dimensions(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Dimensions as AWS spells them."""
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    """The stand-in, with data visible at once."""
    with running_aws("--filter-calls-per-second", "1000") as running:
        yield running
        running.put_faults([])


@pytest.fixture(scope="module")
def cloudwatch(aws: RunningAws) -> Any:
    """A client of CloudWatch."""
    return aws.client("cloudwatch")


@pytest.fixture(scope="module")
def logs(aws: RunningAws) -> Any:
    """A client of CloudWatch Logs."""
    return aws.client("logs")


@pytest.fixture(scope="module")
def unchecked(aws: RunningAws) -> Any:
    """A client of CloudWatch that sends what boto3 itself would not let through."""
    return aws.client("cloudwatch", config=Config(parameter_validation=False))


@pytest.fixture
def cloud(aws: RunningAws, cloudwatch: Any) -> Iterator[Cloud]:
    """CloudWatch without faults and with fresh counters."""
    aws.put_faults([])
    aws.clear_calls()
    yield Cloud(aws, cloudwatch, f"test/{uuid.uuid4().hex}")
    aws.put_faults([])


@pytest.fixture(scope="session")
def refused() -> Callable[..., tuple[str, str]]:
    """Calls something that AWS refuses; returns the code and the message."""

    def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            function(*arguments, **options)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call


@pytest.fixture(scope="session")
def as_dimensions() -> Callable[[Mapping[str, str]], Sequence[Mapping[str, str]]]:
    """Dimensions as AWS spells them, from a dictionary."""
    return dimensions
