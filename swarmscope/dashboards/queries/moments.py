"""Annotations: what happened when. No I/O.

Moments are series whose value is the time, in the milliseconds that Grafana's `useValueForTime` reads. They are looked
for in all of the shown time: a run's end is on the page only for the seconds until it has been scraped.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import AlertName
from swarmscope.dashboards.queries.selectors import RUN, last, series
from swarmscope.names import Phase

FIRING = f'ALERTS{{alertstate="firing",alertname!="{AlertName.WATCHDOG}",{RUN}}}'
_NOT_JUDGED = f'{RUN},phase!~"{Phase.READY}|{Phase.STEADY}|{Phase.DONE}"'
PHASES = f"max by (phase) ({series(names.RUN_PHASE, _NOT_JUDGED)}) == 1"
"""What is drawn is what is not judged (ramp, warm-up, a profile's own phases), so that every change is an edge."""
STARTS = f"{last(names.RUN_START)} * 1000"
ENDS = f"{last(names.RUN_END)} * 1000"
ALERTS = f"max by (alertname, target, severity) ({FIRING})"
