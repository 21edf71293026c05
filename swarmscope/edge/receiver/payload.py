"""Alertmanager's webhook message, version 4, checked once at the door. No I/O.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from swarmscope.alerting.alert_names import ABORT_LABEL


class BadPayload(ValueError):
    """A message that is not Alertmanager's; its text lists every problem with its path."""


class _Value(BaseModel):
    # Later versions of Alertmanager may add fields; those are kept out, not refused.
    model_config = ConfigDict(frozen=True, extra="ignore")


class SentAlert(_Value):
    """One alert of a message."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: AwareDatetime = Field(alias="startsAt")
    ends_at: AwareDatetime | None = Field(default=None, alias="endsAt")
    generator_url: str = Field(default="", alias="generatorURL")
    fingerprint: str = ""

    @property
    def name(self) -> str:
        """The `alertname` label, or "" where there is none."""
        return self.labels.get("alertname", "")

    @property
    def run(self) -> str:
        """The run that it is about, or "" for one that concerns all."""
        return self.labels.get("run", "")

    @property
    def is_firing(self) -> bool:
        """Whether it goes on."""
        return self.status == "firing"

    @property
    def asks_to_stop(self) -> bool:
        """Whether it goes on and says `abort="true"` about a run that it names."""
        return self.is_firing and self.labels.get(ABORT_LABEL) == "true" and self.run != ""

    @property
    def identity(self) -> tuple[str, datetime]:
        """What tells one breach from the next of the same alert."""
        return self.fingerprint or repr(sorted(self.labels.items())), self.starts_at

    def as_json(self) -> dict[str, Any]:
        """The alert in Alertmanager's own words, for the file and the API."""
        return {
            "status": self.status,
            "labels": self.labels,
            "annotations": self.annotations,
            "startsAt": self.starts_at.isoformat(),
            # Alertmanager sends year 1 for "has not ended".
            "endsAt": self.ends_at.isoformat() if self.ends_at and not self.is_firing else None,
            "generatorURL": self.generator_url,
            "fingerprint": self.fingerprint,
        }


class Notification(_Value):
    """One message: the alerts of one group, those that go on and those that have just ended."""

    version: Literal["4"]
    group_key: str = Field(alias="groupKey")
    status: Literal["firing", "resolved"]
    alerts: tuple[SentAlert, ...] = Field(min_length=1)
    receiver: str = ""
    group_labels: dict[str, str] = Field(default_factory=dict, alias="groupLabels")
    external_url: str = Field(default="", alias="externalURL")
    truncated_alerts: int = Field(default=0, alias="truncatedAlerts")

    def label(self, name: str) -> str:
        """A label that the whole group shares: its group label, or the first alert's."""
        return self.group_labels.get(name) or self.alerts[0].labels.get(name, "")

    @property
    def run(self) -> str:
        """The run that it is about, or "" for one that concerns all."""
        return self.label("run")

    def as_json(self) -> dict[str, Any]:
        """What the receiver keeps of it; `read_kept` is the way back."""
        return {
            "status": self.status,
            "run": self.run,
            "system": self.label("system"),
            "receiver": self.receiver,
            "groupKey": self.group_key,
            "groupLabels": self.group_labels,
            "externalURL": self.external_url,
            "truncatedAlerts": self.truncated_alerts,
            "alerts": [alert.as_json() for alert in self.alerts],
        }


def parse_payload(body: bytes) -> Notification:
    """The message in a request's body; raises BadPayload with every problem."""
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        raise BadPayload(_in_words(error)) from None


def read_kept(record: dict[str, Any]) -> Notification:
    """The message that a kept record was made of; raises BadPayload for a record that is none."""
    try:
        return Notification.model_validate({"version": "4", **record})
    except ValidationError as error:
        raise BadPayload(_in_words(error)) from None


def _in_words(error: ValidationError) -> str:
    problems = []
    for found in error.errors(include_url=False, include_context=False, include_input=False):
        path = ""
        for part in found["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
        problems.append(f"{path}: {found['msg']}" if path else found["msg"])
    return "; ".join(problems)
