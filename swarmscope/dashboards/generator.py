"""The dashboard of the load generator: can this run be trusted? No I/O."""

from __future__ import annotations

from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page, run_variables
from swarmscope.dashboards.parts import RED, colour, lines, number


def page() -> Page:
    """Workers, their resources, and the exporter's own numbers."""
    wanted = colour(
        lines(
            "Users wanted and running",
            "A gap between the two is load that was not delivered.",
            "short",
            (q.USERS, "{{user_class}}"),
            (q.USERS_WANTED, "wanted"),
            stacked=True,
        ),
        "^wanted",
        RED,
        dashed=True,
    )
    return Page(
        uid="swarmscope-generator",
        title="Load generator",
        description="Whether the load can be trusted: workers, CPU, delivered load, the exporter itself.",
        module="generator",
        variables=run_variables(),
        panels=[
            lines(
                "Workers by state",
                "Locust's view of its workers; missing or lost ones make a run INVALID.",
                "short",
                (q.WORKERS, "{{state}}"),
                stacked=True,
            ),
            wanted,
            lines(
                "CPU of each generator",
                "1 is one core; above 0.9 response times include the generator's own delays.",
                "percentunit",
                (q.WORKER_CPU, "{{worker}}"),
            ),
            lines(
                "Delay of the event loop",
                "How late timers ran, worst of each second: the error of its latencies.",
                "s",
                (q.GENERATOR_LAG, "{{worker}}"),
            ),
            lines("Memory of each generator", "Resident memory.", "bytes", (q.WORKER_MEMORY, "{{worker}}")),
            lines(
                "Users of each generator", "How the load is spread.", "short", (q.WORKER_USERS, "{{worker}}")
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
            lines(
                "Time of a scrape", "What the page took to write.", "s", (q.SCRAPE_DURATION, "{{instance}}")
            ),
            lines("Scrapes", "Answered per second.", "short", (q.SCRAPES, "scrapes")),
            number(
                "Errors in listeners",
                "Errors inside Swarmscope's own listeners; the load went on.",
                "short",
                q.LISTENER_ERRORS,
                warn=1,
                span=12,
            ),
            lines(
                "Folded labels",
                "Requests whose label value was counted as `other`.",
                "short",
                (q.LABEL_OVERFLOW, "{{label}}"),
            ),
        ],
    )
