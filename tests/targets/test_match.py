import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmscope.targets.match import is_literal, matches, promql_matchers, split

NAMES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("pattern", "request_line", "expected"),
    [
        ("*", "POST /events", True),
        ("POST /events", "POST /events", True),
        ("POST /events", "POST /events/1", False),
        ("POST /events", "GET /events", False),
        ("GET /events/*", "GET /events/1", True),
        ("GET /events/*", "GET /events", False),
        ("* /events", "PUT /events", True),
        ("GET *", "GET /anything at all", True),
        ("GET /a.b", "GET /axb", False),
        ("GET /events/{id}", "GET /events/{id}", True),
        ("POST /events (rate limited)", "POST /events (rate limited)", True),
    ],
)
def test_a_pattern_names_requests(pattern: str, request_line: str, expected: bool) -> None:
    method, _, name = request_line.partition(" ")
    assert matches(pattern, method, name) is expected


@given(NAMES.filter(lambda name: "*" not in name), NAMES)
def test_a_pattern_without_a_star_names_exactly_itself(name: str, other: str) -> None:
    pattern = f"GET {name}"
    assert is_literal(pattern)
    assert split(pattern) == ("GET", name)
    assert matches(pattern, "GET", name)
    assert matches(pattern, "GET", other) is (name == other)


@given(st.lists(NAMES.filter(lambda name: "*" not in name), min_size=1, max_size=3), NAMES)
def test_prometheus_and_python_agree_on_a_pattern(parts: list[str], name: str) -> None:
    pattern = f"GET {'*'.join(['', *parts])}"
    matcher = promql_matchers(pattern).removeprefix('method="GET",name=~')
    # A PromQL string is read like a Go one: of its escapes only the backslash and the quote are used here.
    expression = re.sub(r"\\(.)", r"\1", matcher[1:-1])
    assert (re.fullmatch(expression, name) is not None) is matches(pattern, "GET", name)


@pytest.mark.parametrize(
    ("pattern", "matchers"),
    [
        ("*", ""),
        ("POST /events", 'method="POST",name="/events"'),
        ("* /events", 'name="/events"'),
        ("GET *", 'method="GET"'),
        ("GET /a.b/*", r'method="GET",name=~"/a\\.b/.*"'),
        ('GET /"x"', r'method="GET",name="/\"x\""'),
    ],
)
def test_a_pattern_becomes_label_matchers(pattern: str, matchers: str) -> None:
    assert promql_matchers(pattern) == matchers
