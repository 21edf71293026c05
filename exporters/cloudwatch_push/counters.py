"""What became of the data pushed to CloudWatch: in this process, and in a master's workers. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from swarmscope.aws.push_outcomes import Outcome

STORED, AMBIGUOUS, REFUSED, DROPPED = "stored", "ambiguous", "refused", "dropped"
"""What becomes of a datum; `dropped` was given up without having been sent."""


def _no_data() -> dict[str, int]:
    return dict.fromkeys((STORED, AMBIGUOUS, REFUSED, DROPPED), 0)


def _no_calls() -> dict[str, int]:
    return dict.fromkeys((str(outcome) for outcome in Outcome), 0)


@dataclass(slots=True)
class PushCounters:
    """Over the life of the process. Data made = the sum of `data` + `backlog`, at every moment."""

    data: dict[str, int] = field(default_factory=_no_data)
    calls: dict[str, int] = field(default_factory=_no_calls)
    backlog: int = 0
    """Data that wait to be sent."""
    last_success: float = 0.0
    """Unix seconds; 0 when no call has been answered well yet."""
    workers: dict[str, PushCounters] = field(default_factory=dict)
    """Worker → what it last reported, in a master."""

    @property
    def made(self) -> int:
        """All data that windows have given."""
        return sum(self.data.values()) + self.backlog

    def report(self) -> dict[str, Any]:
        """The counters for a worker's report to its master: totals, so that a lost report changes nothing."""
        return {
            "data": self.data,
            "calls": self.calls,
            "backlog": self.backlog,
            "last_success": self.last_success,
        }

    def take_report(self, worker: str, report: Mapping[str, Any]) -> None:
        """Keep what a worker says of itself."""
        data, calls = {**_no_data(), **report["data"]}, {**_no_calls(), **report["calls"]}
        self.workers[worker] = PushCounters(data, calls, report["backlog"], report["last_success"])

    def together(self) -> PushCounters:
        """This process and its workers, added up; the last success is the newest."""
        total = PushCounters()
        for each in (self, *self.workers.values()):
            for name, number in each.data.items():
                total.data[name] = total.data.get(name, 0) + number
            for name, number in each.calls.items():
                total.calls[name] = total.calls.get(name, 0) + number
            total.backlog += each.backlog
            total.last_success = max(total.last_success, each.last_success)
        return total

    def in_words(self) -> str:
        """`1,204 data stored, 0 refused, 0 ambiguous, 3 dropped, in 12 calls`."""
        data = self.data
        return (
            f"{data[STORED]:,} data stored, {data[REFUSED]:,} refused, {data[AMBIGUOUS]:,} ambiguous, "
            f"{data[DROPPED]:,} dropped, in {sum(self.calls.values()):,} calls"
        )
