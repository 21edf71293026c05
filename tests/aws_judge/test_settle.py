"""How long a verdict waits for AWS, what it asks then, and what it says when it waited in vain."""

import json
import re
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from swarmscope.aws.settings import AwsSettings
from swarmscope.edge import settle
from swarmscope.edge.prometheus_api import PrometheusApi
from swarmscope.edge.settle import EndedLoad, Settling
from swarmscope.targets import Kind, Moment, Target

STOPPED = 1_700_000_100.0
LOAD = EndedLoad("r1", STOPPED - 70, STOPPED, [(STOPPED - 50, STOPPED)])
COLD = Target(
    "cold",
    Kind.MAX,
    Decimal(3),
    "3s",
    query='max(aws_lambda_init_duration_seconds_bucket{run="$run"})',
    at=Moment.SETTLED,
)
THROTTLES = Target(
    "throttles",
    Kind.MAX,
    Decimal(0),
    "0",
    query="sum(sum_over_time(aws_lambda_throttles[$window]))",
    at=Moment.SETTLED,
)


class FakePrometheus:
    """Answers queries: what is settled, and 7 for everything else."""

    def __init__(self) -> None:
        self.settled: dict[str, float] = {}
        self.moves = 0.0
        """Seconds that what is settled moves on with each look."""
        self.asked: list[tuple[str, float | None]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                body = json.dumps(fake.answer(form["query"][0], form.get("time", [None])[0])).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.api = PrometheusApi(f"http://127.0.0.1:{self.server.server_port}")

    def answer(self, query: str, at: str | None) -> dict[str, object]:
        if "aws_exporter_settled" in query:
            series = [
                {"metric": {"source": source}, "value": [0, str(until)]}
                for source, until in self.settled.items()
            ]
            self.settled = {source: until + self.moves for source, until in self.settled.items()}
        else:
            self.asked.append((query, None if at is None else float(at)))
            series = [{"metric": {}, "value": [0, "7"]}]
        return {"status": "success", "data": {"resultType": "vector", "result": series}}


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    fake = FakePrometheus()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


def settling(seconds: float = 20.0, **options: object) -> Settling:
    return Settling(AwsSettings(settle_within_seconds=seconds, **options), "sit")  # type: ignore[arg-type]


def test_nothing_is_waited_for_when_everything_is_known(prometheus, stand_stills):
    began = time.time()
    prometheus.settled = {"logs": STOPPED, "metrics": STOPPED + 20}
    told: list[float | None] = []
    waiting = settling()
    waiting.tell = told.append
    values = waiting.values(prometheus.api, [COLD, THROTTLES], LOAD)
    assert {name: answer.value for name, answer in values.items()} == {"cold": 7.0, "throttles": 7.0}
    assert waiting.waited_seconds - stand_stills.within(began, time.time()) < 1
    assert told == []


def test_cold_starts_are_asked_by_run_and_minutes_at_their_own_end(prometheus):
    prometheus.settled = {"logs": STOPPED, "metrics": STOPPED + 20}
    settling().values(prometheus.api, [COLD, THROTTLES], LOAD)
    (cold, cold_at), (throttles, throttles_at) = prometheus.asked
    assert cold == 'max(aws_lambda_init_duration_seconds_bucket{run="r1"})'
    assert cold_at == pytest.approx(time.time(), abs=20)
    # 12:40 to 13:20 with the whole minute 1_700_000_040 … 100 inside.
    assert throttles == "sum(sum_over_time(aws_lambda_throttles[60s]))"
    assert throttles_at == 1_700_000_100 - 1


def test_it_waits_until_the_slowest_source_is_there_and_says_so(prometheus, monkeypatch):
    monkeypatch.setattr(settle, "LOOK_SECONDS", 0.05)
    prometheus.settled, prometheus.moves = {"logs": STOPPED, "metrics": STOPPED - 10}, 2.0
    told: list[float | None] = []
    waiting = settling()
    waiting.tell = told.append
    began = time.time()
    assert waiting.values(prometheus.api, [COLD, THROTTLES], LOAD)["throttles"].value == 7.0
    until, done = told
    assert began + 20 <= until <= time.time() + 20
    assert done is None
    assert 0.1 < waiting.waited_seconds < 20


def test_past_its_bound_what_is_missing_has_no_value_and_the_rest_has(prometheus, monkeypatch):
    monkeypatch.setattr(settle, "LOOK_SECONDS", 0.05)
    prometheus.settled = {"logs": STOPPED + 1, "metrics": STOPPED - 10}
    values = settling(0.5).values(prometheus.api, [COLD, THROTTLES], LOAD)
    assert values["cold"].value == 7.0
    assert values["throttles"].value is None
    assert re.fullmatch(
        r"CloudWatch's metrics were known until 22:14:50 UTC, and were needed until 22:15:00 UTC "
        r"\(waited [0-9]+ s, settle_within is 0.5s\)",
        values["throttles"].reason,
    ), values["throttles"].reason


def test_a_missing_exporter_is_not_waited_for_as_long(prometheus, monkeypatch, stand_stills):
    monkeypatch.setattr(settle, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(settle, "ABSENT_SECONDS", 0.3)
    began = time.time()
    values = settling(60).values(prometheus.api, [COLD], LOAD)
    assert stand_stills.ran_since(began) < 10
    assert values["cold"].reason == "the CloudWatch exporter is not scraped by Prometheus"


def test_who_hurries_it_gets_what_is_known_at_once(prometheus, stand_stills):
    prometheus.settled = {"logs": STOPPED + 1, "metrics": 0.0}
    began = time.time()
    values = settling(60).values(prometheus.api, [COLD, THROTTLES], LOAD, "the run was ended by hand")
    assert stand_stills.ran_since(began) < 5
    assert values["cold"].value == 7.0
    assert values["throttles"].reason.endswith("(the run was ended by hand)")


def test_hurrying_from_outside_ends_a_waiting_that_goes_on(prometheus, stand_stills):
    prometheus.settled = {"logs": STOPPED - 1}
    waiting = settling(60)
    threading.Timer(0.5, lambda: waiting.hurry("another run was started")).start()
    began = time.time()
    assert waiting.values(prometheus.api, [COLD], LOAD)["cold"].reason.endswith("(another run was started)")
    assert stand_stills.ran_since(began) < 10


def test_an_environment_without_aws_is_no_data_at_once(prometheus):
    values = Settling(None, "dev").values(prometheus.api, [COLD], LOAD)
    assert values["cold"].reason == ('environment "dev" has no aws section, so nothing was read from AWS')
    assert (
        Settling(None, "")
        .values(prometheus.api, [COLD], LOAD)["cold"]
        .reason.startswith("the run's environment has no aws section")
    )


def test_without_cloudwatchs_timestamps_no_minute_can_be_asked_for(prometheus):
    prometheus.settled = {"logs": STOPPED, "metrics": STOPPED + 20}
    values = settling(timestamps=False).values(prometheus.api, [COLD, THROTTLES], LOAD)
    assert values["cold"].value == 7.0
    assert values["throttles"].reason == (
        "aws.timestamps is false, so Prometheus does not know which minutes the values belong to"
    )
