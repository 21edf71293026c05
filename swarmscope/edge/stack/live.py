"""Asks the exporter how the run goes, Prometheus which alerts fire and the receiver what it was told. I/O: HTTP.

Every answer may fail to come: the load goes on without us, so a missing one is None, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from swarmscope.alerting.alert_names import AlertName
from swarmscope.settings import Settings

TIMEOUT_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires."""

    name: str
    labels: Mapping[str, str]
    summary: str

    @property
    def identity(self) -> tuple[str, str]:
        """Which alert this is among those of one run."""
        return self.name, self.labels.get("target") or self.labels.get("name", "") or self.labels.get(
            "job", ""
        )


class Watcher:
    """Looks at a running stack from outside, over loopback."""

    def __init__(self, settings: Settings) -> None:
        self._exporter = settings.url(settings.exporter_port)
        self._prometheus = settings.url(settings.prometheus_port)
        self._receiver = settings.url(settings.receiver_port)
        self._session = requests.Session()
        # A proxy of the environment has no part in what happens on this machine.
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def live(self, run: str) -> Mapping[str, Any] | None:
        """The run as `GET /live` of the exporter tells it (schema 1), or None while it tells of no such run."""
        answer = self._get(f"{self._exporter}/live")
        runs = answer.get("runs", ()) if isinstance(answer, dict) else ()
        return next((each for each in runs if each.get("run") == run), None)

    def alerts(self, run: str) -> Sequence[Alert] | None:
        """The alerts that fire for this run or for the stack as a whole, without the watchdog."""
        answer = self._get(f"{self._prometheus}/api/v1/alerts")
        if not isinstance(answer, dict) or answer.get("status") != "success":
            return None
        return [
            Alert(
                each["labels"].get("alertname", ""),
                each["labels"],
                each.get("annotations", {}).get("summary", ""),
            )
            for each in answer["data"]["alerts"]
            if each.get("state") == "firing"
            and each["labels"].get("alertname") != AlertName.WATCHDOG
            and each["labels"].get("run", run) == run
        ]

    def notifications(self, run: str) -> Sequence[Mapping[str, Any]] | None:
        """What the receiver was told about this run, oldest first."""
        answer = self._get(f"{self._receiver}/api/notifications", {"run": run})
        if isinstance(answer, dict):
            answer = answer.get("notifications")
        return answer if isinstance(answer, list) else None

    def _get(self, url: str, params: Mapping[str, str] | None = None) -> Any:
        try:
            answer = self._session.get(url, params=params, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            return answer.json() if answer.ok else None
        except (requests.RequestException, ValueError):
            return None
