"""The load generator and the exporter: can this run be trusted? No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.dashboards.queries.selectors import RANGE, RATE, RUN, last, named, ratio, series
from swarmscope.names import Job, Phase
from swarmscope.plots import BUSY_CPU_RATIO
from swarmscope.signals import GENERATOR_SIGNALS

LATE_SECONDS = next(signal.limit for signal in GENERATOR_SIGNALS if signal.id == "generator-lag")
LEAST_DELIVERED = 0.95
"""As exporters/validity.py: up to a twentieth of the judged time may be short of users."""

WORKERS = f"sum by (state) ({series(names.WORKERS)})"
USERS = f"sum by (user_class) ({series(names.USERS)})"
WANTED = f"max({series(names.USERS_WANTED)})"
WORKER_USERS = f"sum by (worker) ({series(names.WORKER_USERS)})"
WORKER_CPU = f"max by (worker) ({series(names.WORKER_CPU)})"
WORKER_MEMORY = f"max by (worker) ({series(names.WORKER_MEMORY)})"
WORKER_REPORT_AGE = f"max by (worker) ({series(names.WORKER_REPORT_AGE)})"
LAG = f"max by (worker) ({series(names.GENERATOR_LAG)})"
_LOCUST = f'job="{Job.LOCUST}"'
SCRAPE_DURATION = f"max by (instance) ({series(names.SCRAPE_DURATION, _LOCUST)})"
SCRAPES = f"sum by (instance) (rate({series(names.SCRAPES, _LOCUST)}[{RATE}]))"
LISTENER_ERRORS = f"sum({last(names.LISTENER_ERRORS, _LOCUST)})"
LABEL_OVERFLOW = f"sum by (label) ({series(names.LABEL_OVERFLOW, _LOCUST)})"
REPORTS = f"sum by (result) (rate({series(names.REPORTS, _LOCUST)}[{RATE}]))"

# --- the same over the run so far, each with its limit ---

_IN_STEADY = f'{RUN},phase="{Phase.STEADY}"'
_STEADY = f"(max({series(names.RUN_PHASE, _IN_STEADY)}) == 1)"
_WANTED_WHEN_STEADY = f"(max({series(names.USERS_WANTED)}) and {_STEADY})"
_RUNNING_WHEN_STEADY = f"(sum({series(names.USERS)}) and {_STEADY})"
DELIVERED = ratio(
    f"sum_over_time({_RUNNING_WHEN_STEADY}[{RANGE}:1s])", f"sum_over_time({_WANTED_WHEN_STEADY}[{RANGE}:1s])"
)
"""Users that ran of those that were wanted, over the steady phase."""
BUSIEST = f"max(max_over_time({series(names.WORKER_CPU)}[{RANGE}]))"
WORST_LAG = f"max(max_over_time({series(names.GENERATOR_LAG)}[{RANGE}]))"
_AWAY = f'{RUN},state=~"missing|lost"'
GONE = f"max(max_over_time({series(names.WORKERS, _AWAY)}[{RANGE}]))"
OLDEST_REPORT = f"max(max_over_time({series(names.WORKER_REPORT_AGE)}[{RANGE}]))"
_CHECKS = (
    ("wanted users delivered", DELIVERED, f">= bool {LEAST_DELIVERED}"),
    ("CPU of the busiest generator", BUSIEST, f"<= bool {BUSY_CPU_RATIO}"),
    ("delay of an event loop, worst", WORST_LAG, f"<= bool {LATE_SECONDS}"),
    ("workers missing or lost, most", GONE, "<= bool 0"),
    ("errors in Swarmscope's listeners", LISTENER_ERRORS, "<= bool 0"),
)
CHECK_VALUES = " or ".join(named(expr, "check", title) for title, expr, _ in _CHECKS)
CHECK_LIMITS = {title: holds for title, _, holds in _CHECKS}
CHECKS_HOLD = " or ".join(named(f"({expr}) {holds}", "check", title) for title, expr, holds in _CHECKS)
TRUSTED = f"min({CHECKS_HOLD})"
"""1 when every check holds."""
