"""What the dashboards' variables offer: systems, runs newest first, requests. No I/O."""

from __future__ import annotations

from swarmscope import names
from swarmscope.dashboards.queries.selectors import RUN, SYSTEM, last, series

SYSTEMS = f"label_values({names.RUN_INFO.name}, system)"
NEWEST_RUNS = f"query_result(sort_desc(max by (run) ({last(names.RUN_START, SYSTEM)})))"
RUN_NAME = '/run="([^"]+)"/'
"""Finds the name in each line of the answer, which Grafana writes as `{run="…"} value time`."""
REQUEST_NAMES = f"label_values({series(names.REQUESTS, RUN)}, name)"
