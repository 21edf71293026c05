"""Turns the configured receivers into alertmanager.yml: routes, timing, inhibition. No I/O.

Valid in Alertmanager 0.25 (Debian 12) and in every later one: only quoted matchers, no option that is younger.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from swarmscope.alerting.alert_names import ABORT_LABEL, TARGET_BREACHES, AlertName, Severity
from swarmscope.alerting.receivers import Email, PagerDuty, Receivers, Slack, Sns, Webhook
from swarmscope.alerting.rule_file import as_yaml
from swarmscope.document import origin

GROUP_LABELS = ("run", "system")
"""One message per run, not one per alert."""

_SOURCE = "swarmscope/alerting/alertmanager_config.py"
_REMARK = """\
Who is told, when, and which alert silences which: docs/notifications.md.
group_wait 1s: rules of one evaluation arrive within milliseconds of each other, so a second gathers them;
  it is also the time that an inhibiting alert has to arrive before what it silences.
group_interval 3s (local) and 10s (people): the wait for a second alert of the same run, and for the resolved
  message. The local receiver needs it below its grace period of 5s, or a recovery could not call off a stop;
  people would rather read one message than three.
repeat_interval 1h: a soak test that stays broken says so every hour.
"""


def alertmanager_config(
    receivers: Receivers,
    *,
    receiver_url: str,
    template_glob: str = "templates/*.tmpl",
    inline_webhook_url: bool = False,
) -> str:
    """The text of alertmanager.yml for exactly these receivers and the local one at `receiver_url`.

    `inline_webhook_url` writes the further webhook's URL into the text, for Alertmanager before 0.26, which
    cannot read it from a file: such a text is a secret and must be written for its owner's eyes only.
    """
    base = receiver_url.rstrip("/")
    named = [
        (severity, integrations)
        for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
        if (integrations := _integrations(receivers, severity, inline_webhook_url))
    ]
    config = {
        # Prometheus says itself when its alerts end; this is for alerts that others post.
        "global": {"resolve_timeout": "1m"},
        "templates": [template_glob],
        "route": _route([severity for severity, _ in named]),
        "inhibit_rules": _inhibit_rules(),
        "receivers": [
            {"name": "local", "webhook_configs": [_local(f"{base}/alerts")]},
            {"name": "watchdog", "webhook_configs": [_local(f"{base}/watchdog", send_resolved=False)]},
            *({"name": severity.value, **integrations} for severity, integrations in named),
        ],
    }
    return as_yaml(config, origin(_SOURCE), _REMARK)


def shipped_alertmanager_config() -> str:
    """The text of alerts/alertmanager.yml: compose's receiver and nobody else."""
    return alertmanager_config(Receivers(), receiver_url="http://receiver:9095")


def _route(severities: list[Severity]) -> dict[str, Any]:
    watchdog = {
        "receiver": "watchdog",
        "matchers": [_is("alertname", AlertName.WATCHDOG)],
        "group_by": ["alertname"],
        "group_interval": "10s",
        "repeat_interval": "30s",
    }
    to_everybody: list[dict[str, Any]] = []
    if severities:
        to_everybody.append({"receiver": "local", "continue": True})
    for severity in severities:
        to_everybody.append(
            {"receiver": severity.value, "matchers": [_severity_matcher(severity)], "group_interval": "10s"}
        )
    return {
        "receiver": "local",
        "group_by": list(GROUP_LABELS),
        "group_wait": "1s",
        "group_interval": "3s",
        "repeat_interval": "1h",
        "routes": [watchdog, *to_everybody],
    }


def _severity_matcher(severity: Severity) -> str:
    if severity is Severity.WARNING:
        # A rule of the team's own that forgot its severity is read, not lost.
        return f'severity!~"{Severity.CRITICAL}|{Severity.INFO}|{Severity.NONE}"'
    return _is("severity", severity)


def _integrations(receivers: Receivers, severity: Severity, inline_webhook_url: bool) -> dict[str, Any]:
    """What tells people about alerts of this severity: the table in docs/notifications.md."""
    urgent = severity is Severity.CRITICAL
    within_the_hour = severity in (Severity.CRITICAL, Severity.WARNING)
    found: dict[str, Any] = {}
    if receivers.webhook:
        found["webhook_configs"] = [_webhook(receivers.webhook, inline_webhook_url)]
    if receivers.slack:
        found["slack_configs"] = [_slack(receivers.slack)]
    if receivers.email and within_the_hour:
        found["email_configs"] = [_email(receivers.email)]
    if receivers.sns and within_the_hour:
        found["sns_configs"] = [_sns(receivers.sns)]
    if receivers.pagerduty and urgent:
        found["pagerduty_configs"] = [_pagerduty(receivers.pagerduty)]
    return found


def _local(url: str, send_resolved: bool = True) -> dict[str, Any]:
    return {"url": url, "send_resolved": send_resolved}


def _webhook(webhook: Webhook, inline_url: bool) -> dict[str, Any]:
    where = {"url": webhook.url} if inline_url else {"url_file": webhook.url_file}
    config: dict[str, Any] = {**where, "send_resolved": True}
    if webhook.token_file:
        config["http_config"] = {"authorization": {"credentials_file": webhook.token_file}}
    return config


def _slack(slack: Slack) -> dict[str, Any]:
    return {
        "api_url_file": slack.api_url_file,
        "channel": slack.channel,
        "send_resolved": True,
        "username": "Swarmscope",
        "color": _template("swarmscope.slack.color"),
        "title": _template("swarmscope.slack.title"),
        "title_link": _template("swarmscope.link"),
        "text": _template("swarmscope.slack.text"),
        "fallback": _template("swarmscope.title"),
        "footer": _template("swarmscope.footer"),
    }


def _email(email: Email) -> dict[str, Any]:
    config: dict[str, Any] = {
        "to": email.to,
        "from": email.sender,
        "smarthost": email.smarthost,
        "require_tls": email.require_tls,
        "send_resolved": True,
    }
    if email.auth_username:
        config |= {"auth_username": email.auth_username, "auth_password_file": email.auth_password_file}
    return config | {
        "headers": {"Subject": _template("swarmscope.title")},
        "html": _template("swarmscope.email.html"),
        "text": _template("swarmscope.text"),
    }


def _pagerduty(pagerduty: PagerDuty) -> dict[str, Any]:
    config: dict[str, Any] = {"routing_key_file": pagerduty.routing_key_file, "send_resolved": True}
    if pagerduty.url:
        config["url"] = pagerduty.url
    return config | {
        "client": "Swarmscope",
        "client_url": _template("swarmscope.link"),
        "description": _template("swarmscope.title"),
        "severity": Severity.CRITICAL.value,
        "source": _template("swarmscope.pagerduty.source"),
        "component": "{{ .GroupLabels.system }}",
        "group": "{{ .GroupLabels.run }}",
        "class": "{{ .CommonLabels.alertname }}",
        "links": [
            {"href": _template("swarmscope.pagerduty.runbook"), "text": "Runbook"},
            {"href": _template("swarmscope.pagerduty.dashboard"), "text": "Dashboard"},
        ],
        "details": {
            "run": "{{ .GroupLabels.run }}",
            "system": "{{ .GroupLabels.system }}",
            "firing": _template("swarmscope.firing"),
            "resolved": _template("swarmscope.resolved"),
        },
    }


def _sns(sns: Sns) -> dict[str, Any]:
    config: dict[str, Any] = {
        "topic_arn": sns.topic_arn,
        "sigv4": {"region": sns.region},
        "send_resolved": True,
    }
    if sns.api_url:
        config["api_url"] = sns.api_url
    return config | {
        "subject": _template("swarmscope.sns.subject"),
        "message": _template("swarmscope.text"),
        "attributes": {
            "run": _template("swarmscope.sns.run"),
            "system": _template("swarmscope.sns.system"),
            "status": "{{ .Status }}",
        },
    }


def _inhibit_rules() -> list[dict[str, Any]]:
    """Which alert silences which, within one run; never one that is to stop the run, or it would go on."""
    of_the_load = (
        AlertName.LATENCY_TARGET_BREACHED,
        AlertName.ERROR_RATE_TARGET_BREACHED,
        AlertName.RATE_TARGET_BREACHED,
        AlertName.TARGET_MISSED_OVER_RUN,
        AlertName.TARGET_HAS_NO_DATA,
    )
    hung = (AlertName.REQUEST_HUNG, AlertName.NO_REQUEST_FINISHED)
    generators = (AlertName.WORKER_LOST, AlertName.GENERATOR_OVERLOADED, AlertName.LOAD_NOT_DELIVERED)
    return [
        # A service that hangs is slow, fails and gets less load: one cause, one message.
        _inhibits(hung, of_the_load),
        # The breach that goes on now says more than the sum over the run.
        _inhibits(TARGET_BREACHES, (AlertName.TARGET_MISSED_OVER_RUN,), "target"),
        # Without Locust's page nothing is known about the load or its generators.
        _inhibits((AlertName.EXPORTER_NOT_SCRAPED,), (*of_the_load, *hung, *generators)),
        # Without the service's page there is nothing to measure on its side.
        _inhibits((AlertName.SERVICE_NOT_SCRAPED,), (AlertName.SERVER_MEASUREMENT_MISSING,)),
    ]


def _inhibits(sources: Iterable[AlertName], targets: Iterable[AlertName], *equal: str) -> dict[str, Any]:
    return {
        "source_matchers": [_is_one_of("alertname", sources)],
        "target_matchers": [_is_one_of("alertname", targets), f'{ABORT_LABEL}!="true"'],
        "equal": [*GROUP_LABELS, *equal],
    }


def _template(name: str) -> str:
    return f'{{{{ template "{name}" . }}}}'


def _is(label: str, value: str) -> str:
    return f'{label}="{value}"'


def _is_one_of(label: str, values: Iterable[str]) -> str:
    return f'{label}=~"{"|".join(values)}"'
