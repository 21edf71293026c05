"""The targets, profiles and environments of the metrics service are the figures of its load testing task."""

from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.targets import Moment, Priority
from swarmscope.targets.parse import parse_environments, parse_system

FOLDER = Path(__file__).resolve().parents[3] / "scenarios" / "metrics"
SYSTEM = parse_system((FOLDER / "targets.yaml").read_text(encoding="utf-8"), "targets.yaml")
GROUPS = {
    "* /api/v1/auth/*": "high",
    "* /api/v1/metrics/*": "critical",
    "* /api/v1/dashboard*": "high",
    "* /api/v1/admin/*": "medium",
}
MIXED = ["quick", "baseline", "normal", "peak", "peak_hour", "ramp"]
PER_USER = {
    "ApiUser": Decimal("1.27"),
    "JourneyUser": Decimal("1.5"),
    "AdminUser": Decimal("0.5"),
    "IngestUser": 1 / Decimal("0.15"),
    "AuthUser": 1 / Decimal("0.6"),
    "DashboardUser": 1 / Decimal("0.6"),
}
"""Requests per second that a user asks for at least, when answers take no time."""


def limits(profile):
    """(request or name, kind) → (limit as written, priority) of every target that the profile is judged by."""
    return {
        (target.request or target.id, target.kind.value): (target.written, target.priority.value)
        for target in SYSTEM.targets_under(profile)
    }


@pytest.mark.parametrize("profile", MIXED)
def test_every_group_answers_within_500_ms_under_every_load_it_is_meant_for(profile):
    found = limits(profile)
    for request, priority in GROUPS.items():
        assert found[request, "p95"] == ("500ms", priority)
    assert found["* /api/v1/*", "error_rate"] == ("1%", "high")


def test_stress_may_fail_five_percent():
    assert limits("stress")["* /api/v1/*", "error_rate"] == ("5%", "high")


@pytest.mark.parametrize("profile", ["peak", "throughput"])
def test_a_thousand_requests_per_second_are_judged_where_they_are_asked_for(profile):
    assert limits(profile)["* /api/v1/*", "rps"] == ("1000", "high")
    judged = [t.profiles for t in SYSTEM.targets if t.written == "1000" and t.request == "* /api/v1/*"]
    assert judged == [("throughput", "peak")]


@pytest.mark.parametrize("profile", sorted(SYSTEM.profiles))
def test_leaks_losses_and_doubles_are_judged_under_every_profile(profile):
    found = {target.id: target for target in SYSTEM.targets_under(profile)}
    for name in ("tenant-leaks", "events-missing", "events-doubled", "events-unverified"):
        assert found[name].limit == 0
        assert found[name].priority in (Priority.CRITICAL, Priority.HIGH)
    assert found["tenant-leaks"].at is Moment.WINDOW
    assert found["events-missing"].at is Moment.END
    assert profile == "breaking" or any(target.kind.value == "rps" for target in found.values())


def test_pool_and_uptime_are_the_tasks_figures():
    for profile in MIXED:
        found = limits(profile)
        assert found["database-pool", "max"][0] == "80"
        assert found["uptime", "min"][0] == "99.9"


@pytest.mark.parametrize(
    ("name", "users"),
    [("baseline", 100), ("normal", 500), ("peak", 1000), ("stress", 2000)],
)
def test_load_patterns_are_the_tasks(name, users):
    profile = SYSTEM.profiles[name]
    assert profile.users == users
    assert profile.user_classes == {"ApiUser": 80, "JourneyUser": 15, "AdminUser": 5}


def test_the_ramp_is_the_tasks():
    stages = [(int(stage.duration), stage.users) for stage in SYSTEM.profiles["ramp"].stages]
    assert stages == [(120, 100), (300, 1000), (120, 0)]


def test_the_peak_hour_has_a_rush_and_a_judged_time_after_it():
    stages = SYSTEM.profiles["peak_hour"].stages
    assert [stage.phase for stage in stages] == ["", "", "rush", "recovery", ""]
    assert [stage.users for stage in stages] == [300, 600, 1000, 300, 300]


def test_the_default_is_a_minute():
    assert SYSTEM.default_profile == "quick"
    assert SYSTEM.profiles["quick"].run_time == 60


@pytest.mark.parametrize("name", sorted(set(SYSTEM.profiles) - {"breaking"}))
def test_every_floor_is_below_what_the_profiles_users_can_ask_for(name):
    profile = SYSTEM.profiles[name]
    users = profile.users or min(stage.users for stage in profile.stages if stage.users and not stage.phase)
    if name == "ramp":
        users = 600  # of 100 and 1000, by the judged time of each
    shares = sum(profile.user_classes.values())
    asked = sum(
        users * Decimal(share) / shares * PER_USER.get(one, 0) for one, share in profile.user_classes.items()
    )
    for target in SYSTEM.targets_under(name):
        # What the database's and the live channels' own users ask for is another matter.
        if target.kind.value == "rps" and target.request == "* /api/v1/*":
            assert target.limit <= asked * Decimal("0.8")


def test_environments_name_hosts_and_the_variables_that_hold_the_accounts():
    text = (FOLDER / "environments.yaml").read_text(encoding="utf-8")
    environments = parse_environments(text, "environments.yaml")
    assert list(environments) == ["local", "staging", "preproduction"]
    assert dict(environments["staging"].credentials) == {
        "users": "METRICS_STAGING_USERS", "admins": "METRICS_STAGING_ADMINS",
        "live_tokens": "METRICS_STAGING_LIVE_TOKENS", "database_url": "METRICS_STAGING_DATABASE_URL",
    }  # fmt: skip
    variables = [name for one in environments.values() for name in one.credentials.values()]
    assert len(set(variables)) == len(variables)
