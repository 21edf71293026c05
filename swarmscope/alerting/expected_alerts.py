"""What promtool must find: alerts with their exact labels and texts, written out without templates. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from swarmscope.alerting.alert_names import ABORT_LABEL, AlertName, Annotation, Severity
from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import plain
from swarmscope.alerting.synthetic_traffic import SO_FAR, STARTED, Flow, Traffic, broken_by
from swarmscope.targets import Kind, System, Target

Expected = dict[str, Any]
"""One alert as promtool's `exp_alerts` has it."""


def expected_alerts(system: System, name: AlertName, traffic: Traffic, flow: Flow) -> list[Expected]:
    """Every alert of this name that must fire while the flow lasts, those of other targets that it breaks included."""
    return [
        _alert(
            name, _labels(system, target, traffic.run), _breach_words(system, target, traffic, flow, measured)
        )
        for target in system.alerted_targets
        if _is_alerted_by(target, name) and (measured := broken_by(system, target, traffic, flow)) is not None
    ]


def expected_server(system: System, target: Target, run: str, value: Decimal) -> Expected:
    """The alert that a server-side target is broken at this value."""
    unit = target.unit if target.unit in ("", "%") else f" {target.unit}"
    measured = f"{float(value):.5g}{unit}"
    bound = "at least" if target.kind is Kind.MIN else "at most"
    words = _words(
        target,
        f"{target.in_words} is broken: {measured} measured on the service's side ({bound} {target.written} wanted)",
        f"Query: {target.query}",
        measured,
    )
    return _alert(AlertName.SERVER_TARGET_BREACHED, _labels(system, target, run), words)


def expected_missing(system: System, target: Target, run: str) -> Expected:
    """The alert that a server-side target's query answers nothing."""
    labels = {**_labels(system, target, run), "severity": Severity.WARNING.value}
    labels.pop(ABORT_LABEL, None)
    words: dict[str, str] = {
        Annotation.SUMMARY: f"{target.in_words} cannot be judged: its query answers nothing",
        Annotation.DESCRIPTION: f"Query: {target.query}",
        Annotation.MEASURED: "nothing",
        Annotation.LIMIT: target.written,
    }
    return _alert(AlertName.SERVER_MEASUREMENT_MISSING, labels, words)


def expected_hang(system: System, run: str, age: Decimal) -> Expected:
    """The alert that `GET /slow`, sent three times, has waited for `age` seconds."""
    words: dict[str, str] = {
        Annotation.SUMMARY: f"The service hangs: a request has waited {duration_words(age)} for its answer",
        Annotation.DESCRIPTION: "Unanswered: GET /slow (3).",
        Annotation.MEASURED: duration_words(age),
        Annotation.LIMIT: f"{plain(system.alerting.hung_after)}s",
    }
    labels = {"run": run, "system": system.name, "severity": Severity.CRITICAL.value}
    return _alert(AlertName.REQUEST_HUNG, labels, words)


def duration_words(seconds: Decimal | Fraction) -> str:
    """Seconds as Prometheus' humanizeDuration writes them: `312ms`, `1.5s`, `2m 5s`."""
    value = float(seconds)
    if value >= 60:
        minutes, rest = divmod(int(value), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}h {minutes}m {rest}s" if hours else f"{minutes}m {rest}s"
    if value >= 1 or value == 0:
        return f"{value:.4g}s"
    prefix, scaled = "m", value * 1000
    if scaled < 1:
        prefix, scaled = "u", scaled * 1000
    return f"{scaled:.4g}{prefix}s"


def _breach_words(
    system: System, target: Target, traffic: Traffic, flow: Flow, measured: Fraction
) -> Mapping[str, str]:
    recently = f"in the last {plain(system.alerting.window)} s"
    requests = flow.requests * math.ceil(system.alerting.window)
    share = f"{float(measured) * 100:.4g}%"
    so_far = f"over the judged part of the run so far: {_so_far(target)}."
    broken = f"{target.in_words} is broken:"
    if target.kind.quantile is not None:
        allowed = plain((1 - target.kind.quantile) * 100)
        return _words(
            target,
            f"{broken} {share} of {requests} requests {recently} took longer ({allowed}% allowed)",
            f"{target.kind} {so_far}",
            f"{share} slower than {target.written}",
        )
    if target.kind is Kind.ERROR_RATE:
        return _words(
            target,
            f"{broken} {share} of {requests} requests {recently} failed ({target.written} allowed)",
            f"The error rate {so_far}",
            f"{share} failed",
        )
    if target.kind is Kind.AVERAGE:
        value = f"{duration_words(measured)} on average"
        return _words(
            target, f"{broken} {value} over {requests} requests {recently}", f"The average {so_far}", value
        )
    value = f"{float(measured):.2f} requests per second"
    return _words(
        target, f"{broken} {value} {recently} (at least {target.written} wanted)", f"The rate {so_far}", value
    )


def _words(target: Target, summary: str, description: str, measured: str) -> dict[str, str]:
    about = f"{target.description} " if target.description else ""
    return {
        Annotation.SUMMARY: summary,
        Annotation.DESCRIPTION: about + description,
        Annotation.MEASURED: measured,
        Annotation.LIMIT: target.written,
    }


def _so_far(target: Target) -> str:
    if target.kind is Kind.ERROR_RATE:
        return f"{float(SO_FAR) * 100:.4g}%"
    return f"{SO_FAR:.2f}" if target.kind is Kind.RPS else duration_words(SO_FAR)


def _is_alerted_by(target: Target, name: AlertName) -> bool:
    if target.kind.is_latency:
        return name is AlertName.LATENCY_TARGET_BREACHED
    wanted = {
        Kind.RPS: AlertName.RATE_TARGET_BREACHED,
        Kind.ERROR_RATE: AlertName.ERROR_RATE_TARGET_BREACHED,
    }
    return wanted.get(target.kind) is name


def _labels(system: System, target: Target, run: str) -> dict[str, str]:
    labels = {
        "run": run,
        "system": system.name,
        "target": target.id,
        "kind": target.kind.value,
        "priority": target.priority.value,
        "severity": Severity.of(target.priority).value,
    }
    if target.request:
        labels["request"] = target.request
    if target.abort:
        labels[ABORT_LABEL] = "true"
    return labels


def _alert(name: AlertName, labels: Mapping[str, str], words: Mapping[str, str]) -> Expected:
    links = Links()
    at_the_run = f"var-system={labels['system']}&var-run={labels['run']}&from={STARTED}000&to=now"
    annotations = {
        **words,
        Annotation.RUNBOOK_URL: f"{links.runbook}#{name.lower()}",
        Annotation.DASHBOARD_URL: links.panel(name, at_the_run),
    }
    return {"exp_labels": dict(labels), "exp_annotations": annotations}
