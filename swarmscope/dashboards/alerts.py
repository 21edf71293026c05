"""The dashboard of alerts: what fired when, and whether the notifications went out. No I/O."""

from __future__ import annotations

from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page
from swarmscope.dashboards.parts import lines, states


def page() -> Page:
    """Alerts of every run and of the stack itself."""
    return Page(
        uid="swarmscope-alerts",
        title="Alerts",
        description="What fired when, and how long notifications took.",
        module="alerts",
        about_one_run=False,
        since="now-3h",
        panels=[
            states(
                "Firing",
                "Alerts that fire, by run and target; the watchdog, which always does, left out.",
                q.ALERTS_OVER_TIME,
                "{{alertname}} {{target}} {{run}}",
                height=10,
            ),
            states(
                "Pending",
                "Conditions that hold, but not for long enough yet.",
                q.ALERTS_PENDING,
                "{{alertname}} {{target}} {{run}}",
                height=7,
            ),
            lines(
                "Notifications",
                "Sent per second, by receiver's kind.",
                "short",
                (q.NOTIFICATIONS, "{{integration}}"),
            ),
            lines(
                "Failed notifications",
                "Per second; each is an alert of its own.",
                "short",
                (q.NOTIFICATIONS_FAILED, "{{integration}}"),
            ),
            lines(
                "Time to notify: P95",
                "From Alertmanager's decision to the receiver's answer; the rest of the way from "
                "breach to message is in docs/alerting.md.",
                "s",
                (q.TIME_TO_NOTIFY, "{{integration}}"),
            ),
            lines(
                "Scraped pages",
                "1 while a page is scraped; what is not scraped is NO DATA everywhere.",
                "short",
                (q.SCRAPED, "{{job}} {{instance}}"),
                most=1,
            ),
        ],
    )
