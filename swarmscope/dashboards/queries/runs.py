"""Every run of a system within the shown time, one line each. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.dashboards.queries.selectors import FAILURE, RANGE, SYSTEM, last, ratio, series

STARTED = f"round(1000 * max by (run) ({last(names.RUN_START, SYSTEM)}))"
"""Milliseconds, as Grafana's dates and links take them."""
_ENDED = f"max by (run) ({last(names.RUN_END, SYSTEM)})"
_GOES_ON = f"(0 * max by (run) ({series(names.RUN_START, SYSTEM)}) + time())"
_SEEN = f"max by (run) (max_over_time(timestamp({series(names.RUN_START, SYSTEM)})[{RANGE}:1m]))"
ENDED = f"round(1000 * ({_ENDED} or {_GOES_ON} or {_SEEN}))"
"""Of a run that goes on: now. Of one whose end was not seen: when it was last seen, to the minute."""
SECONDS = f"({ENDED} - {STARTED}) / 1000"
INFO = f"max by (run, system, profile, environment, version) ({last(names.RUN_INFO, SYSTEM)})"
VERDICT = f"max by (run, verdict) ({last(names.RUN_VERDICT, SYSTEM)}) == 1"
P95 = f"histogram_quantile(0.95, sum by (le, run) ({last(names.REQUEST_DURATION, SYSTEM, '_bucket')}))"
FINISHED = f"sum by (run) ({last(names.REQUESTS, SYSTEM)})"
RATE = f"{FINISHED} / (({SECONDS}) > 0)"
ERROR_RATIO = ratio(f"sum by (run) ({last(names.REQUESTS, f'{SYSTEM},{FAILURE}')})", FINISHED)
TARGETS_MISSED = f"sum by (run) (1 - {last(names.TARGET_MET, SYSTEM)})"
