"""The dashboard of one run while it goes on (and after): does it hold its targets, and what is happening. No I/O."""

from __future__ import annotations

from swarmscope.alerting.links import DASHBOARD
from swarmscope.dashboards import queries as q
from swarmscope.dashboards.frame import Page, requests_variable, row, run_variables
from swarmscope.dashboards.parts import (
    BLUE,
    ORANGE,
    SKY,
    STATUS_COLOURS,
    colour,
    heat,
    lines,
    number,
    on_the_right,
    rows,
    states,
    with_limits,
)

ENDPOINT_LINK = (
    "/d/swarmscope-endpoint?${datasource:queryparam}&${system:queryparam}"
    "&${run:queryparam}&${__url_time_range}"
)


def page() -> Page:
    """The live dashboard, to which alerts link."""
    latency = with_limits(
        lines(
            "Response time of $request",
            "Percentiles of the last seconds, from summed buckets, with the limits of targets that name this request. "
            "A line is above its limit exactly when the requests of that moment were; between bounds "
            "it is interpolated.",
            "s",
            (q.quantile("0.99", q.REQUESTS), "p99 {{method}} {{name}}"),
            (q.quantile("0.95", q.REQUESTS), "p95 {{method}} {{name}}"),
            (q.quantile("0.5", q.REQUESTS), "p50 {{method}} {{name}}"),
            (q.limits(q.LATENCY_KINDS, "$request"), "limit {{kind}} {{request}}"),
            span=24,
        )
    )
    latency = colour(colour(colour(latency, "^p99", ORANGE), "^p95", BLUE), "^p50", SKY)
    latency = latency.repeat("request").repeat_direction("h").max_per_row(2)
    rate = with_limits(
        lines(
            "Rate of answers, and users",
            "Finished requests per second (failures included) against the users that run and the floors of targets.",
            "reqps",
            (q.RATE_OF_ALL, "all requests"),
            (q.limits("rps"), "limit {{request}}"),
            (q.USERS_OF_ALL, "users"),
            (q.USERS_WANTED, "users wanted"),
        )
    )
    errors = with_limits(
        lines(
            "Share of answers that failed",
            "Failed requests by request, over the last seconds; no line where nothing was asked.",
            "percentunit",
            (q.ERROR_RATIO, "{{method}} {{name}}"),
            (q.limits("error_rate"), "limit {{request}}"),
        )
    )
    waiting = on_the_right(
        lines(
            "Requests waiting for an answer",
            "Sent and not yet answered, and how long the oldest has waited: a service that hangs shows here first.",
            "short",
            (q.IN_FLIGHT, "{{method}} {{name}}"),
            (q.OLDEST_AGE_OF_ALL, "age of the oldest"),
        ),
        "^age",
        "s",
    )
    return Page(
        uid=DASHBOARD,
        title="Live run",
        description="One run: its targets, its requests, and what fires.",
        module="live",
        variables=[*run_variables(), requests_variable()],
        panels=[
            number(
                "Verdict so far",
                "What the targets say of the judged part so far; final once the run is over.",
                "short",
                q.VERDICT,
                named=True,
                legend="{{verdict}}",
                no_value="not judged yet",
                colours=STATUS_COLOURS,
            ),
            number(
                "Phase",
                "Targets are judged in `steady` only.",
                "short",
                q.PHASE,
                named=True,
                legend="{{phase}}",
            ),
            number("Rate now", "Finished requests per second, last 5 s.", "reqps", q.RATE_NOW, no_value="0"),
            number("P95 of all requests", "Over the last seconds, from summed buckets.", "s", q.P95_OF_ALL),
            number(
                "Failed",
                "Share of the answers of the last seconds that failed.",
                "percentunit",
                q.ERROR_RATIO_OF_ALL,
            ),
            number(
                "Oldest request",
                "How long the oldest unanswered request has waited.",
                "s",
                q.OLDEST_AGE_OF_ALL,
                warn=5,
            ),
            number("Judged", "Length of the judged (steady) window so far.", "s", q.STEADY_SECONDS),
            number("Users", "Users running.", "short", q.USERS_OF_ALL),
            rows(
                "Targets",
                "Every target of this load profile: limit and measured value in base units (seconds, ratio, per "
                "second), over the judged window so far. Time missed counts the seconds in which it was missed.",
                [
                    ("limit", "short", q.TARGET_LIMIT, ""),
                    ("actual", "short", q.TARGET_VALUE, ""),
                    ("status", "short", q.TARGET_MET, "status"),
                    ("time missed", "s", q.TARGET_SECONDS_MISSED, ""),
                ],
                joined_by=("target", "request", "kind", "priority"),
                span=16,
            ),
            rows(
                "Firing now",
                "Alerts that fire about this run.",
                [("firing", "short", q.FIRING_NOW, "")],
                joined_by=("alertname", "target", "severity"),
                span=8,
            ),
            rate,
            errors,
            latency,
            heat(
                "Response times",
                "How the answers of the shown requests are spread over the buckets.",
                q.HEATMAP,
            ),
            waiting,
            states(
                "Targets over time",
                "When each target was met over the judged window so far.",
                q.TARGETS_OVER_TIME,
                "{{target}}",
                span=12,
            ),
            rows(
                "Failures by kind",
                "Failed requests so far, by fingerprint of their error.",
                [("failed", "short", q.FAILURES, "")],
                joined_by=("method", "name", "error"),
                sort="failed",
                span=24,
                links={"name": f"{ENDPOINT_LINK}&var-request=${{__value.raw}}"},
            ),
            row("The run"),
            rows(
                "About this run",
                "What was tested, where and how.",
                [("", "short", q.INFO, "")],
                joined_by=("profile", "environment", "version", "host", "description"),
                height=4,
            ),
        ],
    )
