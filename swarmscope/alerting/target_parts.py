"""What the rules of all kinds of targets share: labels, guards, the shape of a breach. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import ABORT_LABEL, AlertName, Severity
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import BY_RUN, PER_RUN, duration, equals, latest, selector, under_profiles
from swarmscope.alerting.rule_file import Rule, alert, recording
from swarmscope.alerting.target_words import breach_annotations
from swarmscope.names import Recorded
from swarmscope.targets import System, Target
from swarmscope.targets.match import promql_matchers

ENOUGH = 3
"""Fewer slow or failed requests than this within a window are no breach: one outlier must not wake anybody.

What a system with little traffic misses by it, `TargetMissedOverRun` tells from the sum over the run.
"""


def target_labels(target: Target) -> dict[str, str]:
    """The labels of everything recorded about a target; `run` and `system` come from the measured series."""
    labels = {
        "target": target.id,
        "request": target.request,
        "kind": target.kind,
        "priority": target.priority,
    }
    # A server-side target names no request, and an empty label is none.
    return {name: str(value) for name, value in labels.items() if value}


def alert_labels(target: Target) -> dict[str, str]:
    """The labels of a target's alert."""
    labels = {**target_labels(target), "severity": Severity.of(target.priority)}
    return labels | ({ABORT_LABEL: "true"} if target.abort else {})


def steady(system: System) -> str:
    """The runs of a system whose whole window was steady."""
    return selector(Recorded.STEADY_WINDOW, equals("system", system.name))


def judged_runs(system: System, target: Target) -> str:
    """The runs whose whole window was steady, under the target's load profiles."""
    profiles = f"\nand {PER_RUN} {under_profiles(system.name, target.profiles)}" if target.profiles else ""
    return steady(system) + profiles


def minimum_reached(system: System, target: Target) -> list[str]:
    """The condition that the run has made as many requests as the target wants to be judged on, if it wants more."""
    if target.min_samples <= ENOUGH:
        return []
    so_far = latest(series_of(system, target, names.REQUESTS.name))
    return [f"and {PER_RUN} (sum {BY_RUN} ({so_far}) >= {target.min_samples})"]


def breach(
    name: AlertName, system: System, target: Target, links: Links, value: str, *conditions: str
) -> Rule:
    """The alert of a target: `value` is what its text shows, and all conditions and guards must hold for long."""
    return alert(
        name,
        "\n".join((value, *conditions, f"and {PER_RUN} {judged_runs(system, target)}")),
        hold=duration(system.alerting.hold),
        labels=alert_labels(target),
        annotations={**breach_annotations(system, target), **links.of(name)},
    )


def record(name: Recorded, target: Target, expr: str) -> Rule:
    """A recording rule with the target's labels."""
    return recording(name, expr, target_labels(target))


def series_of(system: System, target: Target, metric: str, *matchers: str) -> str:
    """The series of a metric that the target's request pattern names."""
    return selector(metric, equals("system", system.name), promql_matchers(target.request), *matchers)


def recorded(name: Recorded, system: System, target: Target) -> str:
    """The series that was recorded for a target."""
    return selector(name, equals("system", system.name), equals("target", target.id))
