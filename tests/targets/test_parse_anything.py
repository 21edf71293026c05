"""Whatever stands in a file, the parser answers with a value or with ConfigurationError."""

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmscope.errors import ConfigurationError
from swarmscope.targets.aws_spec import AwsSpec, ListedMetricSpec
from swarmscope.targets.parse import parse_environments, parse_system
from swarmscope.targets.spec import EnvironmentsSpec, ProfileSpec, StageSpec, SystemSpec, TargetSpec, keys_of

GOOD = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "good").glob("*.yaml"))]
WORDS = sorted(
    {
        key
        for spec in (SystemSpec, TargetSpec, ProfileSpec, StageSpec, EnvironmentsSpec)
        for key in keys_of(spec)
    }
    | {
        "host",
        "credentials",
        "window",
        "hold",
        "quick",
        "peak",
        "local",
        "GET /",
        "*",
        "up",
        "critical",
        "API_KEY",
    }
    | {
        "100ms",
        "1h30m",
        "0s",
        "1%",
        "0",
        "-1",
        "1e400",
        ".nan",
        ".inf",
        "on",
        "~",
        "<<",
        "$run",
        "https://a.b",
        "@",
    }
)
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=6
    )


TARGET = st.dictionaries(st.sampled_from(keys_of(TargetSpec)), SCALARS | nested(SCALARS), max_size=6)
STAGE = st.dictionaries(st.sampled_from(keys_of(StageSpec)), SCALARS, max_size=4)
PROFILE = st.dictionaries(
    st.sampled_from(keys_of(ProfileSpec)), SCALARS | st.lists(STAGE, max_size=3), max_size=6
)
AWS = st.dictionaries(
    st.sampled_from(keys_of(AwsSpec)),
    SCALARS
    | nested(SCALARS)
    | st.lists(
        st.dictionaries(st.sampled_from(keys_of(ListedMetricSpec)), SCALARS | nested(SCALARS), max_size=6)
    ),
    max_size=6,
)
SYSTEM = st.fixed_dictionaries(
    {},
    optional={
        "system": SCALARS,
        "targets": st.lists(TARGET | SCALARS, max_size=3),
        "profiles": st.dictionaries(st.sampled_from(WORDS), PROFILE | SCALARS, max_size=3),
        "alerting": nested(SCALARS),
        "default_profile": SCALARS,
        "environments": st.dictionaries(
            st.sampled_from(WORDS),
            nested(SCALARS) | st.fixed_dictionaries({"host": st.just("https://a.b"), "aws": AWS}),
            max_size=3,
        ),
    },
)


def answers(text: str) -> None:
    for parse in (parse_system, parse_environments):
        try:
            parse(text, "x.yaml")
        except ConfigurationError as error:
            assert error.problems
            assert all(str(problem).startswith("x.yaml") for problem in error.problems)


@given(st.text())
def test_any_text(text: str) -> None:
    answers(text)


@given(
    st.text(alphabet=string.ascii_letters[:4] + "01.:-[]{}&*!|>'\"%@`#,?<~ \n\t\\\x00\x85\ufeff", max_size=60)
)
def test_any_text_of_yamls_own_characters(text: str) -> None:
    answers(text)


@given(st.recursive(SCALARS, nested, max_leaves=20))
def test_any_yaml(value: Any) -> None:
    answers(yaml.safe_dump(value, allow_unicode=True))


@settings(max_examples=200)
@given(SYSTEM)
def test_any_yaml_that_looks_like_a_targets_file(value: Any) -> None:
    answers(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


@given(st.sampled_from(GOOD), st.data())
def test_any_good_file_with_a_slip(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    until = data.draw(st.integers(at, min(len(text), at + 8)))
    slip = data.draw(st.sampled_from([*WORDS, *":-[]{}&*!|>'\"%@`#,?\n\t ", "\n  ", ": {", "é"]))
    answers(text[:at] + slip + text[until:])


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{a: " * 3000, "- " * 5000, "a: !!int x", "? {a: b}\n: c", "\ud800"]
)
def test_what_breaks_readers_of_yaml(text: str) -> None:
    answers(text)
