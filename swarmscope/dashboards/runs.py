"""The dashboard of all runs of a system: their list and their trend. No I/O."""

from __future__ import annotations

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards.frame import Page, run_variables
from swarmscope.dashboards.palette import VERDICTS
from swarmscope.dashboards.queries import runs as q
from swarmscope.dashboards.tables import Column, Label, bars, rows

_RUN = "${datasource:queryparam}&var-system=${__data.fields.system}&var-run=${__data.fields.run}"
_ITS_TIME = "from=${__data.fields.began}&to=${__data.fields.ended}"
LIVE_LINK = f"/d/{Dashboard.LIVE}?{_RUN}&{_ITS_TIME}"
COMPARE_LINK = f"/d/{Dashboard.COMPARE}?{_RUN}"


def page() -> Page:
    """Every run in retention."""
    started = Column("started", q.STARTED, "dateTimeAsIso")
    run = Label("run", url=LIVE_LINK)
    trend = Label("run")
    return Page(
        uid=Dashboard.RUNS,
        title="Runs",
        description="Every run of a system in Prometheus' retention, and how they changed.",
        module="runs",
        shown=("now-7d", "now"),
        keeps_time=False,
        refresh="1m",
        about_one_run=False,
        variables=run_variables()[:1],
        panels=[
            rows(
                "Runs",
                "One line a run, newest first: its verdict, and totals over all of its requests, ramp included; P95 "
                "from summed buckets, rate over the whole run. A run leads to its dashboard, its verdict to the "
                "comparison with another run.",
                [
                    run,
                    Label("verdict", url=COMPARE_LINK, mappings=VERDICTS, width=90),
                    *(Label(name) for name in ("system", "profile", "environment", "version")),
                ],
                [
                    started,
                    Column("took", q.SECONDS, "s"),
                    Column("P95", q.P95, "s"),
                    Column("rate", q.RATE, "reqps"),
                    Column("failed", q.ERROR_RATIO, "percentunit"),
                    Column("finished", q.FINISHED),
                    Column("targets missed", q.TARGETS_MISSED),
                    Column("", q.VERDICT),
                    Column("", q.INFO),
                    Column("began", q.STARTED, "none", is_hidden=True),
                    Column("ended", q.ENDED, "none", is_hidden=True),
                ],
                sort="started",
                height=12,
            ),
            bars(
                "P95 of each run",
                "Oldest run first.",
                "s",
                trend,
                [Column("P95", q.P95, "s")],
                order=q.STARTED,
            ),
            bars(
                "Rate of each run",
                "Finished requests per second over the whole run, oldest run first.",
                "reqps",
                trend,
                [Column("rate", q.RATE, "reqps")],
                order=q.STARTED,
            ),
            bars(
                "Share that failed in each run",
                "Oldest run first.",
                "percentunit",
                trend,
                [Column("failed", q.ERROR_RATIO, "percentunit")],
                order=q.STARTED,
            ),
            bars(
                "Targets that each run missed",
                "Oldest run first.",
                "short",
                trend,
                [Column("targets missed", q.TARGETS_MISSED)],
                order=q.STARTED,
            ),
        ],
    )
