"""Numbers as people read them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.quantities import beside, count, duration, plain, rate, ratio, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.063, "63ms"),
        (0.0008, "0.8ms"),
        (Decimal("0.1046"), "105ms"),
        (0.99999, "1000ms"),
        (1.2541, "1.25s"),
        (61, "61s"),
        (0.0, "0ms"),
        (math.inf, "∞"),
    ],
)
def test_durations_have_the_unit_that_suits_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_bound_prints_as_it_was_written() -> None:
    assert duration(Decimal("0.1046"), 5) == "104.6ms"
    assert duration(Decimal("0.304"), 5) == "304ms"


@pytest.mark.parametrize(
    ("number", "text"),
    [(1234.5, "1234"), (17.25, "17.2"), (0.01234, "0.0123"), (-2.0, "-2"), (1e-7, "0.0000001")],
)
def test_integer_digits_are_never_rounded_away(number: float, text: str) -> None:
    assert plain(number) == text


def test_shares_rates_counts_and_spans() -> None:
    assert (ratio(0.9632), rate(498.21), count(1204)) == ("96.3 %", "498/s", "1,204")
    assert [span(seconds) for seconds in (0.4, 57.2, 60, 605, 3600, 7384)] == [
        "0 s",
        "57 s",
        "1 min",
        "10 min 5 s",
        "1 h",
        "2 h 3 min",
    ]


def test_a_value_gets_the_digits_that_tell_it_from_the_limit() -> None:
    assert beside(0.9496, 0.95, ratio) == "94.96 %"
    assert beside(0.95, 0.95, ratio) == "95 %"
    assert beside(0.94, 0.95, ratio) == "94 %"


@given(
    value=st.floats(min_value=1e-6, max_value=1e6),
    limit=st.floats(min_value=1e-6, max_value=1e6),
)
def test_a_shown_value_is_on_its_side_of_the_limit(value: float, limit: float) -> None:
    shown = float(beside(value, limit, plain))
    assert (shown > limit, shown < limit) == (value > limit, value < limit)
