"""Checks what the keys of a climb mean together. No I/O."""

from __future__ import annotations

from decimal import Decimal

from swarmscope.errors import Problem
from swarmscope.targets import build
from swarmscope.targets.spec import ClimbSpec, ProfileSpec, keys_of
from swarmscope.targets.units import duration_text
from swarmscope.targets.validate import given, is_mapping
from swarmscope.targets.yaml_text import Document

MOST_LEVELS = 200
"""Each level's counters and judgements are kept for the report."""
LEAST_HOLD = Decimal(2)
"""Seconds; in less than two reports of its workers a level shows too little."""


def check_climb(name: str, spec: ProfileSpec, document: Document) -> list[Problem]:
    """Every problem of a climb beyond its single fields."""
    here = ("profiles", name, "climb")
    climb = spec.climb
    if climb is None or not is_mapping(document, *here):
        return []
    keys = given(document, *here)
    if any(key not in keys_of(ClimbSpec) for key in keys):
        return []
    problems = [document.problem((*here, key), "is missing") for key in ("from", "to") if key not in keys]
    if climb.hold is not None and climb.hold.value < LEAST_HOLD:
        hint = "workers report once a second: a shorter level shows too little"
        message = f"expected at least {duration_text(LEAST_HOLD)}, got {climb.hold.written}"
        problems.append(document.problem((*here, "hold"), message, hint))
    if climb.precision is not None and not 0 < climb.precision.value < 1:
        hint = "leave it out to be told the level only"
        message = f"expected a percentage above 0% and below 100%, got {climb.precision.written}"
        problems.append(document.problem((*here, "precision"), message, hint))
    if climb.from_ is None or climb.to is None or (climb.step is None and "step" in keys):
        return problems
    return problems + _levels(climb, document, here)


def _levels(spec: ClimbSpec, document: Document, here: tuple[str, ...]) -> list[Problem]:
    climb = build.climb(spec)
    problems = []
    if climb.limit < climb.start:
        message = f"lies below from: {climb.limit} of {climb.start} users"
        problems.append(document.problem((*here, "to"), message))
    elif (levels := 1 + -(-(climb.limit - climb.start) // climb.step)) > MOST_LEVELS:
        hint = f"make step greater: at most {MOST_LEVELS} levels; precision narrows down at the end"
        problems.append(document.problem((*here, "step"), f"makes {levels} levels", hint))
    if climb.at_least is not None and not climb.at_least_per_second and climb.at_least > climb.limit:
        message = f"can never be reached: the climb ends at {climb.limit} users"
        problems.append(document.problem((*here, "at_least"), message))
    return problems
