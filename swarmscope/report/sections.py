"""A run as sections of blocks: the content of the Markdown and the HTML report. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from swarmscope.quantities import UNKNOWN, count, measured, span
from swarmscope.report.advice import advice
from swarmscope.report.aws_section import TITLE as AWS
from swarmscope.report.aws_section import aws_blocks
from swarmscope.report.blocks import Block, Bullets, Column, Look, Paragraph, Section, Table, table
from swarmscope.report.course_sections import climb_blocks, drift_blocks, phase_blocks, recovery_blocks
from swarmscope.report.request_tables import (
    failure_blocks,
    pending_blocks,
    reconciliation_blocks,
    request_blocks,
)
from swarmscope.report.server_side import TITLE as SERVER_SIDE
from swarmscope.report.server_side import server_side_blocks
from swarmscope.run_result import FiredAlert, RunResult
from swarmscope.verdict import Judgement, Status

MOST_ALERTS = 100


def title(result: RunResult) -> str:
    """`triggers · baseline: FAIL`."""
    return f"{result.info.system} · {result.info.profile}: {result.verdict}"


def outcome(result: RunResult) -> str:
    """What the verdict means, in one sentence with the exit code."""
    code = result.exit_code
    return f"{code.meaning} Exit code {int(code)}."


def sections(result: RunResult) -> list[Section]:
    """Every section that has something to say, in the order of reading."""
    found = [
        Section("Why the load is not trusted", [Bullets(list(result.invalid))] if result.invalid else []),
        Section("Notes", [Bullets(list(result.notes))] if result.notes else []),
        Section("Summary", [_summary(result)]),
        Section("Targets", _targets(result)),
        Section("Breaking point", climb_blocks(result)),
        Section("Recovery", recovery_blocks(result)),
        Section("What to look at next", [Bullets(advice(result))]),
        Section("Phases", phase_blocks(result)),
        Section("Drift", drift_blocks(result)),
        Section(SERVER_SIDE, server_side_blocks(result)),
        Section(AWS, aws_blocks(result)),
        Section("Requests", request_blocks(result)),
        Section("Failures", failure_blocks(result)),
        Section("Requests never answered", pending_blocks(result)),
        Section("Alerts that fired", _alerts(result)),
        Section("Reconciliation", reconciliation_blocks(result.reconciliation)),
    ]
    return [section for section in found if section.blocks]


def _summary(result: RunResult) -> Table:
    info = result.info
    took = span(info.stopped - info.started)
    judged = f"{span(result.window.seconds)} judged" if result.window.seconds > 0 else "nothing judged"
    rows = [
        ("Date", f"{datetime.fromtimestamp(info.started, UTC):%Y-%m-%d %H:%M:%S} UTC"),
        ("System", f"{result.system.title} ({info.system})"),
        ("Environment", info.environment),
        ("Profile", info.profile),
        ("Duration", f"{took}, {judged}"),
        ("Users", f"{count(info.users_peak)} at the peak, {count(info.users_wanted)} wanted"),
        ("Version", info.version),
        ("Host", info.host),
        ("Load generators", count(info.generators)),
        ("Description", info.description),
        ("Run", info.run),
    ]
    return Table((Column("Summary"), Column("")), [row for row in rows if row[1]])


def _targets(result: RunResult) -> list[Block]:
    columns = (
        Column("Target"),
        Column("Limit", Look.NUMBER),
        Column("Actual", Look.NUMBER),
        Column("Samples", Look.NUMBER),
        Column("Status", Look.STATUS),
        Column("Priority"),
    )
    blocks: list[Block] = []
    if result.judgements:
        blocks.append(Table(columns, [_target_row(judgement) for judgement in result.judgements]))
    else:
        blocks.append(Paragraph("No target is judged under this load profile."))
    reasons = [
        f"{judgement.status}: {judgement.target.in_words}: {judgement.reason}"
        + (
            ""
            if result.system.gate.covers(judgement.target.priority)
            else f" (below the gate, {result.system.gate})"
        )
        for judgement in result.judgements
        if judgement.status is not Status.PASS
    ]
    if reasons:
        blocks.append(Bullets(reasons))
    skipped = [target.in_words for target in result.system.targets if target.id in result.not_judged]
    if skipped:
        blocks.append(Paragraph(f"Not judged under the profile {result.info.profile}: {'; '.join(skipped)}."))
    return blocks


def _target_row(judgement: Judgement) -> list[str]:
    target = judgement.target
    sign = "≥" if target.kind.is_floor else "≤"
    kind = "" if target.kind.is_query else f" {target.kind.value.replace('_', ' ')}"
    samples = UNKNOWN if target.kind.is_query else count(judgement.samples)
    return [
        f"{target.subject}{kind}",
        f"{sign} {target.written}",
        measured(target, judgement.value, digits=5 if target.kind.quantile else 3),
        samples,
        judgement.status,
        target.priority,
    ]


def _alerts(result: RunResult) -> list[Block]:
    columns = (
        Column("Alert", Look.CODE),
        Column("About"),
        Column("Severity"),
        Column("After", Look.NUMBER),
        Column("Lasted", Look.NUMBER),
    )
    rows = [_alert_row(alert, result.info.started) for alert in result.alerts]
    return [table(columns, rows, MOST_ALERTS)] if rows else []


def _alert_row(alert: FiredAlert, started: float) -> Sequence[str]:
    labels = alert.labels
    about = next(
        (labels[label] for label in ("target", "request", "worker", "job") if labels.get(label)), UNKNOWN
    )
    lasted = "to the end" if alert.ended is None else span(alert.ended - alert.started)
    return [
        alert.name,
        about,
        labels.get("severity", UNKNOWN),
        span(max(0.0, alert.started - started)),
        lasted,
    ]
