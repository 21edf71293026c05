"""The interpolation that the exactness table compares with is Prometheus' own: checked against a real one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from swarmscope.edge.prometheus_api import PrometheusApi


def test_the_exactness_table_interpolates_as_a_real_prometheus_does(
    prometheus: Any, exactness: dict[str, Any]
) -> None:
    bounds, rows = exactness["bounds"], exactness["rows"]
    prometheus.page.text = "# TYPE exact_seconds histogram\n" + "".join(
        f'exact_seconds_bucket{{row="{index}",le="{bound}"}} {count}\n'
        for index, row in enumerate(rows)
        for bound, count in zip(bounds, row["default_buckets"], strict=True)
    )
    prometheus.scraped()
    # Two jobs scrape the page; one of them is asked.
    query = 'histogram_quantile(0.95, exact_seconds_bucket{job="exporter"})'
    answer = PrometheusApi(prometheus.url).query(query)
    theirs = {int(series["metric"]["row"]): float(series["value"][1]) * 1000 for series in answer}
    assert len(theirs) == len(rows)
    for index, row in enumerate(rows):
        assert math.isfinite(theirs[index])
        assert theirs[index] == pytest.approx(row["prometheus_p95"], rel=1e-12), row["name"]
