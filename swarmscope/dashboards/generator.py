"""The dashboard of the load generator: can this run be trusted? No I/O."""

from __future__ import annotations

from swarmscope.alerting.panels import Dashboard, Panel
from swarmscope.dashboards.frame import Page, row, run_variables
from swarmscope.dashboards.palette import HOLDS, RED, TRUSTED
from swarmscope.dashboards.parts import colour, lines, number
from swarmscope.dashboards.queries import generator as q
from swarmscope.dashboards.tables import Column, Label, rows
from swarmscope.plots import BUSY_CPU_RATIO


def page() -> Page:
    """Workers, their resources, and the exporter's own numbers."""
    wanted = lines(
        "Users wanted and running",
        "A gap between the two is load that was not delivered.",
        "short",
        (q.USERS, "{{user_class}}"),
        (q.WANTED, "wanted"),
        stacked=True,
    )
    return Page(
        uid=Dashboard.GENERATOR,
        title="Load generator",
        description="Whether the load can be trusted: workers, CPU, delivered load, the exporter itself.",
        module="generator",
        variables=run_variables(),
        may_be_empty={
            "annotation Alerts": "No alert fired.",
            "annotation Load stops": "The load goes on.",
        },
        panels=[
            number(
                "Can this run be trusted?",
                "YES when every check beside this holds. The run's own verdict INVALID is stricter in one point: a "
                "generator must not be late by more than the smallest limit that is judged.",
                "short",
                q.TRUSTED,
                span=6,
                height=8,
                mappings=TRUSTED,
            ),
            rows(
                "Checks",
                "Of the run so far: ratios (1 is all users, or one core), seconds, and counts. Limits: "
                f"users ≥ {q.LEAST_DELIVERED:g} of those wanted while steady, CPU ≤ {BUSY_CPU_RATIO:g}, delay ≤ "
                f"{q.LATE_SECONDS:g} s, no worker away, no error.",
                [Label("check")],
                [
                    Column("measured", q.CHECK_VALUES, decimals=3),
                    Column("result", q.CHECKS_HOLD, mappings=HOLDS),
                ],
                span=18,
                height=8,
            ).id(Panel.TRUST),
            row("Load"),
            colour(wanted, "^wanted", RED, dashed=True),
            lines(
                "Users of each generator", "How the load is spread.", "short", (q.WORKER_USERS, "{{worker}}")
            ),
            row("Generators"),
            lines(
                "CPU of each generator",
                f"1 is one core; above {BUSY_CPU_RATIO:g} response times include the generator's own delays.",
                "percentunit",
                (q.WORKER_CPU, "{{worker}}"),
            ),
            lines(
                "Delay of the event loop",
                "How late timers ran, worst of each second: the error of its latencies.",
                "s",
                (q.LAG, "{{worker}}"),
            ),
            lines("Memory of each generator", "Resident memory.", "bytes", (q.WORKER_MEMORY, "{{worker}}")),
            lines(
                "Workers by state",
                "Locust's view of its workers; missing or lost ones make a run INVALID.",
                "short",
                (q.WORKERS, "{{state}}"),
                stacked=True,
            ),
            lines(
                "Age of the last report",
                "Workers report once a second.",
                "s",
                (q.WORKER_REPORT_AGE, "{{worker}}"),
            ),
            lines(
                "Reports from workers",
                "Merged, repeated or of another run, per second.",
                "short",
                (q.REPORTS, "{{result}}"),
            ),
            row("The exporter"),
            lines(
                "Time of a scrape",
                "What the page took to write. Prometheus gives up after a second.",
                "s",
                (q.SCRAPE_DURATION, "{{instance}}"),
                span=8,
            ),
            lines("Scrapes", "Answered per second.", "short", (q.SCRAPES, "{{instance}}"), span=8),
            lines(
                "Folded labels",
                "Requests whose label value was counted as `other`, because there were too many.",
                "short",
                (q.LABEL_OVERFLOW, "{{label}}"),
                span=8,
            ),
        ],
    )
