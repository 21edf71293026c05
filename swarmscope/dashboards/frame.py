"""What all dashboards share around their panels: variables, annotations, links to each other, time. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableRefresh,
    VariableSort,
)

from swarmscope.dashboards import queries as q
from swarmscope.dashboards.parts import BLUE, GREEN, RED, SKY, SOURCE
from swarmscope.document import origin

TAG = "swarmscope"
REFRESH = "5s"


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard before it is written."""

    uid: str
    title: str
    description: str
    module: str
    """Which file here makes it."""
    panels: list[Any] = field(default_factory=list)
    """Panels and rows, in reading order; Grafana's grid is filled from left to right."""
    variables: list[Any] = field(default_factory=list)
    about_one_run: bool = True
    since: str = "now-30m"


def row(title: str) -> build.Row:
    """A heading."""
    return build.Row(title)


def source_variable() -> Any:
    """Which Prometheus is asked; the first one when there are several."""
    return (
        build.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .hide(VariableHide.HIDE_VARIABLE)
    )


def variable(
    name: str, label: str, query: str, description: str, *, regex: str = "", ordered: bool = False
) -> Any:
    """A choice that Prometheus is asked for again whenever the time range changes."""
    made = (
        build.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.DISABLED if ordered else VariableSort.ALPHABETICAL_ASC)
    )
    return made.regex(regex) if regex else made


def run_variables() -> list[Any]:
    """System, then run, newest first."""
    return [
        variable("system", "System", q.SYSTEMS, "The system under test."),
        variable(
            "run",
            "Run",
            q.NEWEST_RUNS,
            "Runs of the shown time, newest first.",
            regex=q.RUN_NAME,
            ordered=True,
        ),
    ]


def requests_variable() -> Any:
    """Which requests are shown; all of them at first."""
    return (
        variable("request", "Request", q.REQUEST_NAMES, "Names as Locust shows them.")
        .multi(True)
        .include_all(True)
    )


def text(page: Page) -> str:
    """The dashboard's JSON, the same bytes for the same source."""
    made = (
        build.Dashboard(page.title)
        .uid(page.uid)
        .tags([TAG])
        .timezone("browser")
        .refresh(REFRESH)
        .time(page.since, "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links([_link()])
    )
    for each in (source_variable(), *page.variables):
        made = made.with_variable(each)
    for each in page.panels:
        made = made.with_row(each) if isinstance(each, build.Row) else made.with_panel(each)
    plain: dict[str, Any] = json.loads(JSONEncoder().encode(made.build()))
    for number, panel in enumerate(plain["panels"], start=1):
        panel["id"] = number
    plain["annotations"] = {"list": _annotations(page)}
    # First, so that whoever opens the file sees where it comes from.
    return (
        json.dumps(
            {
                "description": f"{page.description} {origin(f'swarmscope/dashboards/{page.module}.py')}",
                **plain,
            },
            indent=2,
        )
        + "\n"
    )


def _link() -> Any:
    return (
        build.DashboardLink("Swarmscope")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )


def _annotations(page: Page) -> list[dict[str, Any]]:
    """From Prometheus, so that no API token is needed; written by hand, as the SDK lacks these documented fields."""
    if not page.about_one_run:
        return []
    source = {"type": "prometheus", "uid": "${datasource}"}
    moments = [("Run starts", q.STARTS, GREEN), ("Load stops", q.ENDS, BLUE)]
    spans = [
        ("Alerts", q.FIRING, RED, "{{alertname}}", "{{target}} {{severity}}"),
        ("Phases", q.PHASES, SKY, "phase {{phase}}", ""),
    ]
    return [
        {
            "name": name,
            "datasource": source,
            "enable": True,
            "iconColor": colour,
            "expr": expr,
            "step": "1s",
            "titleFormat": name,
            "textFormat": "{{run}}",
            "useValueForTime": True,
        }
        for name, expr, colour in moments
    ] + [
        {
            "name": name,
            "datasource": source,
            "enable": True,
            "iconColor": colour,
            "expr": expr,
            "step": "1s",
            "titleFormat": title,
            "textFormat": body,
            "useValueForTime": False,
        }
        for name, expr, colour, title, body in spans
    ]
