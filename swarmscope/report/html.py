"""A run as one HTML page that needs no network: the Markdown report's tables, and plots over time. No I/O.

Template, style and scripts are files of this package (`assets/`) and are put into the page; uPlot draws the plots.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from swarmscope.climb import LevelStatus
from swarmscope.names import Phase
from swarmscope.plots import signal_plots
from swarmscope.quantities import span
from swarmscope.report.blocks import Bullets, Table
from swarmscope.report.sections import outcome, sections, title
from swarmscope.report.server_side import TITLE as SERVER_SIDE
from swarmscope.run_result import FiredAlert, Plot, RunResult

BEFORE_PLOTS = (
    "Why the load is not trusted",
    "Notes",
    "Summary",
    "Targets",
    "Breaking point",
    "Recovery",
    "What to look at next",
    SERVER_SIDE,
)
MOST_ALERTS = 20
"""Alerts marked in the plots; the table has more."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def html_report(result: RunResult) -> str:
    """The text of report.html."""
    found = sections(result)
    page = _template().render(
        title=title(result),
        heading=f"{result.system.title} · {result.info.profile}",
        outcome=outcome(result),
        verdict=str(result.verdict),
        verdict_class=_status_class(result.verdict),
        run=result.info.run,
        before_plots=[section for section in found if section.title in BEFORE_PLOTS],
        after_plots=[section for section in found if section.title not in BEFORE_PLOTS],
        data=plot_data(result),
        # Our own files, as they are; everything that a run brings along is escaped.
        css=Markup(_asset("report.css")),  # noqa: S704
        uplot_css=Markup(_asset("uPlot.css")),  # noqa: S704
        uplot_js=Markup(_asset("uPlot.js")),  # noqa: S704
        js=Markup(_asset("report.js")),  # noqa: S704
    )
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", page)


def plot_data(result: RunResult) -> dict[str, Any]:
    """What the page's script draws; times are seconds since the start of the run."""
    started = result.info.started
    return {
        "started": started,
        "steady": [[begin - started, end - started] for begin, end in result.info.steady],
        # The judged window is shaded already; a peak, or what a climb does, is shaded apart and named.
        "phases": [
            [phase.name, round(phase.began - started, 3), round(phase.ended - started, 3)]
            for phase in result.phases
            if phase.name not in set(Phase)
        ],
        "levels": _levels(result),
        "plots": [
            _plot(plot, started, result.info.stopped)
            for plot in (*result.plots, *signal_plots(result.signals.measured))
        ],
        "alerts": [
            _alert(f"A{number}", alert, started)
            for number, alert in enumerate(result.alerts[:MOST_ALERTS], start=1)
        ],
    }


def _plot(plot: Plot, started: float, stopped: float) -> dict[str, Any]:
    drawn = [series for series in plot.series if series.points]
    times = _with_gaps(sorted({time for series in drawn for time, _ in series.points}))
    # From the start to the stop, so that all plots have one time axis and a hang is seen as an empty end.
    if times:
        times = [
            *([started] if times[0] > started else []),
            *times,
            *([stopped] if times[-1] < stopped else []),
        ]
    columns = [_column(dict(series.points), times) for series in drawn]
    return {
        "title": plot.title,
        "unit": plot.unit,
        "times": [round(time - started, 3) for time in times],
        "series": [
            {"label": series.label, "unit": series.unit, "values": values}
            for series, values in zip(drawn, columns, strict=True)
        ],
        # A point between two gaps is no line: it would not be seen.
        "lonely": [_has_lonely_point(values) for values in columns],
        "limits": [[label, limit] for label, limit in plot.limits if math.isfinite(limit)],
    }


def _levels(result: RunResult) -> dict[str, Any] | None:
    """Throughput and latency over load, as a climb met them: each load by its last trusted window."""
    if result.climb is None:
        return None
    trusted = {
        level.users: level
        for level in sorted(result.climb.levels, key=lambda level: level.began)
        if level.status is not LevelStatus.INVALID
    }
    levels = [trusted[users] for users in sorted(trusted)]
    p95 = [each.p95 if each.p95 is not None and math.isfinite(each.p95) else None for each in levels]
    return {
        "users": [each.users for each in levels],
        "rate": [each.rate for each in levels],
        "p95": p95,
        "broke": [each.status is LevelStatus.BROKE for each in levels],
    }


def _column(points: dict[float, float], times: Iterable[float]) -> list[float | None]:
    """Values at `times`, None where there is none; an infinite one cannot be drawn and is left out too."""
    values = (points.get(time) for time in times)
    return [value if value is not None and math.isfinite(value) else None for value in values]


def _with_gaps(times: Sequence[float]) -> list[float]:
    """The times with one more in each pause, where no series has a value: a gap must not be drawn as a line."""
    if len(times) < 3:
        return list(times)
    step = min(later - earlier for earlier, later in pairwise(times))
    filled = [times[0]]
    for earlier, later in pairwise(times):
        if later - earlier > 1.5 * step:
            filled.append(earlier + step)
        filled.append(later)
    return filled


def _has_lonely_point(values: Sequence[float | None]) -> bool:
    around = [None, *values, None]
    return any(
        value is not None and around[index] is None and around[index + 2] is None
        for index, value in enumerate(values)
    )


def _alert(mark: str, alert: FiredAlert, started: float) -> dict[str, Any]:
    about = alert.labels.get("target") or alert.labels.get("request") or alert.labels.get("job") or ""
    ended = "to the end" if alert.ended is None else f"for {span(alert.ended - alert.started)}"
    after = span(max(0.0, alert.started - started))
    return {
        "mark": mark,
        "from": round(alert.started - started, 3),
        "text": f"{alert.name}{f' ({about})' if about else ''} after {after}, {ended}",
    }


def _status_class(status: str) -> str:
    return status.lower().replace(" ", "-")


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["status_class"] = _status_class
    environment.tests["table_block"] = lambda block: isinstance(block, Table)
    environment.tests["bullets_block"] = lambda block: isinstance(block, Bullets)
    return environment.from_string(_asset("report.html"))


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
