"""Pieces of alert texts that Prometheus fills in when it sends an alert: Go templates as text. No I/O."""

from __future__ import annotations

from decimal import Decimal

from swarmscope import names
from swarmscope.alerting.alert_names import Severity
from swarmscope.alerting.promql import plain
from swarmscope.names import Job
from swarmscope.targets import Kind, Priority

WHOLE = 'printf "%.0f"'
NUMBER = 'printf "%.5g"'
RATE = 'printf "%.2f"'
PERCENTAGE = "humanizePercentage"
DURATION = "humanizeDuration"

OF_RUN = ("run", "system")
OF_TARGET = (*OF_RUN, "target")
OF_WORKER = (*OF_RUN, "worker")

SUBJECT = (
    '{{ if eq $labels.request "*" }}all requests{{ else if $labels.request }}{{ $labels.request }}'
    "{{ else }}{{ $labels.target }}{{ end }}"
)
"""What an alert's target measures: its request, or its name when it is measured on the service's side."""


def literal(text: str) -> str:
    """Text that the template engine prints as it is."""
    return text.replace("{{", '{{ "{{" }}')


def percent(ratio: Decimal) -> str:
    """A ratio as people write it: `5%`, `0.1%`."""
    return f"{plain(ratio * 100)}%"


def lookup(metric: str, labels: tuple[str, ...], number_format: str, missing: str = "unknown") -> str:
    """The present value of the series that has the same `labels` as the alert."""
    matchers = ",".join(f"{label}=%q" for label in labels)
    values = " ".join(f"$labels.{label}" for label in labels)
    return (
        f"{{{{ with printf `last_over_time({metric}{{{matchers}}}[5s])` {values} | query }}}}"
        f"{{{{ . | first | value | {number_format} }}}}{{{{ else }}}}{missing}{{{{ end }}}}"
    )


def by_kind(metric: str) -> str:
    """`lookup` of a target's value or limit, in the unit of its kind."""
    numbers = " ".join(f'"{kind}"' for kind in (Kind.RPS, Kind.MAX, Kind.MIN))
    return (
        f'{{{{ if eq $labels.kind "{Kind.ERROR_RATE}" }}}}{lookup(metric, OF_TARGET, PERCENTAGE)}'
        f"{{{{ else if eq $labels.kind {numbers} }}}}{lookup(metric, OF_TARGET, NUMBER)}"
        f"{{{{ else }}}}{lookup(metric, OF_TARGET, DURATION)}{{{{ end }}}}"
    )


def waiting() -> str:
    """The five requests of the alert's run of which most are unanswered: ` POST /events (12)`."""
    series = f"topk(5, {names.IN_FLIGHT.name}{{run=%q,system=%q}} > 0)"
    return (
        f"{{{{ range printf `{series}` $labels.run $labels.system | query }}}}"
        " {{ .Labels.method }} {{ .Labels.name }} ({{ .Value }}){{ end }}"
    )


def instances_down(job: Job) -> str:
    """The addresses of a job that do not answer, each after a space."""
    return f'{{{{ range query `up{{job="{job}"}} == 0` }}}} {{{{ .Labels.instance }}}}{{{{ end }}}}'


def severity_of_priority() -> str:
    """The severity that goes with the alert's priority, for a rule that is about targets of every priority."""
    cases = "".join(
        f'{{{{ {"else if" if number else "if"} eq $labels.priority "{priority}" }}}}{Severity.of(priority)}'
        for number, priority in enumerate(Priority)
    )
    return f"{cases}{{{{ end }}}}"
