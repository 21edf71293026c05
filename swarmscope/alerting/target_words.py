"""What the alerts of a target say to people: summary, description, measured value and limit. No I/O.

Texts with `{{ … }}` are Prometheus templates; `$value` is the value of the alert's expression.
"""

from __future__ import annotations

from swarmscope import names
from swarmscope.alerting.alert_names import Annotation
from swarmscope.alerting.promql import plain
from swarmscope.alerting.texts import DURATION, OF_TARGET, PERCENTAGE, RATE, WHOLE, literal, lookup, percent
from swarmscope.names import Recorded
from swarmscope.targets import Kind, System, Target

_SHARE = "{{ $value | humanizePercentage }}"
_COUNT = lookup(Recorded.WINDOW_REQUESTS, OF_TARGET, WHOLE)


def breach_annotations(system: System, target: Target) -> dict[str, str]:
    """The annotations of the alert that a target is broken now, all but the links."""
    if target.kind.is_query:
        found, measured, description = _server(target)
    else:
        found, measured, description = _requests(target, f"in the last {plain(system.alerting.window)} s")
    about = f"{literal(target.description)} " if target.description else ""
    return {
        Annotation.SUMMARY: f"{literal(target.in_words)} is broken: {found}",
        Annotation.DESCRIPTION: about + description,
        Annotation.MEASURED: measured,
        Annotation.LIMIT: literal(target.written),
    }


def _requests(target: Target, recently: str) -> tuple[str, str, str]:
    """What was found, the measured value alone, and the value over the run so far."""
    limit = literal(target.written)
    if target.kind.quantile is not None:
        allowed = percent(1 - target.kind.quantile)
        found = f"{_SHARE} of {_COUNT} requests {recently} took longer ({allowed} allowed)"
        return found, f"{_SHARE} slower than {limit}", f"{target.kind} {_so_far(DURATION)}"
    if target.kind is Kind.ERROR_RATE:
        found = f"{_SHARE} of {_COUNT} requests {recently} failed ({limit} allowed)"
        return found, f"{_SHARE} failed", f"The error rate {_so_far(PERCENTAGE)}"
    if target.kind is Kind.AVERAGE:
        measured = "{{ $value | humanizeDuration }} on average"
        found = f"{measured} over {_COUNT} requests {recently}"
        return found, measured, f"The average {_so_far(DURATION)}"
    measured = f"{{{{ $value | {RATE} }}}} requests per second"
    found = f"{measured} {recently} (at least {limit} wanted)"
    return found, measured, f"The rate {_so_far(RATE)}"


def _server(target: Target) -> tuple[str, str, str]:
    unit = target.unit if target.unit in ("", "%") else f" {target.unit}"
    measured = f'{{{{ $value | printf "%.5g" }}}}{literal(unit)}'
    bound = "at least" if target.kind.is_floor else "at most"
    found = f"{measured} measured on the service's side ({bound} {literal(target.written)} wanted)"
    return found, measured, f"Query: {literal(target.query)}"


def _so_far(number_format: str) -> str:
    value = lookup(names.TARGET_VALUE.name, OF_TARGET, number_format, missing="not known yet")
    return f"over the judged part of the run so far: {value}."
