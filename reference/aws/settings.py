"""What the stand-in can be told on its command line: how late data appear, and how small pages are. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

ACCOUNT = "123456789012"
"""The account that every caller without an assumed role is in."""


@dataclass(frozen=True, slots=True)
class StandInSettings:
    """Defaults are AWS' own limits."""

    region: str = "us-east-1"
    """Of ARNs in answers; callers of any region see the same data."""
    metrics_delay_seconds: float = 0.0
    """From a datapoint's arrival to when it can be read."""
    logs_delay_seconds: float = 0.0
    datapoints_per_page: int = 100_800
    """Of GetMetricData."""
    metrics_per_page: int = 500
    """Of ListMetrics."""
    lines_per_page: int = 10_000
    """That FilterLogEvents looks at before it answers: matches or not, so that pages may be empty."""
    insights_seconds: float = 0.5
    """That a Logs Insights query takes."""
    filter_calls_per_second: int = 5
    """FilterLogEvents' quota for an account."""
