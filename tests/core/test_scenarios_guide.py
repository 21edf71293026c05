"""The client of the guide to scenarios does what the guide says."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from gevent import Timeout

from exporters.in_flight import IN_FLIGHT
from swarmscope.measurements import RequestKey

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "scenarios.md").read_text()


EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.S)


@pytest.fixture
def ask():
    (example,) = (each for each in EXAMPLES if "def ask" in each)
    names = {}
    exec(compile(example, "docs/scenarios.md", "exec"), names)  # noqa: S102  # our own guide
    return names["ask"]


def test_the_guides_counter_and_gauge_are_declared_and_count():
    (example,) = (each for each in EXAMPLES if "LEAKS" in each)
    names = {}
    exec(compile(example, "docs/scenarios.md", "exec"), names)  # noqa: S102  # our own guide
    assert (names["LEAKS"].value(), names["OPEN"].value()) == (1, 1)
    assert "locust_tenant_leaks_total" in GUIDE


@pytest.fixture
def environment():
    fired = []
    request = SimpleNamespace(fire=lambda **meta: fired.append(meta))
    return SimpleNamespace(events=SimpleNamespace(request=request), fired=fired)


def test_the_guides_client_is_seen_in_flight_and_reported(ask, environment):
    seen = []

    def answer(question):
        seen.append(set(IN_FLIGHT.waiting()))
        return question * 2

    ask(environment, SimpleNamespace(ask=answer), b"ab")
    assert seen == [{RequestKey("TCP", "ask")}]
    assert IN_FLIGHT.waiting() == {}
    (meta,) = environment.fired
    assert (meta["response_length"], meta["exception"]) == (4, None)


def test_the_guides_client_reports_a_broken_connection(ask, environment):
    def answer(question):
        raise ConnectionResetError("gone")

    ask(environment, SimpleNamespace(ask=answer), b"ab")
    assert isinstance(environment.fired[0]["exception"], ConnectionResetError)


def test_a_call_that_is_cut_off_is_counted_and_not_reported(ask, environment, monkeypatch):
    cut = []
    monkeypatch.setattr(IN_FLIGHT, "on_cut_off", cut.append)

    def answer(question):
        raise Timeout(1)

    with pytest.raises(Timeout):
        ask(environment, SimpleNamespace(ask=answer), b"ab")
    assert cut == [RequestKey("TCP", "ask")]
    assert environment.fired == []
