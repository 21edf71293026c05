"""Counts what was called, how large, and how it ended: what tests and reports hold clients to. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from reference.aws.protocols import Call


@dataclass(slots=True)
class _Counts:
    calls: int = 0
    succeeded: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    largest_body_bytes: int = 0
    largest_unpacked_bytes: int = 0
    most_values: int = 0
    most_metrics: int = 0
    metrics: int = 0


class Calls:
    """The counters of one stand-in."""

    def __init__(self) -> None:
        self._counts: dict[str, _Counts] = {}

    def came(self, api: str, sent_bytes: int) -> None:
        """A call arrived, with a body of so many bytes as it was sent."""
        counts = self._of(api)
        counts.calls += 1
        counts.largest_body_bytes = max(counts.largest_body_bytes, sent_bytes)

    def read(self, call: Call) -> None:
        """It could be read."""
        counts = self._of(call.operation)
        counts.largest_unpacked_bytes = max(counts.largest_unpacked_bytes, call.unpacked_bytes)
        data = call.parameters.get("MetricData", call.parameters.get("MetricDataQueries", ()))
        counts.metrics += len(data)
        counts.most_metrics = max(counts.most_metrics, len(data))
        values = max((len(datum.get("Values", ())) for datum in data), default=0)
        counts.most_values = max(counts.most_values, values)

    def ended(self, api: str, error: str = "") -> None:
        """It was answered: well, or with an error."""
        counts = self._of(api)
        if error:
            counts.errors[error] += 1
        else:
            counts.succeeded += 1

    def clear(self) -> None:
        """Begin to count anew."""
        self._counts.clear()

    def describe(self) -> list[dict[str, Any]]:
        """The counters as JSON, one object for each API that was called.

        `metrics` are those put (data) or requested (queries) by all calls together; `most_metrics` by one.
        """
        return [
            {
                "api": api,
                "calls": counts.calls,
                "succeeded": counts.succeeded,
                "errors": dict(sorted(counts.errors.items())),
                "largest_body_bytes": counts.largest_body_bytes,
                "largest_unpacked_bytes": counts.largest_unpacked_bytes,
                "most_values": counts.most_values,
                "metrics": counts.metrics,
                "most_metrics": counts.most_metrics,
            }
            for api, counts in sorted(self._counts.items())
        ]

    def _of(self, api: str) -> _Counts:
        return self._counts.setdefault(api, _Counts())
