"""What a reference service publishes about itself at /metrics: request durations, requests in progress, counters.

Observing a request is a bisect and two additions on plain lists (about 2 µs); prometheus-client only turns them
into text when the page is read. Names follow OpenTelemetry's HTTP and database conventions, in Prometheus' form.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference.websocket_metrics import WebSocketMetrics

REQUEST_BOUNDS = (
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Seconds; the limits of the systems' latency targets are among them."""
DATABASE_BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
UNMATCHED = "unmatched"
"""Route of a request that no route matches; never its path, which callers could make endless."""


class Durations:
    """A histogram with labels, on plain lists."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str], bounds: Sequence[float] = REQUEST_BOUNDS
    ) -> None:
        self.name, self.help, self.labels, self.bounds = name, help_text, tuple(labels), tuple(bounds)
        self._series: dict[tuple[str, ...], list[float]] = {}

    def declare(self, *labels: str) -> list[float]:
        """Make a series exist at zero: a counter that appears above 0 loses its first increment to `rate()`."""
        return self._series.setdefault(labels, [0.0] * (len(self.bounds) + 2))

    def observe(self, seconds: float, *labels: str) -> None:
        """Count one duration."""
        series = self._series.get(labels) or self.declare(*labels)
        series[bisect_left(self.bounds, seconds)] += 1
        series[-1] += seconds

    def count(self, *labels: str) -> int:
        """How many durations a series has counted."""
        return int(sum(self._series.get(labels, [0.0])[:-1]))

    def collect(self) -> Iterator[Metric]:
        """The histogram as prometheus-client renders it: cumulative buckets."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, series in list(self._series.items()):
            buckets, so_far = [], 0.0
            for bound, count in zip((*map(str, self.bounds), "+Inf"), series, strict=False):
                so_far += count
                buckets.append((bound, so_far))
            family.add_metric(labels, buckets, sum_value=series[-1])
        yield family


class Counter:
    """A counter with labels, on a plain dict; series named in `values` exist at zero from the start."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str] = (), values: Iterable[Sequence[str]] = ()
    ) -> None:
        self.name, self.help, self.labels = name, help_text, tuple(labels)
        self._values: dict[tuple[str, ...], float] = {tuple(value): 0.0 for value in values}
        if not self.labels:
            self._values[()] = 0.0

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Count up."""
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def value(self, *labels: str) -> float:
        """The count so far."""
        return self._values.get(labels, 0.0)

    def collect(self) -> Iterator[Metric]:
        """The counter as prometheus-client renders it."""
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for labels, value in list(self._values.items()):
            family.add_metric(labels, value)
        yield family


class Gauge:
    """Values read when the page is: a function from nothing to label values → number."""

    def __init__(
        self,
        name: str,
        help_text: str,
        labels: Sequence[str],
        read: Callable[[], Mapping[tuple[str, ...], float]],
    ) -> None:
        self.name, self.help, self.labels, self._read = name, help_text, tuple(labels), read

    def collect(self) -> Iterator[Metric]:
        """The gauge as prometheus-client renders it."""
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for labels, value in self._read().items():
            family.add_metric(labels, value)
        yield family


class RouteNames:
    """Finds the template of the route that a request goes to (`/events/{event_id}`), for labels and faults."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._exact: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for route in routes:
            if not isinstance(route, Route | WebSocketRoute):
                raise TypeError(f"reference services are made of plain routes, got {route!r}")
            if route.param_convertors:
                self._patterns.append((route.path_regex, route.path))
            else:
                self._exact[route.path] = route.path

    def find(self, path: str) -> str:
        """The template, or `unmatched`."""
        if (exact := self._exact.get(path)) is not None:
            return exact
        for pattern, template in self._patterns:
            if pattern.match(path):
                return template
        return UNMATCHED


class ServerMetrics:
    """The request metrics of one service, and the page that shows them with whatever else the service registers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Durations(
            "http_server_request_duration_seconds",
            "Time from a request's arrival to the end of its answer, by route template and status "
            "('none': the connection ended without an answer).",
            ("method", "route", "status"),
        )
        self._in_progress: dict[tuple[str, ...], int] = {}
        self.websockets = WebSocketMetrics()
        self.register(
            self.requests,
            self.websockets,
            Gauge(
                "http_server_active_requests",
                "Requests that have arrived and are not answered yet.",
                ("method", "route"),
                lambda: dict(self._in_progress),
            ),
            PlatformCollector(registry=None),
        )
        ProcessCollector(registry=self.registry)

    def register(self, *collectors: Durations | Counter | Gauge | WebSocketMetrics | Collector) -> None:
        """Add metrics of the service's own to the page."""
        for collector in collectors:
            self.registry.register(collector)

    def declare(self, routes: Iterable[BaseRoute], statuses: Mapping[str, Sequence[int]]) -> None:
        """Make the series of every route exist at zero; `statuses` maps a path to its successful statuses."""
        for route in routes:
            if isinstance(route, WebSocketRoute):
                self.websockets.declare(route.path)
            if isinstance(route, Route):
                for method in sorted((route.methods or set()) - {"HEAD"}):
                    self._in_progress.setdefault((method, route.path), 0)
                    for status in statuses.get(route.path, (200,)):
                        self.requests.declare(method, route.path, str(status))

    def in_progress(self, method: str, route: str) -> int:
        """Requests to a route that have arrived and are not answered yet."""
        return self._in_progress.get((method, route), 0)

    def middleware(self, app: ASGIApp, routes: RouteNames) -> ASGIApp:
        """The outermost ASGI layer: times every HTTP request, also those that a fault answers; counts WebSockets."""
        in_progress, observe = self._in_progress, self.requests.observe

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await self.websockets.measure(app, routes.find(scope["path"]), scope, receive, send)
                return
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            # A method that a client makes up would be an endless label.
            method = scope["method"] if scope["method"] in _METHODS else "other"
            key = (method, routes.find(scope["path"]))
            status = "none"

            async def noting_status(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            in_progress[key] = in_progress.get(key, 0) + 1
            started = perf_counter()
            try:
                await app(scope, receive, noting_status)
            finally:
                in_progress[key] -= 1
                observe(perf_counter() - started, *key, status)

        return measured

    async def page(self, request: Request) -> Response:
        """GET /metrics, in the text format that the scraper asks for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self.registry), headers={"Content-Type": content_type})


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
