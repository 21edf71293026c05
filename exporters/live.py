"""One run at one moment as plain JSON, for the native runner's live table and Locust's web UI. No I/O.

Schema 1, stable: keys are only ever added. Times are seconds, ratios 0 to 1, memory is bytes.

    {
      "schema": 1, "run": "triggers-…", "system": "triggers", "profile": "baseline",
      "environment": "local", "host": "http://…", "state": "running", "phase": "steady",
      "started": 1735689600.0 | null, "stopped": null, "elapsed": 31.2, "planned_seconds": 60.0 | null,
      "steady_seconds": 20.9, "users": 50, "user_classes": {"TriggersAPIUser": 50}, "users_wanted": 50,
      "finished": 15321, "failures": 2, "unfinished": 0, "rate_seconds": 5.0, "rps": 498.2, "failures_per_second": 0.4,
      "in_flight": 7, "oldest_age": 0.03, "oldest_request": "POST /events" | null,
      "verdict": "PASS" | "FAIL" | "INVALID" | "NO DATA" | null,
      "targets": [{"id": "post-events-p95", "in_words": "POST /events p95 ≤ 100ms", "request": "POST /events",
                   "kind": "p95", "priority": "critical", "limit": 0.1, "limit_written": "100ms",
                   "value": 0.063 | "+Inf" | null, "status": "PASS" | "FAIL" | "NO DATA", "samples": 12034,
                   "reason": "…"}],
      "generators": [{"name": "…", "state": "running", "users": 50, "cpu_ratio": 0.31, "memory_bytes": 93749248,
                      "report_age": 0.4, "lag": 0.002}],
      "problems": ["…"], "climb": {"held_users": 150, "held_rate": 148.2, "broken_users": 200} | null,
      "settling": {"what": "CloudWatch", "until": 1735689990.0, "seconds_left": 41.5} | null
    }

`rps` and `failures_per_second` are measured over the last `rate_seconds` seconds that were looked at: a service
that hangs shows as 0, at once, and not as the rate it had when it last answered. `value` is the string "+Inf" when
it lies above the last bucket, because JSON has no infinity.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from exporters.run_view import RunView
from swarmscope.measurements import Snapshot
from swarmscope.names import Outcome
from swarmscope.targets import Target
from swarmscope.verdict import Judgement, Status

SCHEMA = 1
RATE_SECONDS = 5.0
"""How far back the rates look. Longer than the workers' report interval, else they would jump between two values."""


class Totals(NamedTuple):
    """What a run has counted, over all its requests."""

    finished: int
    failures: int
    unfinished: int


class Rates(NamedTuple):
    """Requests and failures per second over the last `seconds`; all 0 while nothing can be said yet."""

    seconds: float
    rps: float
    failures_per_second: float


def totals(counts: Snapshot) -> Totals:
    """Add up finished, failed and unfinished requests."""
    finished = failures = unfinished = 0
    for request in counts.values():
        unfinished += request.unfinished
        for (outcome, _), count in request.outcomes.items():
            finished += count
            if outcome == Outcome.FAILURE:
                failures += count
    return Totals(finished, failures, unfinished)


class LiveHistory:
    """Remembers the last seconds' totals of one run, so that its present rate can be told from two of them."""

    def __init__(self, rate_seconds: float = RATE_SECONDS) -> None:
        self._rate_seconds = rate_seconds
        self._seen: deque[tuple[float, Totals]] = deque()

    def rates(self, now: float, current: Totals, started: float | None) -> Rates:
        """The rates between `current` and what was seen `rate_seconds` ago, or as long ago as anything is known.

        Before anything was seen, that is the run's start (`started`, on the same clock as `now`), when all were 0.
        """
        if not self._seen and started is not None:
            self._seen.append((started, Totals(0, 0, 0)))
        while len(self._seen) > 1 and self._seen[1][0] <= now - self._rate_seconds:
            self._seen.popleft()
        # Two pollers within a moment of each other would fill the memory with points that add nothing.
        if not self._seen or now - self._seen[-1][0] >= self._rate_seconds / 50:
            self._seen.append((now, current))
        then, before = self._seen[0]
        seconds = now - then
        if seconds <= 0:
            return Rates(0.0, 0.0, 0.0)
        return Rates(
            seconds,
            (current.finished - before.finished) / seconds,
            (current.failures - before.failures) / seconds,
        )


def live(view: RunView, now: float, history: LiveHistory | None = None) -> dict[str, object]:
    """The run as a JSON-able dict of schema 1; without a `history` the rates are those of the run as a whole.

    `now` is Unix seconds. The history, when given, remembers this look at the run.
    """
    current = totals(view.counts)
    rates = (history or LiveHistory(math.inf)).rates(now, current, view.started)
    oldest = max(view.waiting.items(), key=lambda item: item[1].oldest_age, default=None)
    judgements = {judgement.target.id: judgement for judgement in view.judgements}
    elapsed = 0.0 if view.started is None else (now if view.stopped is None else view.stopped) - view.started
    return {
        "schema": SCHEMA,
        "run": view.run,
        "system": view.system,
        "profile": view.profile,
        "environment": view.environment,
        "host": view.host,
        "state": str(view.state),
        "phase": str(view.phase),
        "started": view.started,
        "stopped": view.stopped,
        "elapsed": max(0.0, elapsed),
        "planned_seconds": view.planned_seconds,
        "steady_seconds": view.steady_seconds,
        "users": sum(view.users.values()),
        "user_classes": dict(view.users),
        "users_wanted": view.users_wanted,
        "finished": current.finished,
        "failures": current.failures,
        "unfinished": current.unfinished,
        "rate_seconds": rates.seconds,
        "rps": rates.rps,
        "failures_per_second": rates.failures_per_second,
        "in_flight": sum(waiting.requests for waiting in view.waiting.values()),
        "oldest_age": oldest[1].oldest_age if oldest else 0.0,
        "oldest_request": str(oldest[0]) if oldest and oldest[1].requests else None,
        "verdict": None if view.verdict is None else str(view.verdict),
        "targets": [_target(target, judgements.get(target.id)) for target in view.targets],
        "generators": [
            {
                "name": generator.name,
                "state": generator.state,
                "users": generator.users,
                "cpu_ratio": _number(generator.cpu_ratio),
                "memory_bytes": generator.memory_bytes,
                "report_age": _number(generator.report_age),
                "lag": _number(generator.lag),
            }
            for generator in view.generators
        ],
        "problems": list(view.problems),
        "climb": None if view.climb is None else view.climb._asdict(),
        "settling": None
        if view.settling_until is None
        else {
            "what": "CloudWatch",
            "until": view.settling_until,
            "seconds_left": max(0.0, view.settling_until - now),
        },
    }


def _target(target: Target, judgement: Judgement | None) -> dict[str, object]:
    value = None if judgement is None else judgement.value
    return {
        "id": target.id,
        "in_words": target.in_words,
        "request": target.request,
        "kind": str(target.kind),
        "priority": str(target.priority),
        "limit": float(target.limit),
        "limit_written": target.written,
        "value": _number(value),
        "status": str(Status.NO_DATA if judgement is None else judgement.status),
        "samples": 0 if judgement is None else judgement.samples,
        "reason": "Not judged yet." if judgement is None else judgement.reason,
    }


def _number(value: float | None) -> float | str | None:
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value
