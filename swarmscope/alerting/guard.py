"""The shape of an alert beside the targets. No I/O."""

from __future__ import annotations

from swarmscope.alerting.alert_names import AlertName, Annotation, Severity
from swarmscope.alerting.links import Links
from swarmscope.alerting.rule_file import Rule, alert


def guard(
    name: AlertName,
    links: Links,
    expr: str,
    *,
    severity: Severity | str,
    summary: str,
    description: str,
    measured: str,
    limit: str = "",
    hold: str = "",
    about_a_run: bool = True,
    where: str = "",
) -> Rule:
    """An alert with every annotation that messages show; `severity` may be a template.

    `where` becomes a label, to tell apart several alerts of one name.
    """
    found = {
        Annotation.SUMMARY: summary,
        Annotation.DESCRIPTION: description,
        Annotation.MEASURED: measured,
        Annotation.LIMIT: limit,
        **links.of(name, about_a_run),
    }
    return alert(
        name,
        expr,
        hold=hold,
        labels={"severity": severity, **({"where": where} if where else {})},
        annotations={annotation: text for annotation, text in found.items() if text},
    )
