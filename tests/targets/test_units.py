import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.targets.units import (
    DURATION_PATTERN,
    PERCENTAGE_PATTERN,
    RATE_PATTERN,
    NotUnderstood,
    Quantity,
    duration_text,
    parse_duration,
    parse_measure,
    parse_percentage,
    parse_rate,
    percentage_text,
    rate_number,
    rate_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100ms", "0.1"),
        ("0.5ms", "0.0005"),
        ("3s", "3"),
        ("1.5s", "1.5"),
        ("2m", "120"),
        ("1h30m", "5400"),
        ("1h 30m 5s 250ms", "5405.25"),
        ("300 ms", "0.3"),
        ("1m0.5s", "60.5"),
        ("0s", "0"),
    ],
)
def test_a_duration_is_read_exactly(text: str, seconds: str) -> None:
    assert parse_duration(text) == Decimal(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "s",
            "100",
            "fast",
            "-1s",
            "1d",
            "1:30",
            "5s1m",
            "1s1s",
            "1.5h30m",
            "1e3s",
            "1_0s",
            ".5s",
            "5.s",
        ),
        *("1s ", " 1s", "1  s", "1ms1s", "inf s", "1S", "٣s", "1s\n", "1" * 10 + "s", "0." + "1" * 10 + "s"),
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood, match=r"^a duration such as 300ms$"):
        parse_duration(text)


@given(st.decimals(min_value=0, max_value=10**8, places=6))
def test_a_duration_survives_being_written(seconds: Decimal) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0s"),
        ("0.1", "100ms"),
        ("1.50", "1.5s"),
        ("60", "1m"),
        ("90", "1m30s"),
        ("5400", "1h30m"),
        ("3600", "1h"),
    ],
)
def test_a_duration_is_written_as_people_do(seconds: str, text: str) -> None:
    assert duration_text(Decimal(seconds)) == text


@given(st.text(alphabet="0123456789.hms -", max_size=12))
def test_editors_accept_every_duration_that_is_read(text: str) -> None:
    try:
        parse_duration(text)
    except NotUnderstood:
        return
    assert re.search(DURATION_PATTERN, text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("0.1%", "0.001"), ("1%", "0.01"), ("0.05 %", "0.0005"), ("100%", "1"), ("0%", "0")]
)
def test_a_percentage_is_read_as_an_exact_ratio(text: str, ratio: str) -> None:
    assert parse_percentage(text) == Decimal(ratio)
    assert re.search(PERCENTAGE_PATTERN, text)


@given(st.decimals(min_value=0, max_value=1, places=8))
def test_a_percentage_survives_being_written(ratio: Decimal) -> None:
    assert parse_percentage(percentage_text(ratio)) == ratio


@pytest.mark.parametrize(
    ("text", "expected", "hint"),
    [
        ("1", "a percentage such as 0.1%", "write 1%"),
        (
            "0.01",
            "a percentage such as 0.1%",
            "write 1% for a share of 0.01, or 0.01% if that is what you mean",
        ),
        ("0", "a percentage such as 0.1%", "write 0%"),
        ("few", "a percentage such as 0.1%", "percentages are a number with a % sign"),
        ("-1%", "a percentage such as 0.1%", "percentages are a number with a % sign"),
        ("100.1%", "a percentage from 0% to 100%", ""),
    ],
)
def test_what_is_no_percentage_is_refused_with_what_to_write(text: str, expected: str, hint: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        parse_percentage(text)
    assert (caught.value.expected, caught.value.hint) == (expected, hint)


@pytest.mark.parametrize("text", ["1000", "1000/s", "1000 /s", "1000 rps", "1000rps"])
def test_a_rate_is_read_with_and_without_its_unit(text: str) -> None:
    assert parse_rate(text) == 1000
    assert rate_number(text) == "1000"
    assert re.search(RATE_PATTERN, text)


@given(st.decimals(min_value=0, max_value=10**8, places=3))
def test_a_rate_survives_being_written(rate: Decimal) -> None:
    assert parse_rate(rate_text(rate)) == rate


@pytest.mark.parametrize("text", ["", "fast", "-1", "1000/m", "1,000", "1e3", ".inf", "nan"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood, match=r"^a rate such as 1000/s$"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [("3s", "3", "s"), ("250ms", "0.25", "s"), ("80", "80", ""), ("-1.50", "-1.50", ""), ("1e3", "1000", "")],
)
def test_the_limit_of_a_query_is_a_number_or_seconds(text: str, value: str, unit: str) -> None:
    assert parse_measure(text) == Quantity(Decimal(value), text, unit)
