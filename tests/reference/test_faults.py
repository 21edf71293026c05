import random

import pytest

from reference.faults import Decision, Fault, FaultBoard, FaultError, Kind, describe, parse_faults

KINDS = ", ".join(Kind)


def board(clock, *faults):
    made = FaultBoard(clock, random.Random(7))
    made.put(faults)
    return made


@pytest.mark.parametrize(
    ("routes", "method", "route", "hit"),
    [
        (("api",), "POST", "/events", True),
        (("api",), "GET", "/events/{event_id}", True),
        (("api",), "GET", "/health", False),
        (("api",), "GET", "/metrics", False),
        (("api",), "GET", "/", False),
        (("*",), "GET", "/health", True),
        (("*",), "GET", "/metrics", True),
        (("*",), "DELETE", "/faults", False),
        (("/faults",), "DELETE", "/faults", False),
        (("/health",), "GET", "/health", True),
        (("/events",), "POST", "/events", True),
        (("/events",), "GET", "/events/{event_id}", False),
        (("/events*",), "POST", "/events/{event_id}/acknowledge", True),
        (("/events/{event_id}",), "GET", "/events/{event_id}", True),
        (("post /events",), "POST", "/events", True),
        (("GET /events",), "POST", "/events", False),
        (("GET *", "POST /events"), "POST", "/events", True),
    ],
)
def test_routes_name_what_a_fault_hits(routes, method, route, hit):
    assert Fault(Kind.DELAY, routes=routes).hits(method, route) is hit


def test_a_fault_ends_by_itself(clock):
    error = Fault(Kind.ERROR, for_seconds=5)
    faults = board(clock, error)
    clock.pass_(4.9)
    assert faults.decide("GET", "/inbox").error is error
    assert faults.seconds_left(error) == pytest.approx(0.1)
    clock.pass_(0.2)
    assert not faults.decide("GET", "/inbox")
    assert faults.seconds_left(error) == 0
    assert faults.active() == []


def test_a_fault_without_an_end_lasts_until_it_is_cleared(clock):
    faults = board(clock, Fault(Kind.HANG))
    clock.pass_(1e6)
    assert faults.decide("GET", "/inbox").hang is not None
    faults.clear()
    assert faults.decide("GET", "/inbox") == Decision()


def test_putting_replaces_what_was_there(clock):
    faults = board(clock, Fault(Kind.HANG))
    faults.put([Fault(Kind.ERROR, status=503)])
    decision = faults.decide("GET", "/inbox")
    assert decision.hang is None
    assert decision.error is not None
    assert decision.error.status == 503


def test_delays_add_up_and_jitter_stays_in_its_range(clock):
    faults = board(clock, Fault(Kind.DELAY, delay_ms=100), Fault(Kind.DELAY, delay_ms=200, jitter_ms=50))
    delays = [faults.decide("GET", "/inbox").delay_seconds for _ in range(200)]
    assert min(delays) >= 0.25
    assert max(delays) <= 0.35
    assert max(delays) - min(delays) > 0.05


def test_jitter_never_makes_a_delay_negative(clock):
    faults = board(clock, Fault(Kind.DELAY, delay_ms=1, jitter_ms=100))
    delays = [faults.decide("GET", "/inbox").delay_seconds for _ in range(200)]
    assert min(delays) == 0
    assert max(delays) > 0.05


def test_probability_is_the_share_of_requests_that_are_hit(clock):
    faults = board(clock, Fault(Kind.ERROR, probability=0.2))
    hits = sum(bool(faults.decide("GET", "/inbox")) for _ in range(5000))
    assert 900 < hits < 1100  # 1000 expected, standard deviation 28
    assert not board(clock, Fault(Kind.ERROR, probability=0)).decide("GET", "/inbox")


def test_a_slow_query_holds_up_the_database_and_not_the_request(clock):
    faults = board(clock, Fault(Kind.SLOW_QUERY, delay_ms=40))
    assert faults.decide("POST", "/events") == Decision()
    assert faults.query_delay() == pytest.approx(0.04)
    faults.clear()
    assert faults.query_delay() == 0


def test_every_change_is_announced(clock):
    changes = []
    faults = FaultBoard(clock)
    faults.on_change = lambda: changes.append(len(faults.active()))
    faults.put([Fault(Kind.HANG), Fault(Kind.ERROR)])
    faults.clear()
    assert changes == [2, 0]


def test_one_object_or_a_list_is_understood_and_shown_again():
    (delay,) = parse_faults(
        {"kind": "delay", "delay_ms": 300, "jitter_ms": 20, "routes": "/inbox", "for_seconds": 10}
    )
    assert delay == Fault(Kind.DELAY, ("/inbox",), delay_ms=300, jitter_ms=20, for_seconds=10)
    assert describe(delay, 9.87654) == {
        "kind": "delay",
        "routes": ["/inbox"],
        "probability": 1.0,
        "delay_ms": 300,
        "jitter_ms": 20,
        "status": 500,
        "rate": 100.0,
        "idle_seconds": 300.0,
        "for_seconds": 10,
        "seconds_left": 9.877,
    }
    assert parse_faults([]) == []
    assert [fault.kind for fault in parse_faults([{"kind": "hang"}, {"kind": "error"}])] == ["hang", "error"]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("hang", '[0]: expected an object such as {"kind": "delay", "delay_ms": 300}'),
        (
            {},
            f"[0].kind: expected one of {KINDS}, got None",
        ),
        (
            {"kind": "slow"},
            f"[0].kind: expected one of {KINDS}, got 'slow'",
        ),
        (
            {"kind": []},
            f"[0].kind: expected one of {KINDS}, got []",
        ),
        (
            {"kind": "hang", "delay": 1},
            "[0].delay: unknown; known are kind, routes, probability, delay_ms, jitter_ms, status, rate, "
            "idle_seconds, for_seconds",
        ),
        ({"kind": "hang", "routes": []}, "[0].routes: expected a glob or a list of globs, got []"),
        ({"kind": "hang", "routes": [1]}, "[0].routes: expected a glob or a list of globs, got [1]"),
        ({"kind": "hang", "probability": 1.5}, "[0].probability: expected a number from 0 to 1, got 1.5"),
        ({"kind": "hang", "probability": True}, "[0].probability: expected a number from 0 to 1, got True"),
        ({"kind": "delay", "delay_ms": -1}, "[0].delay_ms: expected a number from 0 to 86400000, got -1"),
        (
            {"kind": "delay", "delay_ms": float("nan")},
            "[0].delay_ms: expected a number from 0 to 86400000, got nan",
        ),
        ({"kind": "error", "status": 200}, "[0].status: expected a number from 400 to 599, got 200"),
        ({"kind": "error", "status": 500.5}, "[0].status: expected a whole number, got 500.5"),
        ({"kind": "hang", "for_seconds": 0}, "[0].for_seconds: expected a number from 0.001 to 86400, got 0"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(document, problem):
    with pytest.raises(FaultError) as refused:
        parse_faults(document)
    assert refused.value.problems == (problem,)


def test_every_problem_is_told_at_once():
    with pytest.raises(FaultError) as refused:
        parse_faults([{"kind": "hang"}, {"kind": "x", "status": 1}])
    assert refused.value.problems == (
        f"[1].kind: expected one of {KINDS}, got 'x'",
        "[1].status: expected a number from 400 to 599, got 1",
    )
