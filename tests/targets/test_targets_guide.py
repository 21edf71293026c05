"""docs/targets.md says what is so: its examples are read, and no key or default of it is made up or left out."""

import re
from decimal import Decimal
from pathlib import Path

from swarmscope.targets import Alerting, Climb, Kind, Profile
from swarmscope.targets.parse import parse_environments, parse_system
from swarmscope.targets.samples import default_min_samples
from swarmscope.targets.spec import (
    AlertingSpec,
    ClimbSpec,
    EnvironmentSpec,
    ProfileSpec,
    StageSpec,
    SystemSpec,
    TargetSpec,
    keys_of,
)

GUIDE = (Path(__file__).parents[2] / "docs" / "targets.md").read_text(encoding="utf-8")
TARGETS, CLIMB, ENVIRONMENTS = re.findall(r"```yaml\n(.*?)```", GUIDE, flags=re.DOTALL)


def row(key: str, guide: str = GUIDE) -> list[str]:
    """The cells of the table row about a key."""
    line = next(
        line for line in guide.splitlines() if line.startswith("| ") and f"`{key}`" in line.split("|")[1]
    )
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_example_of_targets_is_read_and_gives_what_its_comments_say() -> None:
    system = parse_system(TARGETS, "docs/targets.md")
    assert [target.id for target in system.targets] == [
        *("post-orders-p95", "post-orders-p99", "all-error-rate", "post-orders-rps", "cold-start-p95")
    ]
    assert list(system.profiles) == ["quick", "peak", "spike"]


def test_the_example_of_a_climb_is_read_where_profiles_stand() -> None:
    stress = parse_system(TARGETS + CLIMB, "docs/targets.md").profiles["stress"]
    assert stress.climb == Climb(
        start=50,
        step=50,
        limit=2000,
        settle=Climb(1, 1, 1).settle,
        hold=Climb(1, 1, 1).hold,
        precision=Decimal("0.05"),
        at_least=Decimal(400),
        at_least_written="400",
    )


def test_the_example_of_environments_is_read() -> None:
    assert list(parse_environments(ENVIRONMENTS, "docs/targets.md")) == ["local", "sit"]


def test_every_key_has_a_row_in_a_table() -> None:
    specs = (SystemSpec, TargetSpec, ProfileSpec, StageSpec, ClimbSpec, AlertingSpec, EnvironmentSpec)
    first_cells = " ".join(line.split("|")[1] for line in GUIDE.splitlines() if line.startswith("| "))
    assert [key for spec in specs for key in keys_of(spec) if f"`{key}`" not in first_cells] == []


def test_the_defaults_are_those_of_the_code() -> None:
    profile, alerting = Profile("x"), Alerting()
    assert row("spawn_rate")[1] == str(profile.spawn_rate)
    assert row("warm_up")[1] == f"`{profile.warm_up}s`"
    assert row("graceful_stop")[1] == f"`{profile.graceful_stop}s`"
    climb = Climb(1, 1, 1)
    assert [row(key)[1] for key in ("settle", "hold")] == [f"`{climb.settle}s`", f"`{climb.hold}s`"]
    part = GUIDE[GUIDE.index("\n## Alerting") :]
    assert [row(key, part)[1] for key in ("window", "hold", "hung_after")] == [
        f"`{seconds}s`" for seconds in (alerting.window, alerting.hold, alerting.hung_after)
    ]


def test_the_least_numbers_of_samples_are_those_of_the_code() -> None:
    limits = {kind: default_min_samples(kind, parse_system(TARGETS, "x").targets[0].limit) for kind in Kind}
    percentiles = [str(limits[kind]) for kind in (Kind.P50, Kind.P90, Kind.P95, Kind.P99, Kind.P999)]
    assert row("p95")[2].startswith(f"{', '.join(percentiles)}: ")
    assert row("average")[2] == str(limits[Kind.AVERAGE])
    assert row("rps")[2].startswith(f"{limits[Kind.RPS]}: ")
