"""What is printed when a run has ended: verdict, targets, reports, notifications. Nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from swarmscope.edge.live_table import targets_table
from swarmscope.errors import ExitCode
from swarmscope.settings import Settings

_STYLES = {ExitCode.PASS: "bold green", ExitCode.INVALID: "bold yellow", ExitCode.NO_DATA: "bold yellow"}
MOST_NOTIFICATIONS = 10


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
    if ending.live is not None:
        console.print(targets_table(ending.live["targets"]))
    for trouble in ending.troubles:
        console.print(Text(f"! {trouble}", style="yellow"), soft_wrap=True)
    for line in _notification_lines(ending.notifications):
        console.print(Text(line), soft_wrap=True)
    reports = Path(settings.reports) / ending.run
    files = sorted(path for path in reports.iterdir() if path.is_file()) if reports.is_dir() else []
    if files:
        console.print(Text(f"Reports: {' '.join(str(path) for path in files)}"), soft_wrap=True)
    else:
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


def _notification_lines(notifications: Sequence[Mapping[str, Any]] | None) -> list[str]:
    if notifications is None:
        return ["Notifications: not known, the receiver did not answer"]
    sent = [each for each in notifications if each.get("kind") == "notification"]
    lines = [f"Notifications received: {len(sent)}"]
    for each in sent[-MOST_NOTIFICATIONS:]:
        alerts = each.get("alerts", ())
        words = ", ".join(f"{alert.get('status', '')} {_alert(alert)}".strip() for alert in alerts)
        lines.append(f"  {each.get('received_at', '')} {words}".rstrip())
    if len(sent) > MOST_NOTIFICATIONS:
        lines.insert(1, f"  (the last {MOST_NOTIFICATIONS})")
    return lines


def _alert(alert: Mapping[str, Any]) -> str:
    labels = alert.get("labels", {})
    target = labels.get("target", "")
    return f"{labels.get('alertname', 'alert')}{f' {target}' if target else ''}"
