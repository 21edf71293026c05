"""The targets, profiles and environments of the STET API are the figures of its load testing suite."""

from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.targets.parse import parse_environments, parse_system

FOLDER = Path(__file__).resolve().parents[2] / "scenarios" / "stet"
SYSTEM = parse_system((FOLDER / "targets.yaml").read_text(encoding="utf-8"), "targets.yaml")

ENDPOINTS = {
    "POST /v1/corrections": ("30ms", "100ms", "200ms", "500"),
    "GET /v1/facts": ("20ms", "50ms", "100ms", "1000"),
    "GET /v1/history": ("30ms", "80ms", "150ms", "500"),
    "POST /v1/enforcement/heartbeat": ("20ms", "60ms", "120ms", "200"),
    "GET /v1/enforcement/status": ("25ms", "75ms", "150ms", "200"),
    "GET /v1/enforcement/escalation": ("30ms", "100ms", "200ms", "100"),
}
MEANT_FOR = sorted(set(SYSTEM.profiles) - {"stress"})
PACE = {
    "ThreePerSecondUser": 3,
    "FivePerSecondUser": 5,
    "TenPerSecondUser": 10,
    "TwentyPerSecondUser": 20,
    "ThroughputUser": 25,
}
MIX = dict(zip(ENDPOINTS, (60, 50, 25, 6, 6, 3), strict=True))
THROUGHPUT_MIX = dict(zip(ENDPOINTS, (5, 10, 5, 2, 2, 1), strict=True))
NEW_SHARE = Decimal("0.95")
"""Of the corrections sent; the others are repeats, counted apart."""


def limits(profile):
    """(request or id, kind) → (limit as written, priority) of every target that the profile is judged by."""
    return {
        (target.request or target.id, target.kind.value): (target.written, target.priority.value)
        for target in SYSTEM.targets_under(profile)
    }


@pytest.mark.parametrize("profile", MEANT_FOR)
def test_the_service_levels_are_judged_under_every_load_that_the_service_is_meant_for(profile):
    found = limits(profile)
    for request, (p50, p95, p99, _) in ENDPOINTS.items():
        levels = [found[request, kind] for kind in ("p50", "p95", "p99")]
        assert levels == [(p50, "critical"), (p95, "critical"), (p99, "critical")]
    assert found["*", "error_rate"] == ("1%", "critical")


@pytest.mark.parametrize("profile", ["throughput", "peak"])
def test_the_throughputs_are_judged_where_they_are_asked_for(profile):
    found = limits(profile)
    assert {request: found[request, "rps"] for request in ENDPOINTS} == {
        request: (rps, "critical") for request, (_, _, _, rps) in ENDPOINTS.items()
    }


@pytest.mark.parametrize("name", sorted(SYSTEM.profiles))
def test_every_floor_is_below_what_the_profiles_users_ask_for_and_every_profile_has_one(name):
    profile = SYSTEM.profiles[name]
    ((user_class, _),) = profile.user_classes.items()
    mix = THROUGHPUT_MIX if user_class == "ThroughputUser" else MIX
    steady = [stage.users for stage in profile.stages if not stage.phase]
    asked = Decimal(min(steady, default=profile.users) * PACE[user_class])
    floors = [target for target in SYSTEM.targets_under(name) if target.kind.value == "rps"]
    for floor in floors:
        share = NEW_SHARE if floor.request == "POST /v1/corrections" else 1
        if floor.request != "*":
            share = share * Decimal(mix[floor.request]) / sum(mix.values())
        assert floor.limit <= asked * share * Decimal("0.95"), floor.in_words
    assert floors or name == "stress"


@pytest.mark.parametrize(
    ("name", "users", "spawn_rate", "run_time", "user_class"),
    [
        ("normal", 100, 10, 600, "TenPerSecondUser"),
        ("peak", 500, 10, 300, "TwentyPerSecondUser"),
        ("soak", 200, 10, 7200, "FivePerSecondUser"),
        ("ci", 100, 10, 120, "ThreePerSecondUser"),
        ("full", 200, 20, 300, "ThreePerSecondUser"),
    ],
)
def test_load_profiles_are_the_suites(name, users, spawn_rate, run_time, user_class):
    profile = SYSTEM.profiles[name]
    assert (profile.users, profile.spawn_rate, profile.run_time) == (users, spawn_rate, run_time)
    assert list(profile.user_classes) == [user_class]


def test_stress_climbs_in_a_straight_line_beyond_a_thousand_users():
    profile = SYSTEM.profiles["stress"]
    assert (profile.climb.start, profile.climb.step, profile.climb.limit) == (200, 200, 2000)
    assert profile.spawn_rate == 20


def test_the_spike_goes_to_a_thousand_users_for_two_minutes_and_back_within_a_quarter_of_an_hour():
    profile = SYSTEM.profiles["spike"]
    assert [(stage.users, stage.duration, stage.phase) for stage in profile.stages] == [
        (100, 120, ""),
        (1000, 120, "spike"),
        (100, 120, "recovery"),
        (100, 540, ""),
    ]
    assert profile.run_time == 900


def test_the_default_is_a_minute():
    assert SYSTEM.default_profile == "quick"
    assert SYSTEM.profiles["quick"].run_time == 60


def test_resources_are_judged_by_the_suites_limits():
    found = {target.id: (target.kind.value, target.written) for target in SYSTEM.targets if target.query}
    assert found == {
        "wrong-replays": ("max", "0"),
        "api-cpu": ("max", "0.7"),
        "server-cpu": ("max", "0.7"),
        "api-memory": ("max", "3276"),
        "server-memory": ("max", "0.8"),
        "api-connections": ("max", "200"),
        "api-requests-at-once": ("max", "200"),
        "api-request-rate": ("max", "1000"),
        "memory-growth": ("max", "50"),
        "database-connections": ("max", "96"),
        "database-active-queries": ("max", "49"),
        "database-query-p99": ("min", "0.99"),
        "database-pool-use": ("max", "0.8"),
    }


@pytest.mark.parametrize("profile", MEANT_FOR)
def test_every_load_is_judged_by_the_resources_of_server_and_database(profile):
    names = {target.id for target in SYSTEM.targets_under(profile) if target.query}
    assert {
        "wrong-replays",
        "database-connections",
        "database-active-queries",
        "database-query-p99",
        "database-pool-use",
    } <= names
    assert len(names & {"api-cpu", "server-cpu"}) == len(names & {"api-memory", "server-memory"}) == 1


def test_environments_name_hosts_and_the_variable_that_holds_the_tenant():
    environments = parse_environments(
        (FOLDER / "environments.yaml").read_text(encoding="utf-8"), "environments.yaml"
    )
    assert {name: dict(each.credentials) for name, each in environments.items()} == {
        "local": {"tenant_id": "STET_TENANT_ID"},
        "ci": {},
        "staging": {"tenant_id": "STET_TENANT_ID"},
    }
    assert environments["local"].host == environments["ci"].host == "http://127.0.0.1:8000"
