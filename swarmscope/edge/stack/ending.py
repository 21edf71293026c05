"""What is printed when a run has ended: targets, reports, notifications, the verdict last. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from swarmscope.edge.live_table import Row, rows_of, targets_table
from swarmscope.edge.report_files import RESULT, folder_name
from swarmscope.errors import ConfigurationError, ExitCode
from swarmscope.quantities import measured
from swarmscope.report import read_result
from swarmscope.run_result import RunResult
from swarmscope.settings import Settings

MOST_NOTIFICATIONS = 10
_STYLES = {ExitCode.PASS: "bold green", ExitCode.INVALID: "bold yellow", ExitCode.NO_DATA: "bold yellow"}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    run: str
    exit_code: int
    live: Mapping[str, Any] | None
    """The last that the exporter told."""
    load_seconds: float
    notifications: Sequence[Mapping[str, Any]] | None
    """None when the receiver did not answer."""
    troubles: Sequence[str]
    log: Path
    """Locust's."""


def print_ending(console: Console, ending: Ending, settings: Settings, overhead: str) -> None:
    """Everything that a person wants to know now, the verdict last: it is what stays on the screen."""
    reports = Path(settings.reports) / folder_name(ending.run)
    result = _result(reports / RESULT)
    rows: list[Row] = []
    if result is not None:
        rows = _final_rows(result)
    elif ending.live is not None:
        rows = rows_of(ending.live)
    if rows:
        console.print(targets_table(rows))
    if result is None and rows:
        console.print(
            Text("These were the last values of the live view: there is no final result.", style="yellow")
        )
    remarks = [*(f"INVALID because {reason}" for reason in result.invalid), *result.notes] if result else []
    for remark in [*remarks, *ending.troubles]:
        console.print(Text(f"! {remark}", style="yellow"), soft_wrap=True)
    for line in _notification_lines(ending.notifications):
        console.print(Text(line), soft_wrap=True)
    files = sorted(path for path in reports.iterdir() if path.is_file()) if reports.is_dir() else []
    for file in files:
        console.print(Text(f"Report: {file}"), soft_wrap=True)
    if not files:
        console.print(Text(f"No report was written; Locust's log is {ending.log}"), soft_wrap=True)
    console.print(Text(overhead), soft_wrap=True)
    verdict = Text(verdict_line(ending.run, ending.exit_code), style=_STYLES.get(_known(ending), "bold red"))
    console.print(verdict, soft_wrap=True)


def verdict_line(run: str, exit_code: int) -> str:
    """`PASS  triggers-baseline-…: Every target that was judged held. (exit code 0)`."""
    try:
        known = ExitCode(exit_code)
    except ValueError:
        return (
            f"CHECK FAILED  {run}: a --check-* option of locust-plugins was not met. (exit code {exit_code})"
        )
    return f"{known.name.replace('_', ' ')}  {run}: {known.meaning} (exit code {exit_code})"


def _known(ending: Ending) -> ExitCode:
    try:
        return ExitCode(ending.exit_code)
    except ValueError:
        return ExitCode.FAIL


def _result(path: Path) -> RunResult | None:
    try:
        return read_result(path.read_text(encoding="utf-8"), str(path))
    except (OSError, ConfigurationError):
        return None


def _final_rows(result: RunResult) -> list[Row]:
    return [
        Row(
            str(judgement.status),
            judgement.target.in_words,
            measured(judgement.target, judgement.value),
            str(judgement.target.priority),
            judgement.reason,
        )
        for judgement in result.judgements
    ]


def _notification_lines(notifications: Sequence[Mapping[str, Any]] | None) -> list[str]:
    if notifications is None:
        return ["Notifications: not known, the receiver did not answer"]
    sent = [each for each in notifications if each.get("kind") == "notification"]
    lines = [f"Notifications received: {len(sent)}"]
    if len(sent) > MOST_NOTIFICATIONS:
        lines[0] += f" (the last {MOST_NOTIFICATIONS} of them:)"
    for each in sent[-MOST_NOTIFICATIONS:]:
        words = ", ".join(
            f"{alert.get('status', '')} {_alert(alert)}".strip() for alert in each.get("alerts", ())
        )
        lines.append(f"  {each.get('received_at', '')} {words}".rstrip())
    return lines


def _alert(alert: Mapping[str, Any]) -> str:
    labels = alert.get("labels", {})
    target = labels.get("target", "")
    return f"{labels.get('alertname', 'alert')}{f' {target}' if target else ''}"
