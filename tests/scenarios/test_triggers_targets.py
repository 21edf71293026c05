"""The targets, profiles and environments of the Triggers API are the figures of its performance guide."""

from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.targets.parse import parse_environments, parse_system

FOLDER = Path(__file__).resolve().parents[2] / "scenarios" / "triggers"
SYSTEM = parse_system((FOLDER / "targets.yaml").read_text(encoding="utf-8"), "targets.yaml")
NORMAL = ["quick", "baseline", "realistic", "aws", "ci"]


def limits(profile):
    """(request, kind) → (limit as written, priority) of every target that the profile is judged by."""
    return {
        (target.request, target.kind.value): (target.written, target.priority.value)
        for target in SYSTEM.targets_under(profile)
    }


@pytest.mark.parametrize("profile", NORMAL)
def test_the_requirements_are_judged_under_every_normal_load(profile):
    found = limits(profile)
    assert found["POST /events", "p95"] == ("100ms", "critical")
    assert found["GET /inbox", "p95"] == ("200ms", "critical")
    assert found["*", "error_rate"] == ("1%", "high")


def test_a_thousand_events_per_second_are_judged_where_they_can_be_reached():
    assert limits("throughput") == {
        ("POST /events", "p95"): ("100ms", "critical"),
        ("POST /events", "rps"): ("1000", "critical"),
        ("*", "error_rate"): ("1%", "high"),
    }
    assert [t.profiles for t in SYSTEM.targets if t.written == "1000"] == [("throughput",)]


def test_peak_load_has_limits_of_its_own():
    assert limits("peak") == {
        ("POST /events", "p95"): ("300ms", "high"),
        ("GET /inbox", "p95"): ("400ms", "high"),
        ("*", "error_rate"): ("5%", "high"),
        ("POST /events", "rps"): ("75", "medium"),
    }


@pytest.mark.parametrize("profile", ["stress", "overload"])
def test_stress_is_judged_by_the_signs_of_the_breaking_point(profile):
    assert limits(profile) == {
        ("POST /events", "p95"): ("500ms", "medium"),
        ("*", "error_rate"): ("10%", "medium"),
    }


@pytest.mark.parametrize(
    ("name", "users", "spawn_rate", "run_time", "user_class"),
    [
        ("baseline", 50, 10, 300, "TriggersAPIUser"),
        ("realistic", 100, 20, 300, "TriggersAPIUser"),
        ("aws", 100, 20, 600, "TriggersAPIUser"),
        ("peak", 200, 50, 600, "TriggersAPIUser"),
        ("throughput", 200, 50, 120, "HighThroughputUser"),
        ("overload", 500, 100, 180, "HighThroughputUser"),
        ("ci", 100, 20, 120, "TriggersAPIUser"),
    ],
)
def test_load_profiles_are_the_guides(name, users, spawn_rate, run_time, user_class):
    profile = SYSTEM.profiles[name]
    assert (profile.users, profile.spawn_rate, profile.run_time) == (users, spawn_rate, run_time)
    assert list(profile.user_classes) == [user_class]


def test_stress_climbs_to_the_users_of_the_guide():
    climb = SYSTEM.profiles["stress"].climb
    assert (climb.start, climb.step, climb.limit) == (50, 50, 500)
    assert list(SYSTEM.profiles["stress"].user_classes) == ["HighThroughputUser"]


def test_the_default_is_a_minute():
    assert SYSTEM.default_profile == "quick"
    assert SYSTEM.profiles["quick"].run_time == 60


@pytest.mark.parametrize("name", sorted(SYSTEM.profiles))
def test_every_floor_is_below_what_the_profiles_users_can_ask_for(name):
    # Users pause 1.05 s and 0.055 s on average; 10 of 17 tasks of the realistic user send an event.
    per_user = {
        "TriggersAPIUser": Decimal(10) / 17 / Decimal("1.05"),
        "HighThroughputUser": 1 / Decimal("0.055"),
    }
    profile = SYSTEM.profiles[name]
    shares = sum(profile.user_classes.values())
    asked = sum(
        profile.users * Decimal(share) / shares * per_user[user_class]
        for user_class, share in profile.user_classes.items()
    )
    for target in SYSTEM.targets_under(name):
        if target.kind.value == "rps":
            assert target.limit <= asked * Decimal("0.75")


@pytest.mark.parametrize("name", sorted(SYSTEM.profiles))
def test_enough_of_a_profile_is_judged(name):
    profile = SYSTEM.profiles[name]
    if profile.climb:
        assert profile.climb.hold >= Decimal("0.75") * (profile.climb.settle + profile.climb.hold)
        return
    judged = profile.run_time - profile.users / profile.spawn_rate - profile.warm_up
    assert judged >= Decimal("0.75") * profile.run_time


@pytest.mark.parametrize("name", sorted(SYSTEM.profiles))
def test_every_profile_is_judged_by_its_errors(name):
    assert ("*", "error_rate") in limits(name)


def test_environments_name_hosts_and_the_variable_that_holds_the_key():
    environments = parse_environments(
        (FOLDER / "environments.yaml").read_text(encoding="utf-8"), "environments.yaml"
    )
    assert list(environments) == ["local", "dev", "aws"]
    assert environments["local"].host == "http://127.0.0.1:8000"
    for environment in environments.values():
        assert dict(environment.credentials) == {"api_key": "LOCUST_API_KEY"}
