import time
from datetime import UTC, datetime, timedelta

import pytest
import requests

from swarmscope.edge.receiver import NotificationStore, receiver_app
from swarmscope.edge.receiver.app import MAX_BODY_BYTES

NOON = datetime(2026, 5, 4, 12, 0, 3, 218_000, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def receiver(tmp_path, served, clock):
    with served(receiver_app(NotificationStore(tmp_path), now=clock)) as address:
        yield address


def send(address, body, path="/alerts"):
    return requests.post(address + path, json=body, timeout=30)


def kept(address, **query):
    return requests.get(f"{address}/api/notifications", params=query, timeout=30).json()["notifications"]


def series(address):
    lines = requests.get(f"{address}/metrics", timeout=30).text.splitlines()
    return {
        line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")
    }


def test_a_notification_is_kept_with_the_moment_it_came(receiver, alert, message):
    answer = send(receiver, message(alert(annotations={"summary": "slow"})))
    assert (answer.status_code, answer.json()) == (200, {"id": 1})
    (record,) = kept(receiver)
    assert (record["received_at"], record["status"], record["run"]) == (
        "2026-05-04T12:00:03.218Z",
        "firing",
        "r-1",
    )
    assert record["alerts"][0]["labels"]["alertname"] == "LatencyTargetBreached"
    assert record["alerts"][0]["annotations"] == {"summary": "slow"}
    assert record["alerts"][0]["startsAt"] == "2026-05-04T12:00:00+00:00"
    assert record["alerts"][0]["endsAt"] is None


def test_the_api_chooses_by_run_time_and_id(receiver, alert, message, clock):
    for number in range(4):
        run = f"r-{number % 2}"
        send(receiver, message(alert(run=run), run=run))
        clock.now += timedelta(seconds=1)
    assert [each["id"] for each in kept(receiver)] == [1, 2, 3, 4]
    assert [each["id"] for each in kept(receiver, run="r-1")] == [2, 4]
    assert [each["id"] for each in kept(receiver, since="2026-05-04T12:00:04.218Z")] == [3, 4]
    assert [each["id"] for each in kept(receiver, since="2026-05-04T14:00:04.218+02:00")] == [3, 4]
    assert [each["id"] for each in kept(receiver, since=str(NOON.timestamp()), run="r-0")] == [3]
    assert [each["id"] for each in kept(receiver, after="3")] == [4]


def test_a_since_that_is_no_time_is_refused(receiver):
    answer = requests.get(f"{receiver}/api/notifications?since=yesterday", timeout=30)
    assert answer.status_code == 400
    assert answer.json() == {"error": 'since: expected Unix seconds or an ISO 8601 time, got "yesterday"'}


def test_a_message_that_is_not_alertmanagers_is_refused_with_its_reason_and_counted(receiver):
    answer = send(receiver, {"version": "4", "alerts": []})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": "not a message of Alertmanager's webhook: groupKey: Field required; status: Field required; "
        "alerts: Tuple should have at least 1 item after validation, not 0"
    }
    assert series(receiver)['swarmscope_receiver_rejected_total{reason="payload"}'] == 1
    assert kept(receiver) == []


def test_a_form_of_another_site_is_refused(receiver, alert, message):
    answer = requests.post(
        f"{receiver}/alerts", data=str(message(alert())), headers={"Content-Type": "text/plain"}, timeout=5
    )
    assert (answer.status_code, answer.json()) == (415, {"error": "expected application/json"})
    assert series(receiver)['swarmscope_receiver_rejected_total{reason="type"}'] == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused(receiver, chunked):
    body = b'{"x": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = requests.post(
        f"{receiver}/alerts",
        data=(body[start : start + 65536] for start in range(0, len(body), 65536)) if chunked else body,
        headers={"Content-Type": "application/json"},
        timeout=5,
    )
    assert (answer.status_code, answer.json()) == (413, {"error": "larger than 1048576 bytes"})
    assert series(receiver)['swarmscope_receiver_rejected_total{reason="size"}'] == 1
    assert requests.get(f"{receiver}/-/healthy", timeout=30).text == "OK\n"


def test_counters_start_at_zero_and_a_repeated_breach_counts_its_delay_once(receiver, alert, message, clock):
    before = series(receiver)
    assert before['swarmscope_receiver_notifications_total{status="resolved"}'] == 0
    assert before["swarmscope_receiver_watchdog_timestamp_seconds"] == 0
    for _ in range(3):
        send(receiver, message(alert(), alert("WorkerLost")))
        clock.now += timedelta(hours=1)
    send(receiver, message(alert(status="resolved")))
    after = series(receiver)
    assert after['swarmscope_receiver_notifications_total{status="firing"}'] == 3
    assert after['swarmscope_receiver_notifications_total{status="resolved"}'] == 1
    assert after['swarmscope_receiver_alerts_total{status="firing"}'] == 6
    assert after["swarmscope_receiver_delay_seconds_count"] == 2
    assert after["swarmscope_receiver_delay_seconds_sum"] == pytest.approx(2 * 3.218)
    assert after["swarmscope_receiver_kept_records"] == 4


def test_the_watchdog_is_remembered_but_not_kept(receiver, alert, message):
    assert send(receiver, message(alert("Watchdog", run="")), "/watchdog").status_code == 200
    answer = requests.get(f"{receiver}/api/notifications", timeout=30).json()
    assert (answer["watchdog_at"], answer["notifications"]) == ("2026-05-04T12:00:03.218Z", [])
    assert series(receiver)["swarmscope_receiver_watchdog_timestamp_seconds"] == NOON.timestamp()


def test_notifications_outlive_a_restart(tmp_path, served, alert, message, clock):
    with served(receiver_app(NotificationStore(tmp_path), now=clock)) as address:
        send(address, message(alert()))
    with served(receiver_app(NotificationStore(tmp_path), now=clock)) as address:
        assert [each["run"] for each in kept(address)] == ["r-1"]
        send(address, message(alert()))
        assert series(address)["swarmscope_receiver_delay_seconds_count"] == 0


class Locust:
    def __init__(self):
        self.asked = []

    def __call__(self, request):
        self.asked.append((request.run, request.reason))
        return 202, "stopping"


def stops(address):
    return [(each["run"], each["status"]) for each in kept(address) if each["kind"] == "stop"]


def wait_until(check):
    deadline = time.monotonic() + 10
    while not check() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert check()


def test_a_run_is_stopped_and_the_stop_is_among_the_notifications(tmp_path, served, alert, message):
    locust = Locust()
    with served(receiver_app(NotificationStore(tmp_path), post=locust, grace_seconds=0.05)) as address:
        send(address, message(alert(abort="true", annotations={"summary": "slow"})))
        wait_until(lambda: stops(address) == [("r-1", "requested"), ("r-1", "stopped")])
        record = kept(address, run="r-1")[-1]
        assert series(address)['swarmscope_receiver_stops_total{outcome="stopped"}'] == 1
        assert "Run stopped" in requests.get(address, timeout=30).text
    assert locust.asked == [("r-1", "slow")]
    assert {key: record[key] for key in ("kind", "system", "target", "reason", "detail")} == {
        "kind": "stop",
        "system": "triggers",
        "target": "",
        "reason": "slow",
        "detail": "202 stopping",
    }


def test_a_restart_takes_up_a_recent_breach_but_stops_no_run_twice(tmp_path, served, alert, message, clock):
    locust = Locust()
    breaches = [message(alert(abort="true", run=run), run=run) for run in ("r-1", "r-2")]
    recovered = message(alert(abort="true", run="r-2", status="resolved"), run="r-2")
    with served(
        receiver_app(NotificationStore(tmp_path), post=locust, grace_seconds=3600, now=clock)
    ) as address:
        for body in (*breaches, recovered):
            send(address, body)
    clock.now += timedelta(minutes=1)
    for _ in range(2):
        app = receiver_app(NotificationStore(tmp_path), post=locust, grace_seconds=0.01, now=clock)
        with served(app) as address:
            wait_until(lambda address=address: ("r-1", "stopped") in stops(address))
    assert [run for run, _ in locust.asked] == ["r-1"]


def test_a_restart_leaves_an_old_breach_alone(tmp_path, served, alert, message, clock):
    locust = Locust()
    with served(
        receiver_app(NotificationStore(tmp_path), post=locust, grace_seconds=3600, now=clock)
    ) as address:
        send(address, message(alert(abort="true")))
    clock.now += timedelta(minutes=6)
    with served(
        receiver_app(NotificationStore(tmp_path), post=locust, grace_seconds=0, now=clock)
    ) as address:
        time.sleep(0.1)
        assert stops(address) == [("r-1", "requested")]
    assert locust.asked == []
