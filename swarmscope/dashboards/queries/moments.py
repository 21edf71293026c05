"""Annotations: what happened when. No I/O.

Moments are series whose value is the time, in the milliseconds that Grafana's `useValueForTime` reads. They are looked
for in all of the shown time: a run's end is on the page only for the seconds until it has been scraped.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.dashboards.queries.selectors import RUN, last, series

FIRING = f'ALERTS{{alertstate="firing",alertname!="{AlertName.WATCHDOG}",{RUN}}}'
PHASES = f"{series(names.RUN_PHASE)} == 1"
STARTS = f"{last(names.RUN_START)} * 1000"
ENDS = f"{last(names.RUN_END)} * 1000"
ALERTS = f"max by (alertname, target, severity) ({FIRING})"
