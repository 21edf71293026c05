"""The targets, profiles and environments of the Claims API are the figures of its seed."""

from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.targets.parse import parse_environments, parse_system

FOLDER = Path(__file__).resolve().parents[2] / "scenarios" / "claims"
SYSTEM = parse_system((FOLDER / "targets.yaml").read_text(encoding="utf-8"), "targets.yaml")
PER_USER = Decimal(1) / 2
"""Requests per second of one user when answers take no time: the pause is 1 to 3 seconds."""
DETAIL_SHARE = Decimal(3) / 29 * Decimal("0.9")
"""Of all requests: three of 29 tasks, nine of ten of which ask for a claim that exists."""


def limits(profile):
    """(request, kind) → (limit as written, priority) of every target that the profile is judged by."""
    return {
        (target.request, target.kind.value): (target.written, target.priority.value)
        for target in SYSTEM.targets_under(profile)
    }


@pytest.mark.parametrize("profile", ["ci", "quick", "normal"])
def test_both_thresholds_are_judged_over_all_requests(profile):
    found = limits(profile)
    assert found["*", "p95"] == ("500ms", "critical")
    assert found["*", "error_rate"] == ("5%", "critical")


def test_stress_is_judged_by_the_same_figures_as_signs_of_the_breaking_point():
    assert limits("stress") == {("*", "p95"): ("500ms", "medium"), ("*", "error_rate"): ("5%", "medium")}


def test_the_ci_profile_is_the_seeds():
    profile = SYSTEM.profiles["ci"]
    assert (profile.users, profile.spawn_rate, profile.run_time) == (5, 1, 30)


def test_the_ci_profile_makes_requests_enough_to_be_judged():
    profile = SYSTEM.profiles["ci"]
    judged = profile.run_time - profile.users / profile.spawn_rate - profile.warm_up
    # Answers take time, too: half of what could be asked for is counted on.
    expected = judged * profile.users * PER_USER
    assert all(target.min_samples <= expected / 2 for target in SYSTEM.targets_under("ci"))


def test_the_default_is_a_minute():
    assert SYSTEM.default_profile == "quick"
    assert SYSTEM.profiles["quick"].run_time == 60


def test_stress_climbs_to_far_more_users_than_the_ci_run():
    climb = SYSTEM.profiles["stress"].climb
    assert (climb.start, climb.step, climb.limit) == (100, 100, 1000)


@pytest.mark.parametrize("name", ["ci", "quick", "normal"])
def test_every_floor_is_below_what_the_profiles_users_can_ask_for(name):
    profile = SYSTEM.profiles[name]
    floors = [target for target in SYSTEM.targets_under(name) if target.kind.value == "rps"]
    assert floors
    for target in floors:
        share = 1 if target.request == "*" else DETAIL_SHARE
        asked = profile.users * PER_USER * share
        assert asked * Decimal("0.5") <= target.limit <= asked * Decimal("0.75")


def test_environments_name_hosts_and_the_variables_that_hold_the_login():
    environments = parse_environments(
        (FOLDER / "environments.yaml").read_text(encoding="utf-8"), "environments.yaml"
    )
    assert list(environments) == ["local", "ci", "dev"]
    assert environments["local"].host == environments["ci"].host == "http://127.0.0.1:8000"
    for environment in environments.values():
        assert dict(environment.credentials) == {
            "username": "CLAIMS_USERNAME", "password": "CLAIMS_PASSWORD",
        }  # fmt: skip
