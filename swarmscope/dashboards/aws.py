"""The dashboard of AWS' side: what the clients waited for, below their P95. No I/O."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build

from swarmscope.alerting.panels import Dashboard, Panel
from swarmscope.dashboards.frame import Page, row, run_variables
from swarmscope.dashboards.palette import BLUE, GREEN, ORANGE, PINK, SETTLED, SKY
from swarmscope.dashboards.parts import NOT_SCRAPED, colour, heat, lines, number, states, with_limits
from swarmscope.dashboards.queries import aws as q
from swarmscope.dashboards.queries import run
from swarmscope.dashboards.tables import Column, Label, rows

_PER_MINUTE = "Sums of CloudWatch's minutes."
AWS_ONLY = "The environment has no `aws` section, so nothing of AWS is read."


def page() -> Page:
    """Latency on one axis, cold starts, throttles and errors, capacity, and the exporter itself."""
    panels = [*_latency(), *_cold_starts(), *_throttles(), *_capacity(), *_exporter()]
    return Page(
        uid=Dashboard.AWS,
        title="AWS",
        description="API Gateway, Lambda and DynamoDB as CloudWatch measured them, beside what the clients saw.",
        module="aws",
        variables=run_variables(),
        may_be_empty={
            **{panel.build().title: AWS_ONLY for panel in panels if not isinstance(panel, build.Row)},
            "annotation Alerts": "No alert fired.",
            "annotation Load stops": "The load goes on.",
        },
        panels=panels,
    )


def _latency() -> list[Any]:
    panel = lines(
        "Where the time goes: P95",
        "P95 of all requests as the clients saw it (last seconds), and CloudWatch's p95 of each minute: of the "
        "gateway, of what is behind it, of the function's own time, and of DynamoDB. CloudWatch's points stand at "
        "the start of their minute and arrive minutes later.",
        "s",
        (run.P95, "clients"),
        (q.API_P95, "gateway {{api}} {{stage}}"),
        (q.INTEGRATION_P95, "integration {{api}} {{stage}}"),
        (q.LAMBDA_P95, "function {{function}}"),
        (q.DYNAMODB_P95, "DynamoDB {{table}} {{operation}}"),
        span=24,
        height=11,
    )
    known = {"clients": BLUE, "gateway": ORANGE, "integration": PINK, "function": GREEN, "DynamoDB": SKY}
    for name, value in known.items():
        panel = colour(panel, f"^{name}", value)
    return [panel]


def _cold_starts() -> list[Any]:
    p95 = lines(
        "Cold starts: P95",
        "Of the run so far, by function, with the limits of targets whose name has `cold` in it.",
        "s",
        (q.COLD_P95_BY_FUNCTION, "{{function}}"),
        (q.COLD_LIMITS, "limit {{target}}"),
        span=12,
    )
    return [
        row("Cold starts"),
        number(
            "Cold starts so far", "Of the run.", "short", q.COLD_STARTS, span=4, height=8, no_value="none"
        ),
        number(
            "Cold starts: P95 so far",
            "Over all functions of the run.",
            "s",
            q.COLD_P95,
            span=4,
            height=8,
            no_value="none",
        ),
        number(
            "Share of cold invocations",
            "Cold starts over invocations, of the function that has the most.",
            "percentunit",
            f"max({q.COLD_RATIO})",
            span=4,
            height=8,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Requests and invocations",
            _PER_MINUTE,
            "short",
            (q.API_REQUESTS, "gateway {{api}} {{stage}}"),
            (q.INVOCATIONS, "function {{function}}"),
            height=8,
            no_value=NOT_SCRAPED,
        ),
        with_limits(p95),
        heat(
            "Time that instances took to start", "Cold starts by bucket.", q.COLD_HEATMAP, span=12, height=8
        ),
    ]


def _throttles() -> list[Any]:
    return [
        row("Throttles and errors"),
        lines(
            "Throttled",
            f"Refused for a limit of AWS. {_PER_MINUTE}",
            "short",
            (q.LAMBDA_THROTTLES, "function {{function}}"),
            (q.DYNAMODB_THROTTLES, "DynamoDB {{table}} {{operation}}"),
            (q.READ_THROTTLES, "reads of {{table}}"),
            (q.WRITE_THROTTLES, "writes of {{table}}"),
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Errors",
            _PER_MINUTE,
            "short",
            (q.LAMBDA_ERRORS, "function {{function}}"),
            (q.API_SERVER_ERRORS, "5xx {{api}} {{stage}}"),
            (q.API_CLIENT_ERRORS, "4xx {{api}} {{stage}}"),
            (q.DYNAMODB_ERRORS, "DynamoDB {{table}} {{operation}}"),
            no_value=NOT_SCRAPED,
        ),
    ]


def _capacity() -> list[Any]:
    return [
        row("Capacity"),
        lines(
            "Instances at work",
            "Most concurrent executions in a minute.",
            "short",
            (q.CONCURRENCY, "{{function}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Duration of functions: p99",
            "The slowest hundredth of each minute, starting left out.",
            "s",
            (q.LAMBDA_P99, "{{function}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
        lines(
            "Consumed capacity of DynamoDB",
            f"Capacity units. {_PER_MINUTE}",
            "short",
            (q.READ_CAPACITY, "read {{table}}"),
            (q.WRITE_CAPACITY, "write {{table}}"),
            span=8,
            no_value=NOT_SCRAPED,
        ),
    ]


def _exporter() -> list[Any]:
    return [
        row("The exporter that reads CloudWatch"),
        number(
            "Cost in this time",
            "Estimated price of the calls within the shown time.",
            "currencyUSD",
            q.COST,
            span=4,
            height=8,
            no_value=NOT_SCRAPED,
        ),
        number(
            "Billed metrics",
            "Metrics requested by GetMetricData within the shown time.",
            "short",
            q.BILLED,
            span=4,
            height=8,
            no_value=NOT_SCRAPED,
        ),
        number(
            "Slowed by the cost limit",
            "1 while the cost limit makes the exporter poll more slowly than it was told.",
            "short",
            q.COST_LIMITED,
            span=4,
            height=8,
            warn=1,
            no_value=NOT_SCRAPED,
        ).id(Panel.AWS_COST_LIMITED),
        rows(
            "Calls in this time",
            "Calls of AWS' APIs by result: throttled and refused ones cost data.",
            [Label("operation"), Label("result")],
            [Column("calls", q.CALLS, decimals=0)],
            sort="calls",
            height=8,
            span=12,
        ),
        states(
            "Polls",
            "Whether the last poll got everything.",
            q.POLL_SUCCESS,
            "{{source}}",
            SETTLED,
            height=5,
        ).id(Panel.AWS_POLLS),
        lines(
            "Age of the data",
            "How long ago the newest settled period ended, by namespace, and up to when everything is known.",
            "s",
            (q.DATA_AGE, "{{namespace}}"),
            (q.SETTLED_AGO, "everything of {{source}}"),
            no_value=NOT_SCRAPED,
        ).id(Panel.AWS_DATA_AGE),
        lines(
            "Throttled and failed calls",
            "In each minute; what they asked for stays as it was until a later poll gets it.",
            "short",
            (q.FAILED_CALLS, "{{operation}} {{result}}"),
            no_value="none failed",
        ).id(Panel.AWS_CALLS),
    ]
