"""The dashboard of two runs, laid over each other on an axis of elapsed time. No I/O."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.dashboard import VariableHide

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards.frame import Page, variable
from swarmscope.dashboards.palette import BLUE, ORANGE
from swarmscope.dashboards.parts import colour, lines
from swarmscope.dashboards.queries import choices
from swarmscope.dashboards.queries import compare as q

MINUTES = 15
"""What is shown at first; longer runs are zoomed out of."""


def page() -> Page:
    """Two runs of one system."""
    beside = "The axis is the time since each run's start: 00:01:00 is a minute into both."
    end = q.ORIGIN + timedelta(minutes=MINUTES)
    return Page(
        uid=Dashboard.COMPARE,
        title="Compare runs",
        description="Two runs of a system on one axis of elapsed time.",
        module="compare",
        about_one_run=False,
        shown=(f"{q.ORIGIN:%Y-%m-%dT%H:%M:%S}.000Z", f"{end:%Y-%m-%dT%H:%M:%S}.000Z"),
        keeps_time=False,
        is_in_menu=False,
        refresh="1m",
        timezone="utc",
        variables=[
            variable("system", "System", q.SYSTEMS, "The system under test.", regex=q.SYSTEM_NAME, once=True),
            _run("run", "Run", q.NEWEST_RUNS, "One run, newest first."),
            _run("compared", "Compared with", q.OTHER_RUNS, "Another run of the same system, newest first."),
            _shift("start", "run"),
            _shift("compared_start", "compared"),
        ],
        panels=[
            _overlay("P95 of all requests", f"From summed buckets. {beside}", "s", "p95", span=24, height=10),
            _overlay("Answers", f"Finished requests per second. {beside}", "reqps", "rate"),
            _overlay("Share that failed", f"Of the answers. {beside}", "percentunit", "error_ratio"),
            _overlay("Users", beside, "short", "users"),
            _overlay("Waiting for an answer", f"Sent and not yet answered. {beside}", "short", "in_flight"),
        ],
    )


def _run(name: str, label: str, query: str, description: str) -> build.QueryVariable:
    return variable(name, label, query, description, regex=choices.RUN_NAME, ordered=True, once=True)


def _shift(name: str, run: str) -> build.QueryVariable:
    described = "Seconds between the axis' origin and the run's start."
    hidden = VariableHide.HIDE_VARIABLE
    return variable(name, name, q.shift(run), described, regex=q.SHIFT_SECONDS, once=True).hide(hidden)


def _overlay(title: str, description: str, unit: str, what: str, *, span: int = 12, height: int = 8) -> Any:
    mine, other = getattr(q.MINE, what), getattr(q.OTHER, what)
    panel = lines(
        title, description, unit, (mine, "$run"), (other, "compared: $compared"), span=span, height=height
    )
    panel = colour(panel, "^(?!compared: )", BLUE)
    return colour(panel, "^compared: ", ORANGE)
