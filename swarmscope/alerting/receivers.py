"""Who is told about an alert: one frozen value per kind of receiver, `None` where it is not configured. No I/O.

`swarmscope.edge.alertmanager.read_receivers` fills them from the environment. Secrets are never in these values:
they name the file that holds the secret, and Alertmanager reads it. The one exception is `Webhook.url`, for an
Alertmanager too old to read it from a file; it is kept out of every `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Webhook:
    """A further webhook: a chat bridge, an incident tool, a service of the team's own."""

    url_file: str
    url: str = field(default="", repr=False)
    """What the file holds; only used for Alertmanager before 0.26, which cannot read it from a file."""
    token_file: str = ""
    """File with a bearer token; empty sends none."""


@dataclass(frozen=True, slots=True)
class Slack:
    """An incoming webhook of Slack."""

    api_url_file: str
    channel: str


@dataclass(frozen=True, slots=True)
class Email:
    """A mail server that takes our mail, and who it is for."""

    smarthost: str
    """`host:port`."""
    sender: str
    to: str
    """One address, or several with commas between."""
    auth_username: str = ""
    auth_password_file: str = ""
    require_tls: bool = True


@dataclass(frozen=True, slots=True)
class PagerDuty:
    """A service of PagerDuty with the integration `Events API v2`."""

    routing_key_file: str
    url: str = ""
    """Empty is the United States' endpoint, Alertmanager's default."""


@dataclass(frozen=True, slots=True)
class Sns:
    """A topic of Amazon SNS; credentials come from AWS' default chain, so normally from a role."""

    topic_arn: str
    region: str
    api_url: str = ""
    """Empty is the region's own endpoint."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Everybody who is told, beside the local receiver, which always is."""

    webhook: Webhook | None = None
    slack: Slack | None = None
    email: Email | None = None
    pagerduty: PagerDuty | None = None
    sns: Sns | None = None
