"""Whether the load itself can be trusted: collects reasons to distrust it while a run goes on. No I/O.

A measurement made by an overloaded generator, or under less load than wanted, says nothing about the service:
such a run is INVALID unless a target was missed anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporters.run_view import GeneratorView

CPU_LIMIT = 0.9
"""Share of a core above which a generator's own work may delay its requests (Locust's own warning threshold)."""
CPU_SECONDS = 10.0
"""Seconds in a row above CPU_LIMIT that make a run INVALID; shorter peaks (start-up, a report) do not."""
TOLERATED_SHARE = 0.05
"""Share of the judged window that may be short of users, or have a late event loop."""


@dataclass(slots=True)
class Validity:
    """The reasons, so far, to distrust one run's load. Times are the caller's clock in seconds."""

    smallest_limit: float | None = None
    """The smallest latency limit judged, in seconds: an event loop later than this makes its verdict worthless."""
    cpu_seconds: float = CPU_SECONDS
    """Seconds in a row above CPU_LIMIT that are too many."""
    _judged: float = field(default=0.0, init=False)
    _short: float = field(default=0.0, init=False)
    _fewest: tuple[int, int] = field(default=(0, 0), init=False)
    _late: dict[str, float] = field(default_factory=dict, init=False)
    _worst_lag: float = field(default=0.0, init=False)
    _hot: dict[str, float] = field(default_factory=dict, init=False)
    _hottest: dict[str, float] = field(default_factory=dict, init=False)
    _lost: dict[str, str] = field(default_factory=dict, init=False)
    _other: dict[str, None] = field(default_factory=dict, init=False)

    def observe(self, seconds: float, generators: Sequence[GeneratorView], users: int, wanted: int) -> None:
        """Take in one moment of the judged window that stands for `seconds` of it."""
        self._judged += seconds
        if users < wanted:
            self._short += seconds
            if not self._fewest[1] or users < self._fewest[0]:
                self._fewest = (users, wanted)
        for generator in generators:
            name = generator.name
            hot = self._hot.get(name, 0.0) + seconds if generator.cpu_ratio > CPU_LIMIT else 0.0
            self._hot[name] = hot
            self._hottest[name] = max(self._hottest.get(name, 0.0), hot)
            if self.smallest_limit is not None and generator.lag > self.smallest_limit:
                self._late[name] = self._late.get(name, 0.0) + seconds
                self._worst_lag = max(self._worst_lag, generator.lag)

    def worker_lost(self, worker: str, when: str) -> None:
        """A worker went away; what it counted after its last report is not known."""
        self._lost.setdefault(worker, when)

    def worker_back(self, worker: str) -> None:
        """A worker that was thought lost has delivered its final report after all: nothing is missing."""
        self._lost.pop(worker, None)

    def add(self, reason: str) -> None:
        """Add a reason that the caller found."""
        self._other[reason] = None

    @property
    def lost_workers(self) -> frozenset[str]:
        """Workers that are lost."""
        return frozenset(self._lost)

    def reasons(self) -> list[str]:
        """Every reason to distrust the load, one sentence each."""
        found = [
            f"worker {worker} was lost {when}: what it measured after its last report is missing"
            for worker, when in self._lost.items()
        ]
        found += [
            f"load generator {name} used more than {CPU_LIMIT:.0%} of its core for {seconds:.0f} s in a row: "
            "its response times include its own delays (add workers, or lower the load)"
            for name, seconds in self._hottest.items()
            if seconds >= self.cpu_seconds
        ]
        tolerated = TOLERATED_SHARE * self._judged
        found += [
            f"load generator {name}'s event loop was up to {self._worst_lag * 1000:.0f} ms late, "
            f"more than the smallest latency limit, during {seconds:.0f} s of {self._judged:.0f} s judged"
            for name, seconds in self._late.items()
            if seconds > tolerated
        ]
        if self._short > tolerated:
            users, wanted = self._fewest
            found.append(
                f"the wanted load was not delivered: as few as {users} of {wanted} users ran, "
                f"short for {self._short:.0f} s of {self._judged:.0f} s judged"
            )
        return found + list(self._other)
