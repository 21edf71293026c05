"""Pages of any size for the scrape benchmark, and prometheus-client's way of writing the same series."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from decimal import Decimal

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporters.page import render
from exporters.run_view import ALL_PHASES, ExporterCounters, GeneratorView, RunView
from swarmscope.histogram import coarse_bounds, fine_bounds
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome, Phase, RunState
from swarmscope.targets import Kind, Target

LIMITS = tuple(Decimal(limit) for limit in ("0.1", "0.12", "0.25", "0.8"))


def a_view(names: int, seed: int = 1) -> RunView:
    """A run in its middle with that many request names, each with about 1,000 requests around 60 ms."""
    dice = random.Random(seed)
    bounds = fine_bounds(LIMITS)
    counts = {}
    for number in range(names):
        request = RequestCounts([0] * (len(bounds) + 1))
        for _ in range(30):
            request.buckets[min(len(bounds), max(0, int(dice.gauss(120, 25))))] += dice.randint(1, 60)
        request.duration_sum = request.timed * 0.06
        request.outcomes[Outcome.SUCCESS, "200"] = request.timed
        request.response_bytes = 512 * request.timed
        counts[RequestKey("GET", f"/items/{number}")] = request
    return RunView(
        run="benchmark-baseline-20250101-120000",
        system="benchmark",
        profile="baseline",
        environment="local",
        version="1.0",
        host="http://127.0.0.1:8000",
        description="",
        state=RunState.RUNNING,
        phase=Phase.STEADY,
        phases=ALL_PHASES,
        bounds=bounds,
        exported_bounds=coarse_bounds(LIMITS),
        counts=counts,
        targets=[Target(f"p95-{n}", Kind.P95, limit, f"{limit}s", "*") for n, limit in enumerate(LIMITS)],
        started=1_735_689_600.0,
        users={"Caller": 50},
        users_wanted=50,
        generators=[GeneratorView("benchmark", "running", 50, 0.5, 100_000_000)],
    )


class _Ready(Collector):
    """Gives families that were built beforehand: what is timed is only how they are written."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def registry_of(view: RunView) -> CollectorRegistry:
    """A registry with exactly the series of the view's page."""
    text = "".join(render([view], ExporterCounters()))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(list(text_string_to_metric_families(text))))
    return registry


def generate_latest_pieces(view: RunView) -> Callable[[], Iterator[str]]:
    """Renders like prometheus-client's own exporter: all of the page in one go."""
    registry = registry_of(view)

    def render_all() -> Iterator[str]:
        yield generate_latest(registry).decode()

    return render_all
