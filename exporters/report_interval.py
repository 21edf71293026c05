"""How often workers report to their master. No I/O."""

from __future__ import annotations

REPORT_SECONDS = 1.0
"""Locust's own default is 3 s: too slow to notify within 15 s. What a report a second costs a master is in
benchmarks/README.md; beyond 50 workers the master slows its workers down (docs/decisions/0002-worker-reports.md)."""
WORKERS_PER_REPORT_SECOND = 50


def report_interval(workers: int) -> float:
    """Seconds between a worker's reports, so that the master's work stays bounded."""
    return max(REPORT_SECONDS, workers / WORKERS_PER_REPORT_SECOND)
