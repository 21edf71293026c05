"""What polling costs, and how it slows down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.aws.cost import Pace, hourly_cost, metrics_cost, pace, scan_cost
from swarmscope.aws.queries import Query, Series
from swarmscope.aws.settings import Prices
from swarmscope.aws.windows import Group

PRICES = Prices()


def group(count: int, period: int = 60) -> Group:
    return Group(
        period,
        120.0,
        tuple(Query(Series(f"s{index}", ()), "n", "m", (), "Sum", period) for index in range(count)),
    )


def paced(
    *asked: Group, poll: float = 60.0, limit: float = 1.0, logs: float = 0.0, scanned: float = 0.0
) -> Pace:
    return pace(
        asked,
        poll_seconds=poll,
        logs_poll_seconds=logs,
        scanned_bytes=scanned,
        limit_per_hour=limit,
        prices=PRICES,
    )


def test_prices() -> None:
    assert metrics_cost(1000, PRICES) == 0.01
    assert scan_cost(2e9, PRICES) == 0.01
    # 100 metrics a minute: 6,000 an hour.
    assert hourly_cost([group(100)], 60, PRICES) == pytest.approx(0.06)
    # Asking more often than a period settles asks for nothing more.
    assert hourly_cost([group(100)], 10, PRICES) == pytest.approx(0.06)
    assert hourly_cost([group(100), group(100, 300)], 60, PRICES) == pytest.approx(0.072)


def test_below_the_limit_nothing_changes() -> None:
    assert paced(group(100), logs=5) == Pace(60, 5)
    assert paced(group(100), limit=0) == Pace(60, 0)


def test_above_it_polling_slows_and_logs_that_cost_nothing_do_not() -> None:
    # $2 an hour at a poll a minute, so a poll every 2 minutes for $1.
    slow = paced(group(3334), logs=5)
    assert slow.is_limited
    assert slow.metrics == pytest.approx(120, rel=1e-3)
    assert slow.logs == 5
    assert paced(group(3334), poll=10).metrics == pytest.approx(120, rel=1e-3)


def test_logs_insights_slows_with_what_it_scans() -> None:
    # 1 GB each 5 s is $3.60 an hour.
    slow = paced(group(1), logs=5, scanned=1e9)
    assert slow.is_limited
    assert slow.logs == pytest.approx(18, rel=1e-2)


@given(
    counts=st.lists(st.tuples(st.integers(1, 2000), st.sampled_from([10, 60, 300])), min_size=1, max_size=4),
    poll=st.floats(1, 600),
    limit=st.floats(0.001, 10),
    logs=st.floats(1, 60),
    scanned=st.floats(0, 1e11),
)
def test_an_hour_never_costs_more_than_the_limit(
    counts: list[tuple[int, int]], poll: float, limit: float, logs: float, scanned: float
) -> None:
    asked = [group(count, period) for count, period in counts]
    found = paced(*asked, poll=poll, limit=limit, logs=logs, scanned=scanned)
    cost = hourly_cost(asked, found.metrics, PRICES) + scan_cost(scanned, PRICES) * 3600 / found.logs
    assert cost <= limit * (1 + 1e-9)
    assert found.metrics >= poll
    assert found.logs >= logs
