"""Turns kept records into the receiver's page: by run, newest first. No I/O but reading its own template, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

SHOWN = 100
"""Records on the page, the newest; the API has the rest."""
CONSIDERED = 2000
"""Records that what fires now is taken from: a page that is asked for every two seconds must cost little."""

PAGE_HEADERS = {
    # What alerts say comes from outside: even markup that slipped through could load and send nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_STOPS_IN_WORDS = {
    "requested": "Stop asked for",
    "stopped": "Run stopped",
    "already_stopping": "Run was over or stopping already",
    "recovered": "Stop called off",
    "unknown_run": "Not stopped: Locust runs another run",
    "refused": "Not stopped: Locust refused",
    "failed": "Not stopped",
    "disabled": "Not stopped",
}
_GOOD_STOPS = ("recovered",)


@dataclass(slots=True)
class _Section:
    """One run on the page."""

    run: str
    system: str
    events: list[dict[str, Any]] = field(default_factory=list)
    firing: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What goes on, by group: a notification lists all of its group, so the newest one is the truth."""
    stop: dict[str, Any] | None = None

    @property
    def firing_now(self) -> list[dict[str, Any]]:
        """Every alert that goes on."""
        return [alert for alerts in self.firing.values() for alert in alerts]


def render_page(
    newest_first: Iterable[Mapping[str, Any]],
    *,
    total: int,
    now: datetime,
    watchdog_at: datetime | None,
    disk_error: str = "",
) -> str:
    """The page as HTML; `newest_first` are the store's records, of which it has `total`."""
    sections = _sections(list(islice(newest_first, CONSIDERED))[::-1])
    return _template.render(
        sections=sections,
        firing=sum(len(section.firing_now) for section in sections),
        older=max(0, total - SHOWN),
        now=now,
        watchdog_age=None if watchdog_at is None else (now - watchdog_at).total_seconds(),
        disk_error=disk_error,
    )


def _sections(records: list[Mapping[str, Any]]) -> list[_Section]:
    sections: dict[str, _Section] = {}
    seen: set[tuple[str, str]] = set()
    first_shown = len(records) - SHOWN
    for index, record in enumerate(records):
        run = record["run"]
        # The run that spoke last comes first.
        section = sections.pop(run, None) or _Section(run, record["system"])
        sections[run] = section
        if record["kind"] == "stop":
            event = _stop_event(record)
            section.stop = event
        else:
            event = _notification_event(record, seen)
            section.firing[record["groupKey"]] = [alert for alert in event["alerts"] if alert["firing"]]
        if index >= first_shown:
            section.events.insert(0, event)
    return list(reversed(sections.values()))


def _stop_event(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "stop",
        "at": record["received_at"],
        "words": _STOPS_IN_WORDS.get(record["status"], record["status"]),
        "good": record["status"] in _GOOD_STOPS,
        "reason": record["reason"],
        "detail": record["detail"],
    }


def _notification_event(record: Mapping[str, Any], seen: set[tuple[str, str]]) -> dict[str, Any]:
    alerts = []
    for alert in record["alerts"]:
        breach = (alert["fingerprint"] or repr(alert["labels"]), alert["startsAt"])
        is_news = breach not in seen
        seen.add(breach)
        alerts.append(_alert_view(alert, record["received_at"], is_news))
    return {
        "kind": "notification",
        "at": record["received_at"],
        "firing": record["status"] == "firing",
        "alerts": alerts,
        "truncated": record.get("truncatedAlerts", 0),
    }


def _alert_view(alert: Mapping[str, Any], received_at: str, is_news: bool) -> dict[str, Any]:
    labels, annotations = alert["labels"], alert["annotations"]
    started = datetime.fromisoformat(alert["startsAt"])
    ended = datetime.fromisoformat(alert["endsAt"]) if alert["endsAt"] else None
    firing = alert["status"] == "firing"
    return {
        "firing": firing,
        "name": labels.get("alertname", ""),
        "summary": annotations.get("summary", ""),
        "description": annotations.get("description", ""),
        "measured": annotations.get("measured", ""),
        "limit": annotations.get("limit", ""),
        "severity": labels.get("severity", ""),
        "aborts": labels.get("abort") == "true",
        "runbook": annotations.get("runbook_url", ""),
        "dashboard": annotations.get("dashboard_url", ""),
        "started": started,
        "lasted": (ended - started).total_seconds() if ended else None,
        # How late it came is news once; a repetition would only show its age.
        "delay": (datetime.fromisoformat(received_at) - started).total_seconds()
        if firing and is_news
        else None,
        "labels": sorted((name, value) for name, value in labels.items() if name != "alertname"),
    }


def _clock(moment: datetime | str) -> str:
    """`14:03:07.218`, UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _duration(seconds: float) -> str:
    """`3.2 s`, `4 min 5 s`, `2 h 3 min`."""
    if seconds < 60:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _is_web_address(text: str) -> bool:
    """Only http and https become links: an annotation may hold any text, `javascript:` included."""
    return text.startswith(("http://", "https://"))


_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)
_environment.filters |= {"clock": _clock, "duration": _duration}
_environment.tests["web_address"] = _is_web_address
_template = _environment.get_template("page.html")
