"""The parts that queries are made of: which series, and over which time. No I/O."""

from __future__ import annotations

from swarmscope.names import Job, Metric, Outcome

RUN = 'run="$run"'
SYSTEM = 'system="$system"'
REQUESTS = f'{RUN},name=~"$request"'
"""The chosen requests of the run; Grafana escapes what is chosen from a list of several."""
ONE_REQUEST = f'{RUN},name="$request"'
FAILURE = f'outcome="{Outcome.FAILURE}"'
RATE = "$__rate_interval"
RANGE = "$__range"
BY_REQUEST = "by (method, name)"
SERVICE = f'job="{Job.SERVICE}"'
NODE = f'job="{Job.NODE}"'
POSTGRESQL = f'job="{Job.POSTGRESQL}"'


def series(metric: Metric, matchers: str = RUN, suffix: str = "") -> str:
    """An instant selector."""
    return f"{metric.name}{suffix}{{{matchers}}}"


def last(metric: Metric, matchers: str = RUN, suffix: str = "") -> str:
    """The newest sample of each series within the shown time."""
    return f"last_over_time({series(metric, matchers, suffix)}[{RANGE}])"


def rate(metric: Metric, matchers: str = RUN, suffix: str = "", offset: str = "") -> str:
    """Growth per second over the last seconds."""
    return f"rate({series(metric, matchers, suffix)}[{RATE}]{offset})"


def ratio(part: str, whole: str) -> str:
    """A share; where there was nothing at all it is absent, not 0."""
    return f"{part} / ({whole} > 0)"


def named(expr: str, label: str, value: str) -> str:
    """The series with one more label."""
    return f'label_replace({expr}, "{label}", "{value}", "", "")'


def appeared(selector: str, by: str) -> str:
    """How much counters grew over the last seconds, those that did not exist before included.

    A counter of something rare (a kind of failure) appears with its first event: to `rate` it never grew.
    """
    growth = f"{selector} - ({selector} offset {RATE} or 0 * {selector})"
    return f"sum by ({by}) (clamp_min({growth}, 0)) > 0"
