"""What a dashboard must be to be shipped: every problem of its JSON, in sentences. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from swarmscope.dashboards.asking import panels as every_panel
from swarmscope.dashboards.model import foreign

SUPPORTED_PANELS = frozenset({"timeseries", "stat", "table", "heatmap", "state-timeline", "barchart", "row"})
"""Panel types that Grafana 11, 12 and 13 have alike."""
_METRIC = re.compile(
    r"(?<![\w:\"$])((?:locust|aws|pg|node|http|db|process|alertmanager|prometheus)_\w+|\w+:\w[\w:]*|up|ALERTS\w*)"
    r"(?![\w:(\"=])(\{[^}]*\})?"
)
_SCOPED = re.compile(r'(?<!\w)(run="\$(run|compared)"|system="\$system"|job="[a-z]+")')
_OF_ALL_RUNS = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})
"""What may be asked without a run, a system or a job, and only where all runs are meant."""
_AVERAGED = re.compile(r"\bavg(_over_time)?\b[^()]*\([^()]*(\([^()]*)*\b(histogram_quantile|quantile)\b")
_PERCENTILE_SERIES = re.compile(r"\bavg(_over_time)?\s*(by\s*\([^)]*\)\s*)?\([^)]*(p50|p90|p95|p99|quantile)")
_HIDDEN_ABSENCE = re.compile(r"\bor\s+(on\s*\(\s*\)\s*)?vector\s*\(|\babsent(_over_time)?\s*\(")
_GRID = 24


def problems(dashboard: Mapping[str, Any], about_one_run: bool = True) -> list[str]:
    """Every problem of one dashboard; empty when there is none."""
    found = [f"{key} is missing" for key in ("uid", "title", "description") if not dashboard.get(key)]
    found += foreign(dashboard)
    panels = list(every_panel(dashboard))
    ids = [panel.get("id") for panel in panels]
    found += [
        f"panel id {number} is there twice" for number in sorted({i for i in ids if i and ids.count(i) > 1})
    ]
    if None in ids or 0 in ids:
        found.append("a panel has no id")
    titles = [panel.get("title") for panel in panels]
    found += [
        f"two panels are called {title}" for title in sorted({t for t in titles if t and titles.count(t) > 1})
    ]
    for panel in panels:
        found += [
            f"{panel.get('title') or panel.get('type')}: {problem}"
            for problem in _panel(panel, about_one_run)
        ]
    found += _overlaps(panels)
    found += _variables(dashboard)
    for annotation in dashboard.get("annotations", {}).get("list", ()):
        found += [
            f"annotation {annotation.get('name')}: its query {problem}"
            for problem in _expression(annotation.get("expr", ""), about_one_run=True)
        ]
    return found


def _panel(panel: Mapping[str, Any], about_one_run: bool) -> Iterator[str]:
    kind = panel.get("type")
    if kind not in SUPPORTED_PANELS:
        yield f"panel type {kind} is not among {', '.join(sorted(SUPPORTED_PANELS))}"
    if not panel.get("title"):
        yield "has no title"
    if kind == "row":
        return
    if not panel.get("description"):
        yield "has no description"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield "has no unit"
    place = panel.get("gridPos", {})
    if not 0 < place.get("w", 0) <= _GRID or place.get("x", 0) + place.get("w", 0) > _GRID:
        yield "does not fit into the grid"
    if panel.get("datasource", {}).get("uid") != "${datasource}":
        yield "does not follow the dashboard's data source"
    targets = panel.get("targets", ())
    if not targets:
        yield "asks nothing"
    refs = [target.get("refId") for target in targets]
    if len(set(refs)) < len(refs):
        yield "two queries have the same name"
    yield from _legend(panel)
    for target in targets:
        yield from (f"query {target.get('refId')} {problem}" for problem in _query(target, about_one_run))


def _legend(panel: Mapping[str, Any]) -> Iterator[str]:
    if panel.get("type") not in ("timeseries", "state-timeline", "barchart"):
        return
    legend = panel.get("options", {}).get("legend", {})
    if not legend.get("showLegend") or not legend.get("displayMode") or not legend.get("placement"):
        yield "has no legend"
    for target in panel.get("targets", ()):
        if target.get("format") != "table" and target.get("legendFormat", "__auto") in ("", "__auto"):
            yield f"query {target.get('refId')} has no legend of its own"


def _query(target: Mapping[str, Any], about_one_run: bool) -> Iterator[str]:
    yield from _expression(target.get("expr", ""), about_one_run)
    if target.get("datasource", {}).get("uid") != "${datasource}":
        yield "does not follow the dashboard's data source"
    if target.get("instant") is target.get("range"):
        yield "is neither instant nor a range, or both"


def _expression(expr: str, about_one_run: bool) -> Iterator[str]:
    if not expr:
        yield "is empty"
        return
    selectors = _METRIC.findall(expr)
    if not selectors:
        yield "names no metric"
    for metric, matchers in selectors:
        if not _SCOPED.search(matchers) and (about_one_run or metric not in _OF_ALL_RUNS):
            yield f"names neither the run nor a job for {metric}"
    if _AVERAGED.search(expr) or _PERCENTILE_SERIES.search(expr):
        yield "averages percentiles"
    if _HIDDEN_ABSENCE.search(expr):
        yield "makes a number of missing data"


def _overlaps(panels: list[Mapping[str, Any]]) -> Iterator[str]:
    for one, other in combinations(panels, 2):
        a, b = one.get("gridPos", {}), other.get("gridPos", {})
        if _meet(a, b, "x", "w") and _meet(a, b, "y", "h"):
            yield f"{one.get('title')} and {other.get('title')} lie on each other"


def _meet(a: Mapping[str, int], b: Mapping[str, int], place: str, size: str) -> bool:
    return a.get(place, 0) < b.get(place, 0) + b.get(size, 0) and b.get(place, 0) < a.get(place, 0) + a.get(
        size, 0
    )


def _variables(dashboard: Mapping[str, Any]) -> Iterator[str]:
    variables = dashboard.get("templating", {}).get("list", ())
    names = {variable.get("name") for variable in variables}
    if "datasource" not in names:
        yield "there is no variable for the data source"
    asked = [
        *(panel.get("targets") for panel in every_panel(dashboard)),
        *(variable.get("query") for variable in variables if variable.get("type") == "query"),
        *(annotation.get("expr") for annotation in dashboard.get("annotations", {}).get("list", ())),
    ]
    used = set(re.findall(r"\$\{?([a-z]\w*)", str(asked)))
    yield from (f"variable ${name} is used and not defined" for name in sorted(used - names))
    for variable in variables:
        if variable.get("type") == "query" and variable.get("datasource", {}).get("uid") != "${datasource}":
            yield f"variable {variable.get('name')} does not follow the dashboard's data source"
