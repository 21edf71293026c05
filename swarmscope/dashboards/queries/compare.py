"""Two runs on one axis of elapsed time. No I/O.

The dashboard shows the first minutes of `ORIGIN`, in UTC, so that its axis reads 00:00, 00:01, …; each run's series are
shifted there by the time between `ORIGIN` and the run's start. Nothing was ever measured at that time, so variables,
which Grafana asks for either at the dashboard's time or at the present, look around both.
"""

from __future__ import annotations

from datetime import UTC, datetime

from swarmscope import names
from swarmscope.dashboards.queries.selectors import FAILURE, SYSTEM, rate, ratio, series
from swarmscope.names import Metric

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
ORIGIN_SECONDS = int(ORIGIN.timestamp())
# From 2000: 1985 to 2040; from 2026: 2012 to 2066.
_EVER = "[20000d] offset -14600d"


def _start(matchers: str) -> str:
    return f"last_over_time({series(names.RUN_START, matchers)}{_EVER})"


SYSTEMS = f"query_result(max by (system) (last_over_time({names.RUN_START.name}{_EVER})))"
SYSTEM_NAME = '/system="([^"]+)"/'
NEWEST_RUNS = f"query_result(sort_desc(max by (run) ({_start(SYSTEM)})))"
_OTHERS, _ITSELF = _start(f'{SYSTEM},run!="$run"'), _start('run="$run"')
OTHER_RUNS = f"query_result(sort_desc(max by (run) ({_OTHERS}) or max by (run) ({_ITSELF}) * 0))"
"""Newest first; the run itself last, for a system that has only one."""


def shift(run: str) -> str:
    """Whole seconds from `ORIGIN` to a run's start, 0 without a run: an empty shift would be an error of syntax."""
    matchers = f'run="${run}"'
    since = f"round(max({_start(matchers)}) - {ORIGIN_SECONDS})"
    return f"query_result({since} or vector(0))"


SHIFT_SECONDS = r"/\} (\d+)/"
"""Of an answer such as `{} 826000000 946684800000`: its value."""


class Overlaid:
    """The queries about one of the two runs: `run` and `by` are the variables of its name and its shift."""

    def __init__(self, run: str, by: str) -> None:
        matchers, shifted = f'run="${run}"', f" offset -${{{by}}}s"

        def rates(metric: Metric, more: str = "", suffix: str = "") -> str:
            return rate(metric, matchers + more, suffix, shifted)

        self.p95 = (
            f"histogram_quantile(0.95, sum by (le) ({rates(names.REQUEST_DURATION, suffix='_bucket')}))"
        )
        self.rate = f"sum({rates(names.REQUESTS)})"
        self.error_ratio = ratio(
            f"sum({rates(names.REQUESTS, f',{FAILURE}')})", f"sum({rates(names.REQUESTS)})"
        )
        self.users = f"sum({series(names.USERS, matchers)}{shifted})"
        self.in_flight = f"sum({series(names.IN_FLIGHT, matchers)}{shifted})"


MINE = Overlaid("run", "start")
OTHER = Overlaid("compared", "compared_start")
