"""What all dashboards share around their panels: variables, annotations, links to each other, time. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards.palette import BLUE, GREEN, RED, SKY
from swarmscope.dashboards.parts import SOURCE
from swarmscope.dashboards.queries import choices, moments
from swarmscope.document import origin

TAG = "swarmscope"


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
    """Whether every query names the run, and the run's moments are drawn into the panels."""
    shown: tuple[str, str] = ("now-30m", "now")
    """The time that is shown at first."""
    keeps_time: bool = True
    """Whether links to the other dashboards keep the shown time."""
    is_in_menu: bool = True
    """Whether the other dashboards link to this one, with the shown time."""
    timezone: str = "browser"
    refresh: str = "5s"
    may_be_empty: Mapping[str, str] = field(default_factory=dict)
    """Panel, panel and query (`Title B`), annotation or variable that may have no answer → when that is so.

    Whatever is not named here must have an answer while a run goes on, and a test asks for it.
    """
    ends_with_the_run: frozenset[str] = frozenset()
    """Panels, or panels and queries, that have an answer only while the run goes on: they say what is now."""

    def allows_no_answer(self, where: str) -> bool:
        """Whether a query, named by panel and letter, may have no answer while a run goes on."""
        return where in self.may_be_empty or where.rpartition(" ")[0] in self.may_be_empty

    def is_over_with_the_run(self, where: str) -> bool:
        """Whether a query, named by panel and letter, asks for what is only known while the run goes on."""
        return where in self.ends_with_the_run or where.rpartition(" ")[0] in self.ends_with_the_run


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
    name: str,
    label: str,
    query: str,
    description: str,
    *,
    regex: str = "",
    ordered: bool = False,
    once: bool = False,
) -> build.QueryVariable:
    """A choice that Prometheus is asked for whenever the shown time changes, or `once` when the dashboard is opened."""
    made = (
        build.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query(query)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD if once else VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.DISABLED if ordered else VariableSort.ALPHABETICAL_ASC)
    )
    return made.regex(regex) if regex else made


def system_variable() -> build.QueryVariable:
    """Which system's runs can be chosen."""
    return variable("system", "System", choices.SYSTEMS, "The system under test.")


def run_variables() -> list[Any]:
    """System, then run, newest first."""
    return [
        system_variable(),
        variable(
            "run",
            "Run",
            choices.NEWEST_RUNS,
            "Runs of the shown time, newest first.",
            regex=choices.RUN_NAME,
            ordered=True,
        ),
    ]


def request_variable(several: bool = True) -> build.QueryVariable:
    """Which requests are shown: one, or several and all of them at first."""
    made = variable("request", "Request", choices.REQUEST_NAMES, "Names as Locust shows them.")
    if not several:
        return made
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return made.multi(True).include_all(True).current(everything)


def text(page: Page) -> str:
    """The dashboard's JSON, the same bytes for the same source."""
    made = (
        build.Dashboard(page.title)
        .uid(page.uid)
        .tags([TAG] if page.is_in_menu else [])
        .timezone(page.timezone)
        .refresh(page.refresh)
        .time(*page.shown)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links([_link(page), _comparison()])
    )
    for each in (source_variable(), *page.variables):
        made = made.with_variable(each)
    for each in page.panels:
        made = made.with_row(each) if isinstance(each, build.Row) else made.with_panel(each)
    plain: dict[str, Any] = json.loads(JSONEncoder().encode(made.build()))
    free = count(1)
    for panel in plain["panels"]:
        # Panels that alerts lead to bring an id of their own, larger than any of these.
        panel["id"] = panel.get("id") or next(free)
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


def _link(page: Page) -> Any:
    return (
        build.DashboardLink("Swarmscope")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(page.keeps_time)
    )


def _comparison() -> Any:
    # Not by tag: its axis is elapsed time, so the time that is shown here must not be kept.
    return (
        build.DashboardLink("Compare runs")
        .type(DashboardLinkType.LINK)
        .icon("external link")
        .tooltip("This run and another one on one axis of elapsed time")
        .url(f"/d/{Dashboard.COMPARE}")
        .include_vars(True)
        .keep_time(False)
    )


STEP = "5s"
"""Finest resolution of the spans; up to Grafana 11, samples that are further apart than this are no longer one span."""


def _annotations(page: Page) -> list[dict[str, Any]]:
    """From Prometheus, so that no API token is needed; written by hand, as the SDK lacks these documented fields."""
    if not page.about_one_run:
        return []
    drawn = [
        ("Run starts", moments.STARTS, GREEN, "Run starts", "{{run}}", True),
        ("Load stops", moments.ENDS, BLUE, "Load stops", "{{run}}", True),
        ("Alerts", moments.ALERTS, RED, "{{alertname}}", "{{target}} ({{severity}})", False),
        ("Phases", moments.PHASES, SKY, "Phase {{phase}}", "not judged", False),
    ]
    return [
        {
            "name": name,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "enable": True,
            "iconColor": colour,
            "expr": expr,
            "step": STEP,
            "titleFormat": title,
            "textFormat": body,
            "useValueForTime": is_moment,
        }
        for name, expr, colour, title, body, is_moment in drawn
    ]
