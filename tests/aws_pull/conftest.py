"""A real stand-in for AWS, a Locust that only says which runs there are, and a clock that is moved by hand."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporters.cloudwatch_pull.exporter import CloudWatchExporter
from reference.aws.running import KEY, REGION, RunningAws, running_aws
from swarmscope.aws.settings import AwsSettings

BOUNDS = (Decimal("0.1"), Decimal("0.5"), Decimal(1), Decimal(3), Decimal(10), Decimal(60))


@pytest.fixture(scope="module")
def aws() -> Iterator[RunningAws]:
    with running_aws() as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 finds these and nothing else."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Locust:
    """Serves /live."""

    clock: Callable[[], float]
    runs: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""
    asked: int = 0

    def start(self, run: str, started: float, system: str = "access") -> None:
        self.runs.insert(0, {"run": run, "system": system, "started": started, "stopped": None})

    def stop(self, stopped: float) -> None:
        self.runs[0]["stopped"] = stopped


@pytest.fixture
def clock() -> Clock:
    """Starts an hour ago, on a whole minute, so that whatever a test puts lies in AWS' past."""
    now = datetime.now(UTC).timestamp() - 3600
    return Clock(now - now % 60)


@pytest.fixture
def locust(clock: Clock) -> Iterator[Locust]:
    served = Locust(clock)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked += 1
            body = json.dumps({"schema": 1, "now": served.clock(), "runs": served.runs}).encode()
            self.send_response(200 if self.path == "/live" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


def no_wait(_: float) -> bool:
    """Waits for nothing, and is never told to end."""
    return False


@dataclass
class Driven:
    """An exporter without threads: the test says what happens when."""

    exporter: CloudWatchExporter
    clock: Clock

    def poll(self) -> float:
        """Ask Locust, read metrics, refresh the page; returns when it wants to be asked again."""
        self.exporter.watch.ask() if self.exporter.watch.follows else None
        due = self.exporter.metrics.poll(self.clock(), no_wait)
        self.exporter.board.refresh(self.clock())
        return due

    def poll_logs(self) -> float:
        """The same for logs, at the pace that AWS allows."""
        self.exporter.watch.ask() if self.exporter.watch.follows else None
        assert self.exporter.logs is not None
        due = self.exporter.logs.poll(threading.Event().wait)
        self.exporter.board.refresh(self.clock())
        return due

    def refresh(self) -> None:
        self.exporter.board.refresh(self.clock())

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """The samples of this name that have these labels."""
        return [
            sample
            for family in text_string_to_metric_families(self.exporter.page())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The one value there is."""
        found = self.samples(name, **labels)
        assert len(found) < 2, found
        return found[0].value if found else None

    def timestamp(self, name: str, **labels: str) -> float | None:
        found = self.samples(name, **labels)
        assert len(found) < 2, found
        return float(found[0].timestamp) if found and found[0].timestamp is not None else None


@pytest.fixture
def drive(aws: RunningAws, clock: Clock) -> Iterator[Callable[..., Driven]]:
    """Makes exporters that read from the stand-in."""

    def make(settings: AwsSettings, **more: Any) -> Driven:
        from dataclasses import replace

        settings = replace(settings, endpoint_url=settings.endpoint_url or aws.url, region=REGION)
        more = {"system": "access", "bounds": BOUNDS, "clock": clock, **more}
        return Driven(CloudWatchExporter(settings, **more), clock)

    aws.put_faults([])
    aws.clear_calls()
    yield make
    aws.put_faults([])


def put(aws: RunningAws, namespace: str, metric: str, at: float, value: float, **dimensions: str) -> None:
    """One datapoint."""
    aws.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": metric,
                "Timestamp": datetime.fromtimestamp(at, UTC),
                "Value": value,
                "Dimensions": [{"Name": name, "Value": text} for name, text in dimensions.items()],
            }
        ],
    )


@pytest.fixture
def put_point(aws: RunningAws) -> Callable[..., None]:
    def call(*arguments: Any, **dimensions: str) -> None:
        put(aws, *arguments, **dimensions)

    return call
