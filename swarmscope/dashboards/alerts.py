"""The dashboard of alerts: what fired when, and how long it took to tell somebody. No I/O."""

from __future__ import annotations

from swarmscope.alerting.panels import Dashboard, Panel
from swarmscope.dashboards.frame import Page
from swarmscope.dashboards.palette import FIRING, PENDING, RED, SEVERITIES, UP
from swarmscope.dashboards.parts import colour, lines, number, states
from swarmscope.dashboards.queries import alerts as q
from swarmscope.dashboards.tables import Column, Label, rows

LIVE_LINK = (
    f"/d/{Dashboard.LIVE}?${{datasource:queryparam}}&var-system=${{__data.fields.system}}"
    "&var-run=${__value.raw}&${__url_time_range}"
)
_ALERT = "{{alertname}} {{target}} {{run}}"


def page() -> Page:
    """Alerts of every run and of the stack itself."""
    return Page(
        uid=Dashboard.ALERTS,
        title="Alerts",
        description="What fired when, and how long it took to notify.",
        module="alerts",
        about_one_run=False,
        shown=("now-3h", "now"),
        may_be_empty={
            "Fired": "Nothing fired.",
            "Firing": "Nothing fired.",
            "Pending": "Nothing was about to fire.",
            "Fired after": "Nothing fired.",
            "Notifications A": "Nothing was sent in the shown time.",
            "Notifications B": "No notification failed.",
        },
        panels=[
            rows(
                "Fired",
                "Every alert of the shown time, newest first: when it fired first and last, for how long, and how "
                "long its condition had held by then (hold and evaluation). The watchdog, which always fires, is "
                "left out.",
                [
                    Label("alertname", "alert"),
                    Label("target"),
                    Label("system"),
                    Label("run", url=LIVE_LINK),
                    Label("severity", mappings=SEVERITIES, width=90),
                ],
                [
                    Column("fired first", q.FIRST_FIRED, "dateTimeAsIso"),
                    Column("fired last", q.LAST_FIRED, "dateTimeAsIso"),
                    Column("for", q.SECONDS_FIRING, "s"),
                    Column("after", q.FIRED_AFTER, "s"),
                ],
                sort="fired first",
                no_value="",
            ),
            states(
                "Firing",
                "When each alert fired.",
                q.OVER_TIME,
                _ALERT,
                FIRING,
                height=9,
                no_value="nothing fired",
            ),
            states(
                "Pending",
                "Conditions that held, but not for long enough yet.",
                q.PENDING,
                _ALERT,
                PENDING,
                height=7,
                no_value="nothing was pending",
            ),
            number(
                "Fired after",
                "Longest time from the first evaluation that found a condition to the one that fired.",
                "s",
                q.SLOWEST_TO_FIRE,
                span=6,
                height=8,
                no_value="nothing fired",
            ),
            number(
                "Delivered within",
                "P95 of the time that a receiver took to accept a notification. Together with the time to fire and "
                "Alertmanager's group_wait (docs/alerting.md) this is the time to notify.",
                "s",
                q.DELIVERY,
                span=6,
                height=8,
            ),
            colour(
                lines(
                    "Notifications",
                    "Sent within the last minute by kind of receiver, and those that failed, each of which is an "
                    "alert of its own.",
                    "short",
                    (q.NOTIFICATIONS, "{{integration}}"),
                    (q.NOTIFICATIONS_FAILED, "failed: {{integration}}"),
                    no_value="nothing was sent",
                ),
                "^failed",
                RED,
            ),
            states(
                "Scraped pages",
                "What is not scraped is NO DATA everywhere. Locust's page is up only while it runs.",
                q.SCRAPED,
                "{{job}}",
                UP,
            ).id(Panel.SCRAPED),
        ],
    )
