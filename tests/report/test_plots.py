"""Which queries make which plot; that they are valid and find their series is test_prometheus_api's part."""

from __future__ import annotations

from decimal import Decimal

import pytest

from swarmscope.plots import POINTS, plot_queries, step_seconds
from swarmscope.run_result import RunResult
from swarmscope.targets import Kind, Target


def test_latency_is_plotted_per_request_with_a_target_then_the_busiest(result: RunResult) -> None:
    busiest = ["GET /health", "POST /events", *(f"GET /{index}" for index in range(9))]
    plots = plot_queries(result.system, result.profile, "r", 60, busiest)
    assert [plot.title for plot in plots] == [
        "Response time of POST /events",
        "Response time of GET /inbox",
        "Response time of POST /webhook",
        "Response time of GET /health",
        "Response time of GET /0",
        "Response time of GET /1",
        "Rate of answers, and users",
        "Share of answers that failed",
        "Requests waiting for an answer",
        "CPU of the load generators (1 core = 100 %)",
    ]
    assert len({plot.id for plot in plots}) == len(plots)


def test_limits_of_targets_that_the_profile_does_not_judge_are_left_out(result: RunResult) -> None:
    limits = [limit for plot in plot_queries(result.system, result.profile, "r", 60) for limit in plot.limits]
    assert ("p95 ≤ 400ms", 0.4) not in limits
    assert ("p95 ≤ 100ms", 0.1) in limits


def test_percentiles_and_averages_that_are_judged_are_drawn(result: RunResult) -> None:
    from dataclasses import replace

    targets = (
        Target("a", Kind.P999, Decimal(1), "1s", request="GET /x*"),
        Target("b", Kind.AVERAGE, Decimal("0.1"), "100ms", request="GET /x*"),
    )
    plot = plot_queries(replace(result.system, targets=targets), result.profile, 'r"1', 60)[0]
    assert [line.label for line in plot.lines] == ["p99.9", "p99", "p95", "p50", "average"]
    assert plot.lines[0].query == (
        "histogram_quantile(0.999, sum by (le) (rate(locust_request_duration_seconds_bucket"
        '{run="r\\"1",method="GET",name=~"/x.*"}[5s])))'
    )
    assert plot.limits == (("p99.9 ≤ 1s", 1.0), ("average ≤ 100ms", 0.1))


@pytest.mark.parametrize(("seconds", "step"), [(0, 1), (60, 1), (400, 1), (401, 2), (3600, 9), (86400, 216)])
def test_a_plot_of_any_length_has_about_as_many_points(seconds: float, step: int) -> None:
    assert step_seconds(seconds) == step
    assert seconds / step_seconds(seconds) <= POINTS


def test_a_long_run_is_measured_over_its_whole_step(result: RunResult) -> None:
    plots = plot_queries(result.system, result.profile, "r", 3600)
    assert all("[9s]" in line.query for line in plots[0].lines)
