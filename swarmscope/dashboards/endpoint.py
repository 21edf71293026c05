"""The dashboard of one request in depth. No I/O."""

from __future__ import annotations

from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page, requests_variable, run_variables
from swarmscope.dashboards.parts import BLUE, ORANGE, SKY, colour, heat, lines, rows, with_limits


def page() -> Page:
    """One or several requests of a run, with everything that is counted about them."""
    latency = with_limits(
        lines(
            "Response time",
            "Percentiles and the mean of the last seconds. The mean is shown because targets may limit it; it hides "
            "what the percentiles show.",
            "s",
            (q.quantile("0.99"), "p99 {{method}} {{name}}"),
            (q.quantile("0.95"), "p95 {{method}} {{name}}"),
            (q.quantile("0.9"), "p90 {{method}} {{name}}"),
            (q.quantile("0.5"), "p50 {{method}} {{name}}"),
            (q.AVERAGE, "average {{method}} {{name}}"),
            (q.limits(q.LATENCY_KINDS, "$request"), "limit {{kind}} {{request}}"),
            span=24,
            height=10,
        )
    )
    return Page(
        uid="swarmscope-endpoint",
        title="Endpoint",
        description="One request in depth.",
        module="endpoint",
        variables=[*run_variables(), requests_variable()],
        panels=[
            rows(
                "Over the whole run",
                "Totals and percentiles since the run began, ramp included; from buckets, so exact at the limits.",
                [
                    ("finished", "short", q.TOTAL_FINISHED, ""),
                    ("failed", "short", q.TOTAL_FAILED, ""),
                    ("never answered", "short", q.TOTAL_UNFINISHED, ""),
                    ("p50", "s", q.total_quantile("0.5"), ""),
                    ("p95", "s", q.total_quantile("0.95"), ""),
                    ("p99", "s", q.total_quantile("0.99"), ""),
                ],
                joined_by=("method", "name"),
                height=7,
            ),
            colour(colour(colour(latency, "^p99", ORANGE), "^p95", BLUE), "^p50", SKY),
            heat("Spread", "How the answers are spread over the buckets.", q.HEATMAP),
            lines("Rate", "Finished requests per second.", "reqps", (q.RATE, "{{method}} {{name}}")),
            with_limits(
                lines(
                    "Share that failed",
                    "Of the answers of the last seconds.",
                    "percentunit",
                    (q.ERROR_RATIO, "{{method}} {{name}}"),
                    (q.limits("error_rate"), "limit {{request}}"),
                )
            ),
            lines(
                "Answers by status",
                "HTTP status; none is an answer without one.",
                "reqps",
                (q.STATUSES, "{{status}}"),
                stacked=True,
            ),
            lines(
                "Failures by kind",
                "By fingerprint of their error.",
                "reqps",
                (q.FAILURES_OVER_TIME, "{{error}}"),
                stacked=True,
                no_value="none",
            ),
            lines(
                "Waiting for an answer",
                "Sent and not yet answered.",
                "short",
                (q.IN_FLIGHT, "{{method}} {{name}}"),
            ),
            lines(
                "Age of the oldest",
                "How long the oldest unanswered request has waited.",
                "s",
                (q.OLDEST_AGE, "{{method}} {{name}}"),
            ),
            lines(
                "Received",
                "Bytes of response bodies per second.",
                "Bps",
                (q.BYTES, "{{method}} {{name}}"),
                span=24,
            ),
        ],
    )
