"""The load that a climb must hold (`at_least`), as a target that the run itself measures. No I/O."""

from __future__ import annotations

from swarmscope.climb import ClimbResult, End
from swarmscope.targets import Climb, Kind, Moment, Priority, Target
from swarmscope.verdict import QueryValue

GOAL = "load-held"


def goal(climb: Climb, profile: str) -> Target:
    """The target; it counts whatever the gate is."""
    assert climb.at_least is not None  # noqa: S101  # asked only where it is stated
    return Target(
        id=GOAL,
        kind=Kind.MIN,
        limit=climb.at_least,
        written=climb.at_least_written + ("" if climb.at_least_per_second else " users"),
        at=Moment.END,
        unit="requests/s" if climb.at_least_per_second else "users",
        priority=Priority.CRITICAL,
        profiles=(profile,),
        description="The highest load of the climb under which every target held.",
    )


def goal_value(climb: Climb, result: ClimbResult) -> QueryValue:
    """The highest load that held; no number when less held than is wanted and nothing has shown that more would not."""
    at_least = climb.at_least or 0
    held = result.held
    value = 0.0
    if held is not None:
        value = held.rate if climb.at_least_per_second else float(held.users)
    if value >= at_least or result.end in (End.BROKE, End.NOT_RECOVERED):
        return QueryValue(value)
    so_far = f"{value:.0f} {'requests/s' if climb.at_least_per_second else 'users'} held"
    if result.end is End.LIMIT:
        return QueryValue(None, f"{so_far} at the highest level, and nothing broke: make `to` greater")
    return QueryValue(None, f"{so_far}, and the climb ended before a target broke: {result.reason}")
