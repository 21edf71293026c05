"""The dashboard of all runs of a system: their list, their trend, and two of them laid over each other. No I/O."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import VariableHide

from swarmscope.alerting.links import DASHBOARD
from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page, row, run_variables, variable
from swarmscope.dashboards.parts import BLUE, ORANGE, colour, lines, rows

LIVE_LINK = (
    f"/d/{DASHBOARD}?${{datasource:queryparam}}&${{system:queryparam}}"
    "&var-run=${__value.raw}&${__url_time_range}"
)


def _overlay(title: str, description: str, unit: str, mine: str, other: str) -> object:
    panel = lines(title, description, unit, (mine, "$run"), (other, "$compared"))
    return colour(colour(panel, "^${run:regex}$", BLUE), "^${compared:regex}$", ORANGE)


def page() -> Page:
    """Every run in retention."""
    beside = "The compared run is shifted so that both start at the same moment."
    return Page(
        uid="swarmscope-runs",
        title="Runs",
        description="Every run of a system in Prometheus' retention, and two of them laid over each other.",
        module="runs",
        since="now-7d",
        about_one_run=False,
        variables=[
            *run_variables(),
            variable(
                "compared",
                "Compared with",
                q.NEWEST_RUNS,
                "Another run of the same system.",
                regex=q.RUN_NAME,
                ordered=True,
            ),
            variable(
                "shift", "Shift", q.SHIFT, "Seconds between the two starts.", regex=q.SHIFT_SECONDS
            ).hide(VariableHide.HIDE_VARIABLE),
        ],
        panels=[
            rows(
                "Runs",
                "One line a run, over all of its requests, ramp included; percentiles from summed buckets.",
                [
                    ("started", "dateTimeAsIso", q.RUNS_STARTED, ""),
                    ("P95", "s", q.RUNS_P95, ""),
                    ("finished", "short", q.RUNS_FINISHED, ""),
                    ("failed", "percentunit", q.RUNS_ERROR_RATIO, ""),
                    ("peak rate", "reqps", q.RUNS_RATE, ""),
                    ("targets missed", "short", q.RUNS_TARGETS_MISSED, ""),
                ],
                joined_by=("run",),
                sort="started",
                height=10,
                links={"run": LIVE_LINK},
            ),
            rows(
                "Verdicts",
                "pass, fail, invalid or no_data, as the run's report says.",
                [("verdict ", "short", q.RUNS_VERDICT, "")],
                joined_by=("run", "verdict"),
                span=10,
                links={"run": LIVE_LINK},
            ),
            rows(
                "What was tested",
                "Profile, environment and version of each run.",
                [("info", "short", q.RUNS_INFO, "")],
                joined_by=("run", "profile", "environment", "version"),
                span=14,
                links={"run": LIVE_LINK},
            ),
            lines(
                "P95 of each run as it went on",
                "P95 since the run's start: its last point is that of the list above.",
                "s",
                (q.RUNS_P95, "{{run}}"),
                span=24,
            ),
            row("Two runs laid over each other"),
            _overlay("P95 of all requests", beside, "s", q.P95_OF_ALL, q.OTHER_P95),
            _overlay("Rate", beside, "reqps", q.RATE_OF_ALL, q.OTHER_RATE),
            _overlay("Share that failed", beside, "percentunit", q.ERROR_RATIO_OF_ALL, q.OTHER_FAILED),
            _overlay("Users", beside, "short", q.USERS_OF_ALL, q.OTHER_USERS),
        ],
    )
