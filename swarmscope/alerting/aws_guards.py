"""Alerts about what is read from AWS while a run makes load: is it read at all, is it new, what does it cost. No I/O.

One exporter serves all runs of a system, so these carry no `run`; they speak only while some run is active.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName, Severity
from swarmscope.alerting.guard import guard
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import PER_RUN, counted, equals, latest, selector
from swarmscope.alerting.rule_file import Rule
from swarmscope.alerting.texts import instances_down
from swarmscope.aws.families import API_CALLS, COST, COST_LIMITED, POLL_SUCCESS, SETTLED, STALE_AFTER
from swarmscope.names import Job, Recorded

THROTTLED_WITHIN = "1m"
MOST_THROTTLED = 5
"""Throttled calls a minute that retries make good."""
_JOB = equals("job", Job.CLOUDWATCH)
_ACTIVE = f"({Recorded.RUN_ACTIVE} == 1)"
_UNDER_LOAD = f"and on () (count({_ACTIVE}) > 0)"


def aws_guards(links: Links) -> list[Rule]:
    """The rules, most useful first."""
    return [
        _not_scraped(links),
        _stale(links),
        _poll_failing(links),
        _throttled(links),
        _cost_limited(links),
    ]


def _not_scraped(links: Links) -> Rule:
    return guard(
        AlertName.CLOUDWATCH_EXPORTER_NOT_SCRAPED,
        links,
        f"count({selector('up', _JOB)} == 0) > 0\n{_UNDER_LOAD}",
        hold="10s",
        severity=Severity.WARNING,
        summary="The CloudWatch exporter does not answer while load is made",
        description=(
            "Nothing is read from AWS: targets at: settled will be NO DATA. "
            f"Scrape targets that are down:{instances_down(Job.CLOUDWATCH)}."
        ),
        measured="no page",
        about_a_run=False,
    )


def _stale(links: Links) -> Rule:
    age = f"max by (source) (time() - {latest(selector(SETTLED.name, _JOB))})"
    allowed = f"max by (source) ({latest(selector(STALE_AFTER.name, _JOB))})"
    began = f"({latest(names.RUN_START.name)} and {PER_RUN} {_ACTIVE})"
    return guard(
        AlertName.CLOUDWATCH_DATA_STALE,
        links,
        # What is old when a run begins has had no time to become new.
        f"({age} > on (source) {allowed})\n"
        f"and on (source) ({allowed} < on () group_left () max(time() - {began}))\n{_UNDER_LOAD}",
        hold="10s",
        severity=Severity.WARNING,
        summary="What is known of AWS ({{ $labels.source }}) is old: it ends {{ $value | humanizeDuration }} ago",
        description="Delay and polls explain less. Targets at: settled wait for it; without it they are NO DATA.",
        measured="{{ $value | humanizeDuration }} old",
        about_a_run=False,
    )


def _poll_failing(links: Links) -> Rule:
    return guard(
        AlertName.CLOUDWATCH_POLL_FAILING,
        links,
        f"max by (source) ({latest(selector(POLL_SUCCESS.name, _JOB))} == 0)\n{_UNDER_LOAD}",
        hold="15s",
        severity=Severity.WARNING,
        summary="Polls of AWS ({{ $labels.source }}) fail, in part or as a whole",
        description="What could be read stays as it was until max_age. The exporter's log names call and error.",
        measured="the last polls failed",
        about_a_run=False,
    )


def _throttled(links: Links) -> Rule:
    calls = selector(API_CALLS.name, _JOB, equals("result", "throttled"))
    return guard(
        AlertName.CLOUDWATCH_THROTTLED,
        links,
        f"sum by (operation) ({counted(calls, THROTTLED_WITHIN)}) > {MOST_THROTTLED}\n{_UNDER_LOAD}",
        severity=Severity.WARNING,
        summary="AWS throttles {{ $labels.operation }}",
        description="Somebody else uses the account's limit, too, or polls are too frequent: data comes late.",
        measured=f'{{{{ $value | printf "%.0f" }}}} throttled in {THROTTLED_WITHIN}',
        limit=f"{MOST_THROTTLED} in {THROTTLED_WITHIN}",
        about_a_run=False,
    )


def _cost_limited(links: Links) -> Rule:
    cost = f'{{{{ with query "max({COST.name})" }}}}{{{{ . | first | value | printf "%.4f" }}}}{{{{ end }}}}'
    return guard(
        AlertName.CLOUDWATCH_COST_LIMITED,
        links,
        f"max({latest(selector(COST_LIMITED.name, _JOB))}) == 1\n{_UNDER_LOAD}",
        severity=Severity.INFO,
        summary="The cost limit is reached: AWS is polled more slowly",
        description=f"Data comes later than its settings say. Calls so far: {cost} US dollars, estimated.",
        measured="slower polls",
        about_a_run=False,
    )
