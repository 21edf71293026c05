"""Checks what the keys of load profiles and of alerting mean together. No I/O."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from swarmscope.errors import Problem
from swarmscope.names import Phase
from swarmscope.targets import build
from swarmscope.targets.climb_checks import check_climb
from swarmscope.targets.model import Profile, Stage
from swarmscope.targets.nearest import suggestion
from swarmscope.targets.spec import ProfileSpec, SystemSpec, keys_of
from swarmscope.targets.units import duration_text, plain
from swarmscope.targets.validate import given, is_mapping
from swarmscope.targets.yaml_text import Document

_LEAST_WINDOW = Decimal(2)
"""Seconds; with a scrape each second a shorter window would hold a single sample and show no change."""


def check_profiles(spec: SystemSpec, document: Document) -> list[Problem]:
    """Every problem of the load profiles beyond their single fields."""
    if spec.profiles is None:
        missing = document.problem(("profiles",), "is missing", _EXAMPLE)
        return [] if "profiles" in document.value else [missing]
    problems: list[Problem] = []
    for name, profile in spec.profiles.items():
        if is_mapping(document, "profiles", name):
            problems += _profile(name, profile, document)
    known = given(document, "profiles")
    if spec.default_profile and known and spec.default_profile not in known:
        message = f'no load profile "{spec.default_profile}"'
        hint = suggestion(spec.default_profile, known, "profiles")
        problems.append(document.problem(("default_profile",), message, hint))
    return problems


_EXAMPLE = "profiles: {quick: {users: 10, spawn_rate: 5, run_time: 60s}}"


def _profile(name: str, spec: ProfileSpec, document: Document) -> list[Problem]:
    keys = given(document, "profiles", name)
    here = ("profiles", name)
    if any(key not in keys_of(ProfileSpec) for key in keys):
        return []
    loads = [key for key in ("users", "stages", "climb") if key in keys]
    if len(loads) > 1:
        message = f"has {' and '.join(loads)}: the load is constant, in stages, or a climb"
        return [document.problem(here, message)]
    if not loads:
        hint = "users: 50 for a constant load"
        return [document.problem(here, "needs users, stages or climb", hint)]
    if "users" in keys:
        return _constant(name, spec, document)
    problems = []
    if "run_time" in keys:
        hint = "leave it out: a staged profile runs for the sum of its stages"
        if "climb" in keys:
            hint = "leave it out: a climb ends by itself; --run-time ends one early"
        problems.append(document.problem((*here, "run_time"), "is for a constant load only", hint))
    return problems + (check_climb if "climb" in keys else _stages)(name, spec, document)


def _constant(name: str, spec: ProfileSpec, document: Document) -> list[Problem]:
    profile = build.profile(name, spec)
    if not spec.users or profile.run_time is None:
        return []
    if any(getattr(spec, key) is None and key in given(document, "profiles", name) for key in _TIMES):
        return []
    ramp = Decimal(profile.users) / profile.spawn_rate
    needed = ramp + profile.warm_up
    if needed < profile.run_time:
        return []
    message = (
        f"ends before the steady phase: {_users(profile.users)} at {plain(profile.spawn_rate)} per second take "
        f"{_time(ramp)}, and the warm-up {_time(profile.warm_up)}"
    )
    hint = f"make run_time longer than {_time(needed)}, or spawn_rate higher: nothing would be judged"
    return [document.problem(("profiles", name, "run_time"), message, hint)]


_TIMES = ("spawn_rate", "run_time", "warm_up")


def _stages(name: str, spec: ProfileSpec, document: Document) -> list[Problem]:
    problems: list[Problem] = []
    here = ("profiles", name, "stages")
    whole = spec.stages is not None
    for index, stage in enumerate(spec.stages or ()):
        path = (*here, index)
        if not is_mapping(document, *path):
            whole = False
            continue
        keys = given(document, *path)
        for key in ("users", "duration"):
            if key not in keys:
                problems.append(document.problem((*path, key), "is missing"))
        if stage.duration is not None and not stage.duration.value:
            problems.append(document.problem((*path, "duration"), "expected a duration above 0, got 0"))
        if stage.phase in set(Phase):
            hint = "leave it out: ramp, warm-up and steady parts name themselves"
            problems.append(
                document.problem((*path, "phase"), f'"{stage.phase}" has a meaning of its own', hint)
            )
        whole = whole and all(getattr(stage, key) is not None for key in ("users", "duration"))
        whole = whole and (stage.spawn_rate is not None or "spawn_rate" not in keys)
    times = all(getattr(spec, key) is not None or key not in given(document, *here[:2]) for key in _TIMES)
    if problems or not whole or not times:
        return problems
    return _courses(build.profile(name, spec), document)


def _courses(profile: Profile, document: Document) -> list[Problem]:
    """A stage must reach its users, and at least one must stay long enough to be judged."""
    here = ("profiles", profile.name, "stages")
    problems = []
    longest = Decimal(0)
    for index, (before, stage) in enumerate(pairwise((Stage(0, Decimal(0), Decimal(1)), *profile.stages))):
        change = abs(stage.users - before.users)
        ramp = change / stage.spawn_rate
        if ramp > stage.duration:
            message = (
                f"ends before it reaches {_users(stage.users)}: {_users(change)} at {plain(stage.spawn_rate)} per "
                f"second take {_time(ramp)}"
            )
            problems.append(
                document.problem((*here, index), message, "make its duration or its spawn_rate greater")
            )
        elif stage.users and not stage.phase:
            longest = max(longest, stage.duration - ramp)
    if not problems and longest <= profile.warm_up:
        message = "no stage has a steady phase"
        hint = (
            f"a stage without a name must stay at its users for longer than the warm-up of {_time(profile.warm_up)}: "
            "nothing would be judged"
        )
        problems.append(document.problem(here, message, hint))
    return problems


def check_alerting(spec: SystemSpec, document: Document) -> list[Problem]:
    """Windows and ages that no rule could work with."""
    alerting = spec.alerting
    problems = []
    if alerting and alerting.window and alerting.window.value < _LEAST_WINDOW:
        hint = "requests are scraped each second: a shorter window sees no change"
        message = f"expected at least {_time(_LEAST_WINDOW)}, got {alerting.window.written}"
        problems.append(document.problem(("alerting", "window"), message, hint))
    if alerting and alerting.hung_after and not alerting.hung_after.value:
        problems.append(document.problem(("alerting", "hung_after"), "expected a duration above 0, got 0"))
    return problems


def _users(number: int) -> str:
    return f"{number} user{'' if number == 1 else 's'}"


def _time(seconds: Decimal) -> str:
    return duration_text(seconds.quantize(Decimal("0.1")))
