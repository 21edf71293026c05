from datetime import UTC, datetime, timedelta

import pytest

from tests.reference.stet.client import beat


def test_status_lists_every_system_and_what_it_enforces(client):
    ours = client()
    latest = ours.correct().json()["version"]
    said = beat(ours, "s2")
    beat(ours, "s1", datetime.now(UTC) - timedelta(minutes=2))
    answer = ours("GET", "/v1/enforcement/status").json()
    assert answer["latest_correction_version"] == latest
    assert [(each["system_id"], each["state"]) for each in answer["systems"]] == [
        ("s1", "behind"),
        ("s2", "enforcing"),
    ]
    assert answer["systems"][1]["enforced_correction_version"] == said["enforced_correction_version"]
    page = ours("GET", "/v1/enforcement/status?limit=1").json()
    assert page["next_cursor"] == "s1"
    (second,) = ours("GET", "/v1/enforcement/status?limit=1&cursor=s1").json()["systems"]
    assert second["system_id"] == "s2"


def test_escalation_lists_those_that_are_far_behind_the_worst_first(client):
    ours = client()
    ours.correct()
    for system, minutes in [("fine", 0), ("late", 6), ("lost", 40), ("nearly", 4)]:
        beat(ours, system, datetime.now(UTC) - timedelta(minutes=minutes))
    escalations = ours("GET", "/v1/enforcement/escalation").json()["escalations"]
    assert [(each["system_id"], each["level"]) for each in escalations] == [
        ("lost", "critical"),
        ("late", "warning"),
    ]


@pytest.mark.parametrize(
    ("moment", "stored"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31t12:00:00.123456789+05:30", "2026-01-31T06:30:00.123Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59.900Z"),
    ],
)
def test_a_version_is_kept_to_the_millisecond(client, moment, stored):
    body = {"system_id": "s", "enforced_correction_version": moment}
    assert (
        client()("POST", "/v1/enforcement/heartbeat", json=body).json()["enforced_correction_version"]
        == stored
    )


@pytest.mark.parametrize(
    "moment",
    ["", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z", "2026-01-31T25:00:00Z", 5, None,
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2026-01-31T12:00:00Z\n", "٢٠٢٦-01-31T12:00:00Z"],
)  # fmt: skip
def test_a_version_that_is_no_moment_is_refused(client, moment):
    body = {"system_id": "s", "enforced_correction_version": moment}
    answer = client()("POST", "/v1/enforcement/heartbeat", json=body)
    assert answer.status_code == 422
    assert answer.json()["problems"] == [
        "enforced_correction_version: expected a date and time with its zone, such as 2026-01-31T12:00:00Z"
    ]
