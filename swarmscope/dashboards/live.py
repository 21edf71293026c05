"""The dashboard of one run while it goes on (and after): does it hold its targets, and what is happening. No I/O."""

from __future__ import annotations

from typing import Any

from swarmscope.alerting.panels import Dashboard, Panel
from swarmscope.dashboards.frame import Page, request_variable, row, run_variables
from swarmscope.dashboards.palette import (
    BLUE,
    GREY,
    MET,
    ORANGE,
    PHASES,
    SEVERITIES,
    SKY,
    VERDICTS,
)
from swarmscope.dashboards.parts import (
    NOT_RUNNING,
    colour,
    heat,
    lines,
    number,
    on_the_right,
    states,
    with_limits,
    word,
)
from swarmscope.dashboards.queries import requests as q
from swarmscope.dashboards.queries import run
from swarmscope.dashboards.tables import Column, Label, rows

KEEP = "${datasource:queryparam}&${system:queryparam}&${__url_time_range}"
ENDPOINT_LINK = f"/d/{Dashboard.ENDPOINT}?{KEEP}&${{run:queryparam}}&var-request=${{__data.fields.name}}"
RUN_LINK = f"/d/{Dashboard.LIVE}?{KEEP}&var-run=${{__value.raw}}"


def page() -> Page:
    """The live dashboard, to which alerts link."""
    return Page(
        uid=Dashboard.LIVE,
        title="Live run",
        description="One run: its targets, its requests, and what fires.",
        module="live",
        variables=[*run_variables(), request_variable()],
        panels=[*_tiles(), *_targets(), *_load(), *_waiting(), *_failures(), *_each_request(), *_about()],
        may_be_empty={
            "Firing now": "Nothing fires: the table says so.",
            "Failures by kind": "No request failed: the table says so.",
            "annotation Alerts": "No alert fired.",
            "annotation Load stops": "The load goes on.",
            "Answers and users B": "No target limits the rate.",
            "Share of answers that failed B": "No target limits the error rate.",
            "P95 of each request B": "No target limits a P95.",
            "$request D": "No latency target names this request, or all requests together.",
        },
        ends_with_the_run=frozenset(
            {"Answers per second", "Oldest request", "Users", "Firing now"},
        ),
    )


def _tiles() -> list[Any]:
    return [
        word(
            "Verdict so far",
            "What the targets say of the judged part so far; final once the run is over.",
            run.VERDICT,
            "verdict",
            VERDICTS,
            no_value="not judged yet",
        ),
        word("Phase", "Targets are judged in `steady` only.", run.PHASE, "phase", PHASES),
        number(
            "P95 so far",
            "Response time P95 of all requests since the run began, ramp included, from summed buckets.",
            "s",
            run.P95_SO_FAR,
        ),
        number(
            "Failed so far",
            "Share of all answers since the run began that failed.",
            "percentunit",
            run.ERROR_RATIO_SO_FAR,
        ),
        number(
            "Answers per second",
            "Finished requests of the last 5 s, failed ones included. 0 under load is a service that hangs.",
            "reqps",
            run.RATE_NOW,
            no_value=NOT_RUNNING,
        ),
        number(
            "Oldest request",
            "How long the oldest unanswered request has waited; red from 5 s on.",
            "s",
            run.OLDEST_AGE,
            warn=5,
            no_value=NOT_RUNNING,
        ),
        number("Users", "Users that run now.", "short", run.USERS, no_value=NOT_RUNNING),
        number("Judged", "Length of the judged (steady) window so far.", "s", run.STEADY_SECONDS),
    ]


def _targets() -> list[Any]:
    return [
        rows(
            "Targets",
            "Every target of this load profile, over the judged window so far. Time in breach is how long it was "
            "missed. A query's value has the unit of its query.",
            [
                Label("target"),
                Label("request"),
                Label("kind", width=90),
                Label("priority", width=90),
                Label("limit", width=100),
                Label("actual", width=100),
            ],
            [
                Column("", run.TARGET_LIMIT),
                Column("", run.TARGET_VALUE),
                Column("status", run.TARGET_MET, mappings=MET),
                Column("time in breach", run.TARGET_SECONDS_MISSED, "s"),
            ],
            span=16,
        ).id(Panel.TARGETS),
        rows(
            "Firing now",
            "Alerts that fire about this run.",
            [
                Label("alertname", "alert"),
                Label("target"),
                Label("severity", mappings=SEVERITIES, width=90),
            ],
            [Column("", run.FIRING_NOW)],
            span=8,
            no_value="nothing fires",
        ),
    ]


def _load() -> list[Any]:
    answers = lines(
        "Answers and users",
        "Finished requests per second by request (failures included), the floors of targets, and on the right the "
        "users that run and that are wanted.",
        "reqps",
        (q.answers(), "{{method}} {{name}}"),
        (run.limits("rps"), "limit ≥ {{request}}"),
        (run.RATE, "all requests"),
        (run.USERS, "users"),
        (run.USERS_WANTED, "users wanted"),
    )
    answers = on_the_right(with_limits(answers), "^users", "short")
    answers = colour(colour(answers, "^users$", GREY), "^users wanted$", GREY, dashed=True)
    errors = lines(
        "Share of answers that failed",
        "Failed requests by request, over the last seconds, with the limits of targets; no line where nothing was "
        "asked.",
        "percentunit",
        (q.error_ratio(), "{{method}} {{name}}"),
        (run.limits("error_rate"), "limit {{request}}"),
    )
    p95 = lines(
        "P95 of each request",
        "Response time P95 of the last seconds, from summed buckets, with every limit on a P95. A line is above its "
        "limit exactly when the requests of that moment were; between bounds it is interpolated. A target with * in "
        "its request judges all that it names together.",
        "s",
        (q.quantile("0.95"), "{{method}} {{name}}"),
        (run.limits("p95"), "limit {{request}}"),
        span=24,
        height=9,
    )
    return [
        answers.id(Panel.ANSWERS),
        with_limits(errors).id(Panel.ERRORS),
        with_limits(p95).id(Panel.RESPONSE_TIMES),
    ]


def _waiting() -> list[Any]:
    waiting = lines(
        "Waiting for an answer",
        "Requests sent and not yet answered, and on the right how long the oldest has waited: a service that hangs "
        "shows here first.",
        "short",
        (q.in_flight(), "{{method}} {{name}}"),
        (run.OLDEST_AGE, "age of the oldest"),
    )
    waiting = colour(on_the_right(waiting, "^age of", "s"), "^age of", ORANGE)
    return [
        heat(
            "Response times",
            "How many answers of the shown requests fell into each bucket.",
            q.heatmap(),
            span=12,
        ),
        waiting.height(9).id(Panel.WAITING),
    ]


def _failures() -> list[Any]:
    return [
        states(
            "Targets over time",
            "When each target was met over the judged window so far.",
            run.TARGETS_OVER_TIME,
            "{{target}}",
            MET,
            span=12,
        ),
        rows(
            "Failures by kind",
            "Failed requests so far, by fingerprint of their error; a name leads to its request.",
            [Label("method", width=80), Label("name", url=ENDPOINT_LINK), Label("error")],
            [Column("failed", q.FAILURES)],
            sort="failed",
            span=12,
            height=8,
            no_value="no request failed",
        ),
    ]


def _each_request() -> list[Any]:
    latency = lines(
        "$request",
        "Percentiles of the last seconds of one request, with the limits of targets that name it, or all requests "
        "together (*).",
        "s",
        (q.quantile("0.99"), "p99 {{method}}"),
        (q.quantile("0.95"), "p95 {{method}}"),
        (q.quantile("0.5"), "p50 {{method}}"),
        (run.limits(run.LATENCY, "${request:regex}"), "limit {{kind}} {{request}}"),
    )
    latency = colour(colour(colour(with_limits(latency), "^p99", ORANGE), "^p95", BLUE), "^p50", SKY)
    return [row("Each request"), latency.repeat("request").repeat_direction("h").max_per_row(3)]


def _about() -> list[Any]:
    return [
        row("This run"),
        rows(
            "What is tested",
            "Profile, environment, version and host of this run.",
            [Label(name) for name in ("run", "profile", "environment", "version", "host", "description")],
            [Column("", run.INFO)],
            height=4,
            span=18,
        ),
        rows(
            "Newest run",
            "The newest run of the system: when another one has started since, it can be opened here.",
            [Label("run", "newest", url=RUN_LINK)],
            [Column("", run.NEWEST_RUN)],
            height=4,
            span=6,
        ),
    ]
