"""Rules that record what dashboards and reports ask for again and again, for every system alike. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.promql import BY_RUN, equals, latest, selector, sum_counted
from swarmscope.alerting.rule_file import Rule, recording
from swarmscope.names import Outcome, Recorded

WINDOW = "5s"


def run_recordings() -> list[Rule]:
    """Rate, failure ratio, requests in flight and users of each run."""
    requests = sum_counted(names.REQUESTS.name, WINDOW)
    failed = sum_counted(selector(names.REQUESTS.name, equals("outcome", Outcome.FAILURE)), WINDOW)
    return [
        recording(Recorded.RUN_REQUESTS_RATE, f"{requests} / {WINDOW.rstrip('s')}"),
        # 0/0 would be a NaN that looks like a gap at best and like a healthy run at worst.
        recording(
            Recorded.RUN_FAILURES_RATIO,
            f"{failed} / ({WINDOW.rstrip('s')} * {Recorded.RUN_REQUESTS_RATE} > 0)",
        ),
        recording(Recorded.RUN_IN_FLIGHT, f"sum {BY_RUN} ({latest(names.IN_FLIGHT.name)})"),
        recording(Recorded.RUN_USERS, f"sum {BY_RUN} ({latest(names.USERS.name)})"),
    ]
