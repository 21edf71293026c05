"""What a dashboard must be to be shipped: every problem of its JSON, in sentences. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SUPPORTED_PANELS = frozenset({"timeseries", "stat", "table", "heatmap", "state-timeline", "row"})
"""Panel types that Grafana 11, 12 and 13 have alike."""
_OWN_JOBS = re.compile(r'job="(service|node|postgresql|alertmanager|locust)"')
_RUN = re.compile(r'\brun="\$(run|compared)"|\bsystem="\$system"')
_AVERAGED = re.compile(r"\bavg(_over_time)?\s*(by\s*\([^)]*\)\s*)?\(\s*(histogram_quantile|quantile)\b")
_PERCENTILE_SERIES = re.compile(r"\bavg\b[^()]*\([^)]*(p50|p90|p95|p99|quantile)")
_GRID = 24


def problems(dashboard: Mapping[str, Any], about_one_run: bool = True) -> list[str]:
    """Every problem of one dashboard; empty when there is none."""
    found = [f"{key} is missing" for key in ("uid", "title", "description") if not dashboard.get(key)]
    panels = list(_panels(dashboard.get("panels", ())))
    ids = [panel.get("id") for panel in panels]
    found += [
        f"panel id {number} is there twice" for number in sorted({i for i in ids if ids.count(i) > 1 and i})
    ]
    if None in ids or 0 in ids:
        found.append("a panel has no id")
    for panel in panels:
        found += [
            f"{panel.get('title') or panel.get('type')}: {problem}"
            for problem in _panel(panel, about_one_run)
        ]
    for annotation in dashboard.get("annotations", {}).get("list", ()):
        if not _RUN.search(annotation.get("expr", "")):
            found.append(f"annotation {annotation.get('name')}: its query names no run")
    names = [variable.get("name") for variable in dashboard.get("templating", {}).get("list", ())]
    used = set(re.findall(r"\$\{?([a-z]\w*)", str([panel.get("targets") for panel in panels])))
    found += [f"variable ${name} is used and not defined" for name in sorted(used - set(names))]
    return found


def expressions(dashboard: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(where, PromQL) of every query of a dashboard's panels and annotations."""
    for panel in _panels(dashboard.get("panels", ())):
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in dashboard.get("annotations", {}).get("list", ()):
        yield f"annotation {annotation['name']}", annotation["expr"]


def _panels(panels: Any) -> Iterator[Mapping[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", ()))


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
    targets = panel.get("targets", ())
    if not targets:
        yield "asks nothing"
    refs = [target.get("refId") for target in targets]
    if len(set(refs)) < len(refs):
        yield "two queries have the same name"
    for target in targets:
        yield from (f"query {target.get('refId')} {problem}" for problem in _query(target, about_one_run))


def _query(target: Mapping[str, Any], about_one_run: bool) -> Iterator[str]:
    expr = target.get("expr", "")
    if not expr:
        yield "is empty"
        return
    if about_one_run and not _RUN.search(expr) and not _OWN_JOBS.search(expr):
        yield "names neither the run nor a job"
    if _AVERAGED.search(expr) or _PERCENTILE_SERIES.search(expr):
        yield "averages percentiles"
    if target.get("datasource", {}).get("uid") != "${datasource}":
        yield "does not follow the dashboard's data source"
