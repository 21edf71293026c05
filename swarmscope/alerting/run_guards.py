"""Alerts beside the targets, about a run of any system: is it measured, does it hang, can its load be trusted. No I/O.

All of them speak only while load is being made (`run:locust_active:bool`), but the one that says how a run ended.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName, Severity
from swarmscope.alerting.guard import guard
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import (
    BY_RUN,
    INACTIVE_PHASES,
    PER_RUN,
    equals,
    in_phase,
    latest,
    one_of,
    selector,
    sum_counted,
)
from swarmscope.alerting.rule_file import Rule, recording
from swarmscope.alerting.texts import (
    DURATION,
    OF_RUN,
    OF_WORKER,
    PERCENTAGE,
    SUBJECT,
    WHOLE,
    by_kind,
    instances_down,
    lookup,
    severity_of_priority,
    waiting,
)
from swarmscope.names import Job, Phase, Recorded
from swarmscope.targets import Kind

SILENCE = "5s"
"""How long no request may finish while some wait."""
CPU_LIMIT = 0.9
"""Share of a core above which a generator delays its own requests; with SUSTAINED and its hold, 10 s of it."""
SUSTAINED = "5s"
STUCK_RAMP = "30s"
"""How long a ramp may stand still before its users are missed."""
MISSED_FOR = "60s"
"""How long a target must be missed over the run before that is reported while the run goes on.

Longer than a short spike stays in the sum: 2 s of slow answers hold a p95 missed until 40 s have been measured.
"""
ENDED_FOR = "60s"
"""How long after a run's end its missed targets stay reported, where the exporter stays up."""
NO_DATA_FOR = "30s"
_ACTIVE = f"({Recorded.RUN_ACTIVE} == 1)"
_TARGET = "run, system, target, request, kind, priority"


def run_guards(links: Links) -> list[Rule]:
    """The rules, in the order of evaluation; the first records which runs are active."""
    load = one_of("phase", INACTIVE_PHASES, negated=True)
    active = f"max {BY_RUN} ({latest(selector(names.RUN_PHASE.name, load))})"
    return [
        recording(Recorded.RUN_ACTIVE, active),
        _exporter_not_scraped(links),
        _service_not_scraped(links),
        _no_request_finished(links),
        _target_missed_over_run(links),
        _target_has_no_data(links),
        _worker_lost(links),
        _generator_overloaded(links),
        _load_not_delivered(links),
    ]


def _exporter_not_scraped(links: Links) -> Rule:
    # Not `up == 0`: that is also how a run's normal end looks. A page that went away with its load still on is not.
    load = one_of("phase", INACTIVE_PHASES, negated=True)
    last_seen = f"last_over_time({selector(names.RUN_PHASE.name, load)}[5m])"
    return guard(
        AlertName.EXPORTER_NOT_SCRAPED,
        links,
        f"(max {BY_RUN} ({last_seen}) == 1)\nunless {PER_RUN} {Recorded.RUN_ACTIVE}",
        hold="3s",
        severity=Severity.CRITICAL,
        summary="Locust's metrics are gone while run {{ $labels.run }} was making load",
        description=(
            "Nothing is known about the run from now on: no target of it can be watched. "
            f"Scrape targets that are down:{instances_down(Job.LOCUST)}."
        ),
        measured="no page",
    )


def _service_not_scraped(links: Links) -> Rule:
    down = selector("up", equals("job", Job.SERVICE))
    return guard(
        AlertName.SERVICE_NOT_SCRAPED,
        links,
        f"{_ACTIVE}\nand on () (count({down} == 0) > 0)",
        hold="5s",
        severity=Severity.CRITICAL,
        summary="The service's own metrics do not answer while run {{ $labels.run }} makes load",
        description=f"The service may be down. Scrape targets that are down:{instances_down(Job.SERVICE)}.",
        measured="no page",
    )


def _no_request_finished(links: Links) -> Rule:
    unanswered = names.IN_FLIGHT.name
    return guard(
        AlertName.NO_REQUEST_FINISHED,
        links,
        f"(sum {BY_RUN} ({latest(unanswered)}) > 0)\n"
        f"and (sum {BY_RUN} ({latest(unanswered, SILENCE)}) > 0)\n"
        f"and ({sum_counted(names.REQUESTS.name, SILENCE)} == 0)\n"
        f"and {_ACTIVE}",
        hold="2s",
        severity=Severity.CRITICAL,
        summary=f"No request has finished for {SILENCE} while {{{{ $value }}}} wait for their answer",
        description=f"{{{{ $labels.system }}}} has stopped answering:{waiting()}.",
        measured="{{ $value }} requests waiting",
    )


def _target_missed_over_run(links: Links) -> Rule:
    met = names.TARGET_MET.name
    missed = f"(max by ({_TARGET}) ({latest(met)}) == 0)"
    for_long = (
        f"max by ({_TARGET}) (max_over_time({met}[{MISSED_FOR}]) == 0 and {latest(met, MISSED_FOR)} == 0)"
    )
    return guard(
        AlertName.TARGET_MISSED_OVER_RUN,
        links,
        # At the run's end at once: a verdict FAIL has an alert even where too little traffic kept the live ones
        # silent. Before the end only when it has lasted, since an early spike still wears off.
        f"({missed} and {PER_RUN} {in_phase(Phase.STOPPING, Phase.DONE)}"
        f" unless {PER_RUN} {in_phase(Phase.DONE, ago=ENDED_FOR)})\n"
        f"or\n({missed} and {for_long} and {PER_RUN} {in_phase(Phase.STEADY)})",
        severity=severity_of_priority(),
        summary=(
            f"{SUBJECT} {{{{ $labels.kind }}}} is missed over the judged part of the run: "
            f"{by_kind(names.TARGET_VALUE.name)} measured, limit {by_kind(names.TARGET_LIMIT.name)}"
        ),
        description="Judged like the verdict, over the steady part of the run: as it stands, the target FAILs.",
        measured=by_kind(names.TARGET_VALUE.name),
        limit=by_kind(names.TARGET_LIMIT.name),
    )


def _target_has_no_data(links: Links) -> Rule:
    limit = selector(names.TARGET_LIMIT.name, one_of("kind", (Kind.MAX, Kind.MIN), negated=True))
    return guard(
        AlertName.TARGET_HAS_NO_DATA,
        links,
        # Server-side targets have an alert of their own: ServerMeasurementMissing.
        f"max by ({_TARGET}) ({latest(limit)})\n"
        f"unless on (run, system, target) {latest(names.TARGET_MET.name)}\n"
        f"and {PER_RUN} {in_phase(Phase.STEADY)}",
        hold=NO_DATA_FOR,
        severity=Severity.WARNING,
        summary=f"{SUBJECT} {{{{ $labels.kind }}}} has too few requests to be judged",
        description="As it stands, the target is NO DATA: the load never, or hardly ever, sends the request.",
        measured="too few requests",
    )


def _worker_lost(links: Links) -> Rule:
    gone = selector(names.WORKERS.name, one_of("state", ("missing", "lost")))
    return guard(
        AlertName.WORKER_LOST,
        links,
        f"(sum {BY_RUN} ({latest(gone)}) > 0)\nand {_ACTIVE}",
        hold="2s",
        severity=Severity.WARNING,
        summary="{{ $value }} load generator(s) of run {{ $labels.run }} lost",
        description="What it measured after its last report is missing: the run is INVALID unless a target FAILs.",
        measured="{{ $value }} lost",
    )


def _generator_overloaded(links: Links) -> Rule:
    busy = f"max by (run, system, worker) (min_over_time({names.WORKER_CPU.name}[{SUSTAINED}]))"
    late = f"max by (run, system, worker) (min_over_time({names.GENERATOR_LAG.name}[{SUSTAINED}]))"
    latencies = one_of("kind", (kind for kind in Kind if kind.is_latency))
    strictest = f"min {BY_RUN} ({latest(selector(names.TARGET_LIMIT.name, latencies))})"
    return guard(
        AlertName.GENERATOR_OVERLOADED,
        links,
        f"(\n  ({busy} > {CPU_LIMIT})\n  or\n  ({late} > {PER_RUN} group_left () {strictest})\n)\n"
        f"and {PER_RUN} {_ACTIVE}",
        hold="5s",
        severity=Severity.WARNING,
        summary="Load generator {{ $labels.worker }} is too busy to be believed",
        description=(
            "Its response times include its own delays. CPU: "
            f"{lookup(names.WORKER_CPU.name, OF_WORKER, PERCENTAGE)} of a core, "
            f"event loop late by {lookup(names.GENERATOR_LAG.name, OF_WORKER, DURATION)}. "
            "Add workers, or lower the load."
        ),
        measured=f"{lookup(names.WORKER_CPU.name, OF_WORKER, PERCENTAGE)} of a core",
    )


def _load_not_delivered(links: Links) -> Rule:
    wanted = f"max {BY_RUN} ({latest(names.USERS_WANTED.name)})"
    users = f"(sum {BY_RUN} ({latest(names.USERS.name)}) or {PER_RUN} 0 * {wanted})"
    earlier = f"sum {BY_RUN} ({latest(names.USERS.name, STUCK_RAMP)})"
    short = f"{users} < {wanted}"
    return guard(
        AlertName.LOAD_NOT_DELIVERED,
        links,
        f"({short} and {PER_RUN} {in_phase(Phase.STEADY)})\nor\n({short} and {users} == {earlier} and {_ACTIVE})",
        hold="5s",
        severity=Severity.WARNING,
        summary=f"Only {{{{ $value }}}} of {lookup(names.USERS_WANTED.name, OF_RUN, WHOLE)} users run",
        description="The service is under less load than the profile wants: holding its targets proves little.",
        measured="{{ $value }} users",
    )
