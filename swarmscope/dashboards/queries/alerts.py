"""What fired when, and how long it took to tell. No I/O."""

from __future__ import annotations

from swarmscope.alerting.alert_names import AlertName
from swarmscope.dashboards.queries.selectors import RANGE
from swarmscope.names import Job

_ALERT = "by (alertname, target, system, run, severity)"
_FIRING = f'ALERTS{{alertstate="firing",alertname!="{AlertName.WATCHDOG}"}}'
_STEPS = f"[{RANGE}:$__interval]"
OVER_TIME = f"max by (alertname, target, run) ({_FIRING})"
PENDING = 'max by (alertname, target, run) (ALERTS{alertstate="pending"})'
FIRST_FIRED = f"min {_ALERT} (min_over_time(timestamp({_FIRING}){_STEPS})) * 1000"
LAST_FIRED = f"max {_ALERT} (max_over_time(timestamp({_FIRING}){_STEPS})) * 1000"
SECONDS_FIRING = f"max {_ALERT} (count_over_time({_FIRING}[{RANGE}]))"
"""Rules are evaluated once a second, so a sample is a second."""
HELD_SINCE = f"min {_ALERT} (min_over_time(ALERTS_FOR_STATE[{RANGE}]))"
FIRED_AFTER = f"{FIRST_FIRED} / 1000 - {HELD_SINCE}"
"""Seconds from the first evaluation that found the condition to the one that fired."""
_ALERTMANAGER = f'job="{Job.ALERTMANAGER}"'
_OF_ALERTMANAGER = "by (integration)"


def _sent(metric: str) -> str:
    return f"sum {_OF_ALERTMANAGER} (increase({metric}{{{_ALERTMANAGER}}}[1m])) > 0"


NOTIFICATIONS = _sent("alertmanager_notifications_total")
NOTIFICATIONS_FAILED = _sent("alertmanager_notifications_failed_total")
DELIVERY = (
    f"histogram_quantile(0.95, sum by (le) (last_over_time("
    f"alertmanager_notification_latency_seconds_bucket{{{_ALERTMANAGER}}}[{RANGE}])))"
)
SCRAPED = "min by (job) (up)"
SLOWEST_TO_FIRE = f"max({FIRED_AFTER})"
