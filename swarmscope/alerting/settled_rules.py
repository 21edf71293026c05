"""Rules of targets at: settled: what is known of AWS while the run goes on, minutes behind the load. No I/O.

CloudWatch's points carry the start of their minute as their timestamp and arrive minutes later, so the few seconds
up to now never hold one. The rule goes back instead: at the start of each minute of the last quarter of an hour it asks
what the query answers of exactly that minute (`$window` is just under one), and keeps the minutes at whose start and
end the run was steady. The newest of them that has an answer counts. It belongs to the load of that minute, so the
alert may come, and stays, after the run has ended.

Cold starts are counted by run, so what the query answers now is the run's so far: as for other server-side targets.
That nothing is known yet is usual here and no alert; what is never known is NO DATA in the verdict.
"""

from __future__ import annotations

from swarmscope.alerting.alert_names import AlertName
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import PER_RUN, duration, plain, under_profiles
from swarmscope.alerting.rule_file import Rule, alert
from swarmscope.alerting.server_rules import value_per_run
from swarmscope.alerting.target_parts import alert_labels, breach, record, recorded, steady
from swarmscope.alerting.target_words import breach_annotations
from swarmscope.aws.settled import names_minutes
from swarmscope.names import Recorded
from swarmscope.targets import Kind, System, Target

MINUTE = "1m"
WITHIN_MINUTE = "59s"
"""Up to a minute's start this range holds its point, and not the one before it, wherever its edges belong."""
LOOKS_BACK = "15m"
"""How late a minute may arrive and still be told: its length, CloudWatch's delay and the poll are 4 to 5 minutes."""


def settled_target_rules(system: System, target: Target, links: Links) -> list[Rule]:
    """What is known of the target for each run, and the alert on its limit."""
    value = recorded(Recorded.SERVER_VALUE, system, target)
    broken = f"({value} {'<' if target.kind is Kind.MIN else '>'} {plain(target.limit)})"
    if not names_minutes(target.query):
        return [
            record(Recorded.SERVER_VALUE, target, value_per_run(system, target, MINUTE)),
            breach(AlertName.SERVER_TARGET_BREACHED, system, target, links, broken),
        ]
    return [
        record(Recorded.SERVER_VALUE, target, _newest_minute(system, target)),
        alert(
            AlertName.SERVER_TARGET_BREACHED,
            broken,
            hold=duration(system.alerting.hold),
            labels=alert_labels(target),
            annotations={
                **breach_annotations(system, target),
                **links.of(AlertName.SERVER_TARGET_BREACHED),
            },
        ),
    ]


def _newest_minute(system: System, target: Target) -> str:
    """The answer of the newest known minute that the run was steady in from its start to its end."""
    conditions = [f"{steady(system)} offset -{MINUTE}"]
    if target.profiles:
        conditions.append(under_profiles(system.name, target.profiles))
    steady_minutes = "".join(f"\nand {PER_RUN} {condition}" for condition in conditions)
    answer = f"({value_per_run(system, target, WITHIN_MINUTE)}){steady_minutes}"
    # Only minutes that have ended: of one that goes on, nobody knows yet whether its end will be steady.
    return f"last_over_time((\n{answer}\n)[{LOOKS_BACK}:{MINUTE}] offset {MINUTE})"
