"""The targets, profiles and environments of Access Management are the figures of its plan."""

from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.targets.parse import parse_environments, parse_system

FOLDER = Path(__file__).resolve().parents[3] / "scenarios" / "access"
SYSTEM = parse_system((FOLDER / "targets.yaml").read_text(encoding="utf-8"), "targets.yaml")
BUSY = ["quick", "normal", "peak", "stress", "ci"]
ASKED_PER_USER = {
    "AuthorizerUser": Decimal("3.33"),
    "PermissionServiceUser": Decimal("3.33"),
    "MixedWorkloadUser": Decimal("2"),
    "TeamServiceUser": Decimal("3"),
    "InvitationFlowUser": Decimal("6"),
    "AuditQueryUser": Decimal("2.6"),
}
"""Requests per second when answers take no time."""


def limits(profile):
    """(id) → (limit as written, priority) of every target that the profile is judged by."""
    return {target.id: (target.written, target.priority.value) for target in SYSTEM.targets_under(profile)}


@pytest.mark.parametrize("profile", sorted(SYSTEM.profiles))
def test_the_plans_targets_are_judged_under_every_load(profile):
    found = limits(profile)
    assert found["post-authorize-p95"] == ("100ms", "critical")
    assert found["api-p95"] == ("500ms", "critical")
    assert found["all-error-rate"] == ("0.1%", "high")
    assert found["cold-start-p95"] == ("3s", "medium")
    assert (
        (found["all-rps"] == ("100", "high")) if profile in BUSY else (found["all-rps-baseline"][0] == "20")
    )


@pytest.mark.parametrize(
    ("name", "users", "run_time"),
    [("baseline", 10, 300), ("normal", 50, 900), ("peak", 100, 600), ("ci", 50, 300), ("quick", 100, 60)],
)
def test_load_profiles_are_the_plans(name, users, run_time):
    profile = SYSTEM.profiles[name]
    assert (profile.users, profile.run_time) == (users, run_time)


def test_stress_climbs_beyond_200_users():
    climb = SYSTEM.profiles["stress"].climb
    assert (climb.start, climb.step, climb.limit) == (50, 50, 400)


def test_ci_starts_ten_users_per_second():
    assert SYSTEM.profiles["ci"].spawn_rate == 10


@pytest.mark.parametrize("name", ["quick", "baseline", "normal", "peak", "ci"])
def test_every_floor_is_below_what_the_profiles_users_can_ask_for(name):
    profile = SYSTEM.profiles[name]
    shares = sum(profile.user_classes.values())
    asked = {
        user_class: profile.users * Decimal(share) / shares * ASKED_PER_USER[user_class]
        for user_class, share in profile.user_classes.items()
    }
    for target in SYSTEM.targets_under(name):
        if target.kind.value == "rps":
            most = sum(asked.values()) if target.request == "*" else asked["AuthorizerUser"]
            assert target.limit <= most * Decimal("0.75")


def test_environments_are_local_dev_and_sit_with_a_token_each():
    environments = parse_environments(
        (FOLDER / "environments.yaml").read_text(encoding="utf-8"), "environments.yaml"
    )
    assert {name: dict(environment.credentials) for name, environment in environments.items()} == {
        "local": {"token": "ACCESS_TOKEN"},
        "dev": {"token": "ACCESS_DEV_TOKEN"},
        "sit": {"token": "ACCESS_SIT_TOKEN"},
    }
