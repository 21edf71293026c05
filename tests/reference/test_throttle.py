"""A throttled service lets so many requests per second through, evenly, in the order in which they came."""

import concurrent.futures
import time

import pytest
import requests

from reference.running import running
from reference.throttle import Line

KEY = {"Authorization": "Bearer local-load-test"}


def test_an_empty_line_lets_the_first_through_at_once_and_the_others_evenly():
    line = Line(10.0)
    for who in "abc":
        line.enter(who, 5.0)
    assert line.let_through(5.0) == ["a"]
    assert line.seconds_to_next(5.0) == pytest.approx(0.1)
    assert line.let_through(5.05) == []
    assert line.let_through(5.1) == ["b"]
    assert line.let_through(5.2000001) == ["c"]
    assert line.seconds_to_next(6.0) is None


def test_a_pause_saves_no_slots_up():
    line = Line(10.0)
    line.enter("a", 0.0)
    line.let_through(0.0)
    for who in "bcd":
        line.enter(who, 60.0)
    assert line.let_through(60.0) == ["b"]


def test_a_slot_just_used_is_not_given_again_to_a_newcomer():
    line = Line(10.0)
    line.enter("a", 0.0)
    line.let_through(0.0)
    line.enter("b", 0.02)
    assert line.let_through(0.02) == []
    assert line.seconds_to_next(0.02) == pytest.approx(0.08)


def test_a_timer_that_was_late_is_made_up_for_so_that_the_rate_holds():
    line = Line(100.0)
    for who in range(50):
        line.enter(who, 0.0)
    through = [who for late in (0.013, 0.1, 0.107, 0.31, 0.499) for who in line.let_through(late)]
    assert through == list(range(50))


def test_who_leaves_frees_a_slot_for_those_behind():
    line = Line(10.0)
    for who in "abc":
        line.enter(who, 0.0)
    line.let_through(0.0)
    line.leave("b")
    line.leave("never came")
    assert len(line) == 1
    assert line.let_through(0.1) == ["c"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    database = str(tmp_path_factory.mktemp("throttle") / "x.sqlite3")
    with running("reference.triggers", "--database", database, "--local-key", "--faults") as started:
        yield started.url


@pytest.fixture
def throttle(service):
    def put(**fault):
        answer = requests.put(f"{service}/faults", json={"kind": "throttle", **fault}, timeout=10)
        assert answer.status_code == 200, answer.text

    yield put
    requests.delete(f"{service}/faults", timeout=10)


def get(service, timeout=30.0):
    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{service}/inbox", headers=KEY, timeout=timeout)
    assert answer.status_code == 200
    return time.monotonic() - began


def test_clients_at_once_are_answered_at_the_rate(service, throttle, stand_stills):
    throttle(rate=20)
    started, began = time.monotonic(), time.time()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        waited = sorted(pool.map(lambda _: get(service), range(16)))
    assert time.monotonic() - started >= 15 / 20 - 0.35
    assert stand_stills.ran_since(began) < 3
    assert waited[0] < waited[8] < waited[15]


def test_a_client_that_leaves_gives_up_its_place(service, throttle, stand_stills):
    throttle(rate=2)
    get(service)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        impatient = [pool.submit(get, service, 0.15) for _ in range(6)]
        assert all(
            isinstance(each.exception(), requests.exceptions.Timeout) or each.exception() is None
            for each in impatient
        )
        # Behind six of them it would have waited 3 s.
        began = time.time()
        get(service)
        assert stand_stills.ran_since(began) < 2


def test_health_is_not_throttled_and_the_line_is_let_go_when_the_fault_ends(service, throttle):
    throttle(rate=0.01)
    get(service)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(get, service) for _ in range(3)]
        assert requests.get(f"{service}/health", timeout=30).status_code == 200
        requests.delete(f"{service}/faults", timeout=10)
        # Who is not let go waits for 100 s and more, and gives up.
        assert all(each.result(timeout=60) for each in waiting)


def test_a_throttle_ends_by_itself(service, throttle):
    throttle(rate=0.01, for_seconds=0.5)
    get(service)
    # It would be let through after 100 s, and gives up.
    assert get(service)


def test_the_body_of_a_request_survives_the_line(service, throttle):
    throttle(rate=5)
    event = {"event_type": "x", "payload": {"kept": "through the line"}}
    for _ in range(2):
        answer = requests.post(f"{service}/events", json=event, headers=KEY, timeout=10)
        assert answer.status_code == 201
