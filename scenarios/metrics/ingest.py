"""Tasks of the group /api/v1/metrics: sending and querying."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import time

from locust import task

from scenarios.metrics.sample_data import METRICS
from scenarios.metrics.service_user import MetricsUser

QUERY_NAME = "/api/v1/metrics/query"
AGGREGATES = ("sum", "avg", "min", "max", "count")
RANGES_SECONDS = (60, 60, 300, 900)
"""Most look at the last minute."""
POINTS = 30


class SendTasks(MetricsUser):
    """Events in: one, many, again; and sessions."""

    abstract = True

    @task(10)
    def send_event(self) -> None:
        """POST /metrics/events."""
        self.send_one()

    @task(3)
    def send_events(self) -> None:
        """POST /metrics/batch."""
        self.send_some()

    @task(2)
    def send_session(self) -> None:
        """POST /metrics/sessions."""
        self.report_session()

    @task(1)
    def repeat_event(self) -> None:
        """An event as a client sends it that did not hear the answer: with the same id, again."""
        number = self.send_one()
        if number is not None:
            self.send_again(number)


class QueryTasks(MetricsUser):
    """Aggregates out."""

    abstract = True

    @task(3)
    def query_metric(self) -> None:
        """GET /metrics/query."""
        end = time.time_ns() // 1_000_000
        span = self.random.choice(RANGES_SECONDS) * 1000
        self.query(
            self.random.choice(tuple(METRICS)),
            self.random.choice(AGGREGATES),
            end - span,
            end,
            span // POINTS,
        )

    def query(
        self, name: str, aggregate: str, begin: int, end: int, interval: int
    ) -> list[tuple[int, float]] | None:
        """The points of a metric; None when they could not be had."""
        path = f"{QUERY_NAME}?name={name}&aggregate={aggregate}&from={begin}&to={end}&interval={interval}"
        points = self.read(
            path, QUERY_NAME, lambda document: [(at, value) for at, value in document["points"]]
        )
        return points if isinstance(points, list) else None
