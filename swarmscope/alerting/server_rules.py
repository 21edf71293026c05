"""Rules of server-side targets: a limit on what a PromQL query of the user's answers. No I/O.

A rule knows no single run, so `$run` cannot be filled in: `run="$run"` becomes `run=~".+"`, and what the query
answers is joined with every steady run, by its `run` label where the query kept it. `$window` is the alerting
window. A query that answers nothing, or NaN, is an alert of its own: missing data never passes for good data.
"""

from __future__ import annotations

import re

from swarmscope.alerting.alert_names import ABORT_LABEL, AlertName, Annotation, Severity
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import PER_RUN, duration, plain
from swarmscope.alerting.rule_file import Rule, alert
from swarmscope.alerting.target_parts import alert_labels, breach, judged_runs, record, recorded, steady
from swarmscope.alerting.texts import literal
from swarmscope.errors import ConfigurationError, Problem
from swarmscope.names import Recorded
from swarmscope.targets import Kind, System, Target

MISSING_HOLD = "10s"
"""How long a query may answer nothing before that is reported."""
_RUN_MATCHER = re.compile(r"""(\brun\s*)=~?\s*(["'`])\$run\2""")


def server_target_rules(system: System, target: Target, links: Links) -> list[Rule]:
    """What the query answers for each steady run, the alert on its limit and the alert on its absence."""
    value = recorded(Recorded.SERVER_VALUE, system, target)
    comparison = "<" if target.kind is Kind.MIN else ">"
    return [
        record(Recorded.SERVER_VALUE, target, value_per_run(system, target)),
        breach(
            AlertName.SERVER_TARGET_BREACHED,
            system,
            target,
            links,
            f"({value} {comparison} {plain(target.limit)})",
        ),
        _missing(system, target, links, value),
    ]


def live_query(system: System, target: Target, window: str = "") -> str:
    """The user's query as it can stand in a rule, for all runs at once; `$window` is the alerting window if not given.

    Raises ConfigurationError when `$run` is used other than as `run="$run"`.
    """
    query = _RUN_MATCHER.sub(r'\1=~".+"', target.query)
    query = query.replace("$window", window or duration(system.alerting.window))
    if "$run" in query:
        raise ConfigurationError(
            [
                Problem(
                    system.source or system.name,
                    f"target {target.id}: query",
                    '$run can only be used as run="$run", since an alert watches all runs at once',
                    'write the label matcher run="$run", or leave it out',
                )
            ]
        )
    return query


def value_per_run(system: System, target: Target, window: str = "") -> str:
    """The query's worst answer per steady run: {run, system} with the query's value.

    An answer that has a `run` label belongs to that run; one that has none (the service's own metrics) to all.
    """
    worst = "min" if target.kind is Kind.MIN else "max"
    # On a line of its own, so that a comment at the query's end ends there.
    answer = f"{worst} by (run) (\n  {live_query(system, target, window)}\n)"
    runs = f"0 * {steady(system)}"
    return (
        f"({runs} + on (run) group_left () ({answer}))\n"
        f"or {PER_RUN}\n"
        # vector(0) has no run label: only answers without one are left.
        f"({runs} + on () group_left () ({answer} and on (run) vector(0)))"
    )


def _missing(system: System, target: Target, links: Links, value: str) -> Rule:
    labels = alert_labels(target)
    # That a measurement is missing is no reason to stop a run.
    labels.pop(ABORT_LABEL, None)
    return alert(
        AlertName.SERVER_MEASUREMENT_MISSING,
        # NaN is no measurement either, and is not >= anything.
        f"({judged_runs(system, target)})\nunless {PER_RUN} ({value} >= -Inf)",
        hold=MISSING_HOLD,
        labels={**labels, "severity": Severity.WARNING},
        annotations={
            Annotation.SUMMARY: f"{literal(target.in_words)} cannot be judged: its query answers nothing",
            Annotation.DESCRIPTION: f"Query: {literal(target.query)}",
            Annotation.MEASURED: "nothing",
            Annotation.LIMIT: literal(target.written),
            **links.of(AlertName.SERVER_MEASUREMENT_MISSING),
        },
    )
