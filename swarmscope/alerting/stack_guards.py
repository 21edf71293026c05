"""Alerts about the alerting itself: rules, notifications, and the watchdog. No I/O.

They belong to no run, so they carry neither `run` nor `system`.
"""

from __future__ import annotations

from swarmscope.alerting.alert_names import AlertName, Severity
from swarmscope.alerting.guard import guard
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import counted, equals, selector
from swarmscope.alerting.rule_file import Rule
from swarmscope.names import Job

RECENTLY = "1m"
"""A failure shows for this long; Prometheus sends an alert that goes on again every minute."""
LATE_EVALUATIONS = 10
"""Skipped evaluations a minute (of 60) that make the times in docs/alerting.md untrue."""


def stack_guards(links: Links) -> list[Rule]:
    """The rules, most useful first; the watchdog last."""
    return [
        *_notifications_failing(links),
        *_rule_evaluation_failing(links),
        guard(
            AlertName.WATCHDOG,
            links,
            "vector(1)",
            severity=Severity.NONE,
            summary="The way from Prometheus to its receivers works",
            description="Always firing. When it stops arriving, no other alert arrives either.",
            measured="always 1",
            about_a_run=False,
        ),
    ]


def _notifications_failing(links: Links) -> list[Rule]:
    to_alertmanager = _recent_of_its_own("prometheus_notifications_errors_total")
    dropped = _recent("prometheus_notifications_dropped_total")
    to_people = _recent("alertmanager_notifications_failed_total")
    alertmanager_down = f"{selector('up', equals('job', Job.ALERTMANAGER))} == 0"
    return [
        guard(
            AlertName.NOTIFICATIONS_FAILING,
            links,
            f"{to_alertmanager} > 0\nor\n{dropped} > 0",
            severity=Severity.WARNING,
            where="prometheus",
            summary="Prometheus cannot hand its alerts to Alertmanager",
            description="Alerts fire and nobody is told. Prometheus' log has the error, prometheus.yml the address.",
            measured=f'{{{{ $value | printf "%.0f" }}}} failed in {RECENTLY}',
            about_a_run=False,
        ),
        guard(
            AlertName.NOTIFICATIONS_FAILING,
            links,
            f"{to_people} > 0",
            severity=Severity.WARNING,
            where="receiver",
            summary="Alertmanager cannot deliver to {{ $labels.integration }}",
            description="Alerts reach Alertmanager and not their receiver. Its log names the receiver and the error.",
            measured=f'{{{{ $value | printf "%.0f" }}}} failed in {RECENTLY}',
            about_a_run=False,
        ),
        guard(
            AlertName.NOTIFICATIONS_FAILING,
            links,
            alertmanager_down,
            severity=Severity.WARNING,
            where="alertmanager",
            summary="Alertmanager does not answer at {{ $labels.instance }}",
            description="Alerts fire and nobody is told, this one included: it shows on Prometheus' own page only.",
            measured="no answer",
            about_a_run=False,
            hold="10s",
        ),
    ]


def _rule_evaluation_failing(links: Links) -> list[Rule]:
    failures = _recent("prometheus_rule_evaluation_failures_total")
    missed = _recent("prometheus_rule_group_iterations_missed_total")
    return [
        guard(
            AlertName.RULE_EVALUATION_FAILING,
            links,
            f"{failures} > 0",
            severity=Severity.WARNING,
            where="rule",
            summary="A rule fails in group {{ $labels.rule_group }}",
            description="An alert that cannot be evaluated cannot fire. Prometheus' page of rules shows the error.",
            measured=f'{{{{ $value | printf "%.0f" }}}} failed in {RECENTLY}',
            about_a_run=False,
        ),
        guard(
            AlertName.RULE_EVALUATION_FAILING,
            links,
            f"{missed} > {LATE_EVALUATIONS}",
            severity=Severity.WARNING,
            where="evaluation",
            summary="Prometheus is too slow for the rules of group {{ $labels.rule_group }}",
            description="Evaluations are skipped, so alerts come later than docs/alerting.md says.",
            measured=f'{{{{ $value | printf "%.0f" }}}} skipped in {RECENTLY}',
            about_a_run=False,
        ),
    ]


def _recent(counter: str) -> str:
    # `increase` will do here: these counters exist at 0 from the start, and "any" needs no exact number.
    return f"increase({counter}[{RECENTLY}])"


def _recent_of_its_own(counter: str) -> str:
    # Prometheus scrapes itself from its birth on, so a counter of its own that was not there yet was at zero.
    # Version 3 makes this one with its first error, which `increase` would not see.
    return f"({counted(counter, RECENTLY)})"
