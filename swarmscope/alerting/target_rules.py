"""Turns the targets of a system into its rule file: recording rules and one alert for each target. No I/O.

All rules of a system are one group, evaluated in order at one moment, so that an alert and the numbers in its text
come from the same samples.
"""

from __future__ import annotations

from collections.abc import Callable

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName, Severity
from swarmscope.alerting.guard import guard
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import (
    BY_RUN,
    PER_RUN,
    duration,
    equals,
    latest,
    plain,
    selector,
    steady_window,
)
from swarmscope.alerting.request_rules import request_target_rules
from swarmscope.alerting.rule_file import Rule, group, recording, rule_file
from swarmscope.alerting.server_rules import server_target_rules
from swarmscope.alerting.settled_rules import settled_target_rules
from swarmscope.alerting.texts import waiting
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.names import Recorded
from swarmscope.targets import Moment, System, Target


def system_rules(system: System, links: Links) -> str:
    """The rule file of one system: the steady window, then each target's numbers and its alert.

    Raises ConfigurationError for a system without targets: a file without rules would look watched and not be.
    """
    if not system.targets:
        raise ConfigurationError(
            [Problem(system.source or system.name, "targets", "no targets, so there is nothing to alert on")]
        )
    window = duration(system.alerting.window)
    rules = [
        recording(Recorded.STEADY_WINDOW, steady_window(system.name, window)),
        request_hung(system, links),
    ]
    for target in system.alerted_targets:
        rules += _rules_of(target)(system, target, links)
    return rule_file(
        [group(f"swarmscope {system.name}", rules)],
        system.source or f"scenarios/{system.name}/targets.yaml",
        "How the expressions work and why the times are as they are: docs/alerting.md.",
    )


def _rules_of(target: Target) -> Callable[[System, Target, Links], list[Rule]]:
    if target.at is Moment.SETTLED:
        return settled_target_rules
    return server_target_rules if target.kind.is_query else request_target_rules


def request_hung(system: System, links: Links) -> Rule:
    """The alert that a request has waited for its answer longer than the system allows."""
    age = selector(names.OLDEST_AGE.name, equals("system", system.name))
    waited = "{{ $value | humanizeDuration }}"
    return guard(
        AlertName.REQUEST_HUNG,
        links,
        f"max {BY_RUN} ({latest(age)}) > {plain(system.alerting.hung_after)}\n"
        f"and {PER_RUN} ({selector(Recorded.RUN_ACTIVE, equals('system', system.name))} == 1)",
        # Two evaluations, so that an answer on its way at the first one is not reported.
        hold="1s",
        severity=Severity.CRITICAL,
        summary=f"The service hangs: a request has waited {waited} for its answer",
        description=f"Unanswered:{waiting()}.",
        measured=waited,
        limit=f"{plain(system.alerting.hung_after)}s",
    )
