"""Shows a running load test: a table that redraws itself on a terminal, plain lines anywhere else.

Both are made from what `GET /live` of the exporter answers (schema 1, described in exporters/live.py) and from the
alerts that fire. Nothing is judged here: status, value and reason come as they are shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from swarmscope.edge.stack.live import Alert
from swarmscope.histogram import MAXIMUM
from swarmscope.quantities import UNKNOWN, Number, beside, count, duration, plain, rate, ratio
from swarmscope.targets import Kind

LINE_EVERY_SECONDS = 5.0
HUNG_AFTER_SECONDS = 5.0
BUSY_CPU_RATIO = 0.9

_STATUS_STYLE = {"PASS": "green", "FAIL": "bold red", "NO DATA": "yellow"}
_WRITERS: Mapping[str, Callable[[Number, int], str]] = {
    Kind.ERROR_RATE: ratio,
    Kind.RPS: rate,
    Kind.MAX: plain,
    Kind.MIN: plain,
}
"""How to write the value of a kind that is no duration; its unit, where it has one, is in the target's words."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that is shown of a run at one moment."""

    run: str
    live: Mapping[str, Any] | None
    """None while the exporter does not answer."""
    alerts: Sequence[Alert] | None
    """None while Prometheus does not answer."""
    seconds: float
    """Since Locust was started."""
    troubles: Sequence[str] = ()
    """Programs of the stack that died, one line each."""


class LiveScreen:
    """The table on a terminal; entered to show it, left with its last state on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveScreen:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.__exit__(*error)

    def show(self, moment: Moment) -> None:
        """Redraw."""
        self._live.update(screen(moment))

    def say(self, text: str) -> None:
        """A line that stays, above the table."""
        self._console.print(Text(text))


@dataclass(slots=True)
class PlainLines:
    """One line every five seconds, and one at every change of a target or an alert."""

    console: Console
    _next: float = 0.0
    _statuses: dict[str, str] = field(default_factory=dict)
    _alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    _phase: str = ""

    def __enter__(self) -> PlainLines:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def show(self, moment: Moment) -> None:
        """Print what has changed, and a summary when it is time for one."""
        for line in self.lines(moment):
            self.say(line)

    def say(self, text: str) -> None:
        """A line of its own."""
        self.console.print(Text(text), soft_wrap=True)

    def lines(self, moment: Moment) -> list[str]:
        """The lines that this moment adds."""
        stamp = f"{moment.seconds:4.0f}s"
        lines = [f"{stamp} {line}" for line in self._changes(moment)]
        if moment.seconds >= self._next:
            self._next = moment.seconds - moment.seconds % LINE_EVERY_SECONDS + LINE_EVERY_SECONDS
            lines.append(f"{stamp} {summary(moment.live)}")
        return lines

    def _changes(self, moment: Moment) -> list[str]:
        changes = []
        for target in (moment.live or {}).get("targets", ()):
            before, now = self._statuses.get(target["id"], "NO DATA"), target["status"]
            self._statuses[target["id"]] = now
            if before != now:
                changes.append(
                    f"{before} → {now}: {target['in_words']} (now {actual(target)}). {target['reason']}"
                )
        if moment.alerts is not None:
            firing = {alert.identity: alert for alert in moment.alerts}
            changes += [f"ALERT {_alert_words(firing[key])}" for key in firing.keys() - self._alerts.keys()]
            changes += [
                f"resolved {_alert_words(self._alerts[key])}" for key in self._alerts.keys() - firing.keys()
            ]
            self._alerts = firing
        return changes


def screen(moment: Moment) -> RenderableType:
    """The whole view, for a terminal."""
    parts: list[RenderableType] = [_headline(moment)]
    live = moment.live
    if live is not None:
        parts += [_progress(live), Text(summary(live), style="red" if _is_hung(live) else "")]
        parts.append(targets_table(rows_of(live)))
        parts += [Text(f"! {problem}", style="yellow") for problem in live.get("problems", ())]
    if moment.alerts is None:
        parts.append(Text("Prometheus does not answer: alerts are not known", style="yellow"))
    else:
        parts += [Text(f"ALERT {_alert_words(alert)}", style="bold red") for alert in moment.alerts]
    parts += [Text(f"! {trouble}", style="bold red") for trouble in moment.troubles]
    return Group(*parts)


def _headline(moment: Moment) -> Text:
    if moment.live is None:
        return Text(
            f"{moment.run}: Locust is starting, or its exporter does not answer ({moment.seconds:.0f}s)"
        )
    where = " · ".join(part for part in (moment.live.get("environment"), moment.live.get("host")) if part)
    return Text.assemble((moment.run, "bold"), f"  {where}")


def _progress(live: Mapping[str, Any]) -> RenderableType:
    elapsed, planned = float(live["elapsed"]), live["planned_seconds"]
    row = Table.grid(padding=(0, 1))
    if planned:
        done = min(elapsed, float(planned))
        row.add_row(
            ProgressBar(total=float(planned), completed=done, width=40),
            f"{_clock(elapsed)} of {_clock(float(planned))}",
            Text(str(live["phase"]).replace("_", " "), style="cyan"),
        )
    else:
        row.add_row(
            f"{_clock(elapsed)}, until stopped", Text(str(live["phase"]).replace("_", " "), style="cyan")
        )
    return row


class Row(NamedTuple):
    """One target as it is shown."""

    status: str
    wanted: str
    actual: str
    priority: str
    reason: str


def rows_of(live: Mapping[str, Any]) -> list[Row]:
    """The targets of a live view as they are shown."""
    is_early = live["steady_seconds"] == 0 and live["stopped"] is None
    return [
        Row(
            str(target["status"]),
            str(target["in_words"]),
            actual(target),
            str(target["priority"]),
            # What the judge says of an ended run without a steady phase is not yet true of one that goes on.
            "judged from the steady phase on" if is_early else str(target["reason"]),
        )
        for target in live["targets"]
    ]


def targets_table(rows: Sequence[Row]) -> Table:
    """One row per target: status, what is wanted, what is measured, and why."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Status", no_wrap=True)
    table.add_column("Target", overflow="fold")
    table.add_column("Actual", justify="right", no_wrap=True)
    table.add_column("Priority", no_wrap=True)
    table.add_column("Why", overflow="fold")
    for row in rows:
        status, *others = row
        # As Text: a bracket in a request's name is no markup.
        table.add_row(Text(status, style=_STATUS_STYLE.get(status, "")), *map(Text, others))
    return table


def summary(live: Mapping[str, Any] | None) -> str:
    """Phase, users, rate, errors, what waits and the generators' CPU, in one line."""
    if live is None:
        return "Locust is starting, or its exporter does not answer"
    parts = [
        str(live["phase"]).replace("_", " "),
        f"{live['users']} of {live['users_wanted']} users",
        f"{plain(live['rps'])} requests/s",
        f"{plain(live['failures_per_second'])} failures/s",
        f"{count(live['finished'])} done ({count(live['failures'])} failed)",
        f"{count(live['in_flight'])} in flight",
    ]
    if _is_hung(live):
        parts.append(f"HUNG: {live['oldest_request']} waits for {live['oldest_age']:.0f}s")
    elif live["in_flight"]:
        parts.append(f"oldest {duration(float(live['oldest_age']))}")
    parts += _climb(live)
    parts += _settling(live)
    busiest = max((float(each["cpu_ratio"]) for each in live["generators"]), default=0.0)
    parts.append(f"generator CPU {busiest * 100:.0f} %{' BUSY' if busiest >= BUSY_CPU_RATIO else ''}")
    return " · ".join(parts)


def _climb(live: Mapping[str, Any]) -> list[str]:
    """What a climb has found so far."""
    climb = live.get("climb")
    if not climb:
        return []
    held = "nothing held yet"
    if climb["held_users"] is not None:
        held = f"held {count(climb['held_users'])} users ({plain(climb['held_rate'])}/s)"
    return [held] if climb["broken_users"] is None else [held, f"broke at {count(climb['broken_users'])}"]


def _settling(live: Mapping[str, Any]) -> list[str]:
    """That the load is over and the verdict waits for what arrives late."""
    settling = live.get("settling")
    if not settling:
        return []
    return [f"waiting for {settling['what']} to settle, {math.ceil(settling['seconds_left'])} s left"]


def actual(target: Mapping[str, Any]) -> str:
    """The measured value in the unit that people use for its kind, never rounded across the limit."""
    value = target["value"]
    if value is None:
        return UNKNOWN
    if value == "+Inf":
        return f"over {MAXIMUM}s, or never"
    return beside(float(value), float(target["limit"]), _WRITERS.get(str(target["kind"]), duration))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(math.floor(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _is_hung(live: Mapping[str, Any]) -> bool:
    return bool(live["in_flight"]) and float(live["oldest_age"]) >= HUNG_AFTER_SECONDS


def _alert_words(alert: Alert) -> str:
    return f"{alert.name}: {alert.summary}" if alert.summary else alert.name
