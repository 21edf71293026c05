"""The dashboard of one request in depth. No I/O."""

from __future__ import annotations

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards.frame import Page, request_variable, run_variables
from swarmscope.dashboards.palette import BLUE, GREY, ORANGE, PINK, SKY
from swarmscope.dashboards.parts import colour, heat, lines, with_limits
from swarmscope.dashboards.queries import requests as q
from swarmscope.dashboards.queries import run
from swarmscope.dashboards.queries.selectors import ONE_REQUEST
from swarmscope.dashboards.tables import Column, Label, rows


def page() -> Page:
    """One request of a run, with everything that is counted about it."""
    latency = lines(
        "Response time",
        "Percentiles and the mean of the last seconds, with the limits of targets that name this request, or all "
        "requests together (*). The mean is shown because targets may limit it; it hides what the percentiles show.",
        "s",
        (q.quantile("0.99", ONE_REQUEST), "p99 {{method}}"),
        (q.quantile("0.95", ONE_REQUEST), "p95 {{method}}"),
        (q.quantile("0.9", ONE_REQUEST), "p90 {{method}}"),
        (q.quantile("0.5", ONE_REQUEST), "p50 {{method}}"),
        (q.average(ONE_REQUEST), "average {{method}}"),
        (run.limits(run.LATENCY, "${request:regex}"), "limit {{kind}} {{request}}"),
        span=24,
        height=10,
    )
    latency = with_limits(latency)
    for name, value in {"p99": ORANGE, "p95": BLUE, "p90": PINK, "p50": SKY, "average": GREY}.items():
        latency = colour(latency, f"^{name}", value)
    return Page(
        uid=Dashboard.ENDPOINT,
        title="Endpoint",
        description="One request in depth.",
        module="endpoint",
        variables=[*run_variables(), request_variable(several=False)],
        may_be_empty={
            "Failures by kind": "No request failed.",
            "Response time F": "No latency target names this request, or all requests together.",
            "Share that failed B": "No target limits the error rate.",
            "annotation Alerts": "No alert fired.",
            "annotation Load stops": "The load goes on.",
        },
        panels=[
            rows(
                "Over the whole run",
                "Totals and percentiles since the run began, ramp included; from buckets, so exact at the limits.",
                [Label("method"), Label("name")],
                [
                    Column("finished", q.TOTAL_FINISHED),
                    Column("failed", q.TOTAL_FAILED),
                    Column("never answered", q.TOTAL_UNFINISHED),
                    Column("p50", q.total_quantile("0.5"), "s"),
                    Column("p95", q.total_quantile("0.95"), "s"),
                    Column("p99", q.total_quantile("0.99"), "s"),
                ],
                height=5,
            ),
            latency,
            heat("Spread", "How many answers fell into each bucket.", q.heatmap(ONE_REQUEST)),
            lines(
                "Answers", "Finished requests per second.", "reqps", (q.answers(ONE_REQUEST), "{{method}}")
            ),
            with_limits(
                lines(
                    "Share that failed",
                    "Of the answers of the last seconds, with the limits of targets on this request, or all.",
                    "percentunit",
                    (q.error_ratio(ONE_REQUEST), "{{method}}"),
                    (run.limits("error_rate", "${request:regex}"), "limit {{request}}"),
                )
            ),
            lines(
                "Answers by status",
                "HTTP status; `none` is an answer without one.",
                "reqps",
                (q.STATUSES, "{{status}}"),
                stacked=True,
            ),
            lines(
                "Failures by kind",
                "Within the last seconds, by fingerprint of their error.",
                "short",
                (q.FAILURES_OVER_TIME, "{{error}}"),
                stacked=True,
                no_value="no request failed",
            ),
            lines(
                "Waiting for an answer",
                "Sent and not yet answered.",
                "short",
                (q.in_flight(ONE_REQUEST), "{{method}}"),
            ),
            lines(
                "Age of the oldest",
                "How long the oldest unanswered request has waited.",
                "s",
                (q.OLDEST_AGE, "{{method}}"),
            ),
            lines(
                "Received", "Bytes of response bodies per second.", "Bps", (q.BYTES, "{{method}}"), span=24
            ),
        ],
    )
