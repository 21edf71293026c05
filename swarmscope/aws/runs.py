"""The runs that Locust makes, as far as AWS' side needs to know them: when each began and ended. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

EARLY_SECONDS = 60.0
"""How long before its first user a run's cold starts may lie: the service was started for it."""


@dataclass(frozen=True, slots=True)
class RunSpan:
    """One run, by Locust's clock, in Unix seconds."""

    run: str
    system: str
    started: float
    stopped: float | None
    seen_until: float
    """When it was last seen: until then it is known whether it was running."""

    @property
    def is_over(self) -> bool:
        """Whether its load has ended."""
        return self.stopped is not None

    @property
    def begins(self) -> float:
        """From when on its cold starts count."""
        return self.started - EARLY_SECONDS

    def lost(self) -> RunSpan:
        """The run once Locust is gone: it ended when it was last seen."""
        return self if self.is_over else replace(self, stopped=self.seen_until)


class Place(Enum):
    """Where a moment lies when it is in no run."""

    OUTSIDE = "outside"
    NOT_YET_KNOWN = "not yet known"
    """The run may have ended before it: Locust has not been asked since."""


def newest_run(live: Mapping[str, Any], system: str) -> RunSpan | None:
    """The system's newest run that has begun, from Locust's `/live` (schema 1); None when there is none.

    Raises ValueError when the answer is no such document.
    """
    now, runs = live.get("now"), live.get("runs")
    if not isinstance(now, int | float) or not isinstance(runs, list):
        raise ValueError("not the answer of Swarmscope's /live")
    spans = [
        RunSpan(str(run.get("run")), system, float(run["started"]), _seconds(run.get("stopped")), float(now))
        for run in runs
        if isinstance(run, dict) and run.get("system") == system and _seconds(run.get("started")) is not None
    ]
    return max(spans, key=lambda span: span.started, default=None)


def run_of(moment: float, runs: Iterable[RunSpan]) -> RunSpan | Place:
    """The run that a moment lies in; of two that follow each other closely the earlier one, while it lasted."""
    for run in sorted(runs, key=lambda run: run.started):
        if moment < run.begins:
            continue
        if run.stopped is None:
            return run if moment <= run.seen_until else Place.NOT_YET_KNOWN
        if moment <= run.stopped:
            return run
    return Place.OUTSIDE


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
