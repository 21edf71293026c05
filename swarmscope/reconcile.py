"""Compares a run's totals as three parties counted them: our recorder, Locust, and Prometheus. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from swarmscope.measurements import RequestKey, Snapshot
from swarmscope.names import OTHER, Outcome
from swarmscope.run_result import Reconciliation


def reconcile(
    totals: Snapshot,
    locust: Mapping[RequestKey, tuple[int, int]],
    prometheus: Mapping[tuple[RequestKey, str], int] | None,
) -> tuple[Reconciliation, ...]:
    """One row per request and outcome; requests that a full recorder folded into `other` are folded here too."""
    folded: dict[RequestKey, list[int]] = {}
    for key, (requests, failures) in locust.items():
        known = key if key in totals else RequestKey(key.method, OTHER)
        known = known if known in totals else key
        row = folded.setdefault(known, [0, 0])
        row[0] += requests - failures
        row[1] += failures
    rows = []
    for key in sorted({*totals, *folded}):
        counts = totals.get(key)
        recorded = (counts.finished - counts.failures, counts.failures) if counts else (0, 0)
        counted = folded.get(key, [0, 0])
        for index, outcome in enumerate((Outcome.SUCCESS, Outcome.FAILURE)):
            scraped = None if prometheus is None else prometheus.get((key, str(outcome)), 0)
            rows.append(Reconciliation(key, str(outcome), recorded[index], counted[index], scraped))
    return tuple(rows)


def disagreements(rows: Sequence[Reconciliation]) -> list[Reconciliation]:
    """The rows whose counts differ."""
    return [row for row in rows if not row.agrees]
