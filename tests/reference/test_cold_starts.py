"""Which instance serves a request, and which requests wait for a new one: by the clock of the test."""

import random

import pytest

from reference.cold_starts import InstancePool, StartUp
from reference.faults import Fault, Kind
from reference.lambda_functions import LambdaFunctions, report_line
from reference.server_metrics import UNMATCHED

START_UP = StartUp(delay_ms=200, jitter_ms=50, idle_seconds=10)


@pytest.fixture
def pool(clock):
    return InstancePool(clock, random.Random(1))


def is_cold(acquired):
    return acquired.init_seconds is not None


def test_a_free_instance_serves_the_next_request_warm(pool):
    first = pool.acquire(START_UP)
    pool.release(first.instance)
    second = pool.acquire(START_UP)
    assert (is_cold(first), is_cold(second)) == (True, False)
    assert second.instance is first.instance


def test_an_instance_serves_one_request_at_a_time(pool):
    busy = [pool.acquire(START_UP) for _ in range(5)]
    assert all(map(is_cold, busy))
    assert len({id(acquired.instance) for acquired in busy}) == 5
    assert pool.counts(10) == {"idle": 0, "busy": 5}
    for acquired in busy:
        pool.release(acquired.instance)
    assert pool.counts(10) == {"idle": 5, "busy": 0}
    assert not any(is_cold(pool.acquire(START_UP)) for _ in range(5))
    assert is_cold(pool.acquire(START_UP))


def test_an_instance_that_was_idle_for_long_enough_is_gone(pool, clock):
    pool.release(pool.acquire(START_UP).instance)
    clock.pass_(9.999)
    warm = pool.acquire(START_UP)
    assert not is_cold(warm)
    pool.release(warm.instance)
    clock.pass_(10)
    assert pool.counts(10) == {"idle": 0, "busy": 0}
    assert is_cold(pool.acquire(START_UP))


def test_surplus_instances_end_while_the_busiest_stays(pool, clock):
    two = [pool.acquire(START_UP), pool.acquire(START_UP)]
    for acquired in two:
        pool.release(acquired.instance)
    for _ in range(20):
        clock.pass_(1)
        one = pool.acquire(START_UP)
        assert one.instance is two[1].instance
        pool.release(one.instance)
    assert pool.counts(10) == {"idle": 1, "busy": 0}


def test_starts_are_spread_over_the_jitter(pool):
    seconds = [pool.acquire(START_UP).init_seconds for _ in range(2000)]
    assert 0.150 <= min(seconds) < 0.152
    assert 0.248 < max(seconds) <= 0.250
    assert pool.acquire(StartUp(10, 50, 10)).init_seconds >= 0


def test_forgotten_instances_do_not_come_back(pool):
    busy = pool.acquire(START_UP)
    pool.release(pool.acquire(START_UP).instance)
    pool.forget()
    pool.release(busy.instance)
    assert pool.counts(10) == {"idle": 0, "busy": 0}
    assert is_cold(pool.acquire(START_UP))


@pytest.fixture
def functions(clock):
    return LambdaFunctions(clock, random.Random(1))


COLD = Fault(Kind.COLD_START, delay_ms=3500, idle_seconds=60)


def test_a_route_is_a_function_when_it_is_declared_or_a_fault_says_so(functions):
    assert not functions
    assert functions.find("GET", "/x", None) is None
    functions.declare("POST", "/authorize", "authorizer", START_UP)
    assert functions.find("POST", "/authorize", None).name == "authorizer"
    assert functions.find("GET", "/authorize", None) is None
    assert functions.find("GET", "/x", COLD).name == "GET /x"
    assert functions.find("GET", "/x", None) is None
    assert functions.find("GET", UNMATCHED, COLD) is None


def test_a_fault_begins_without_a_warm_instance_and_leaves_warm_ones_behind(functions):
    functions.declare("POST", "/authorize", "authorizer", START_UP)
    ordinary = functions.find("POST", "/authorize", None)
    ordinary.pool.release(ordinary.pool.acquire(START_UP).instance)
    broken = functions.find("POST", "/authorize", COLD)
    assert broken.start_up == StartUp(3500, 0, 60)
    acquired = broken.pool.acquire(broken.start_up)
    assert acquired.init_seconds == 3.5
    broken.pool.release(acquired.instance)
    assert not is_cold(functions.find("POST", "/authorize", COLD).pool.acquire(broken.start_up))
    healed = functions.find("POST", "/authorize", None)
    assert healed.start_up == START_UP
    again = Fault(Kind.COLD_START, delay_ms=3500, idle_seconds=60)
    assert is_cold(functions.find("POST", "/authorize", again).pool.acquire(START_UP))


def test_the_report_line_has_lambdas_form():
    parts = report_line("8f5f…", 0.0123456, 0.2505).split("\t")
    assert parts[:4] == [
        "REPORT RequestId: 8f5f…",
        "Duration: 12.35 ms",
        "Billed Duration: 263 ms",
        "Memory Size: 256 MB",
    ]
    assert parts[4].startswith("Max Memory Used: ")
    assert parts[5:] == ["Init Duration: 250.50 ms", ""]
    assert "Init Duration" not in report_line("x", 0.001, None)
