"""Calls that wait to be made: a bounded queue that gives up its oldest and counts them. No I/O."""

from __future__ import annotations

from collections import deque

from swarmscope.aws.push_batches import Batch

MOST_VALUES = 500_000
"""About 40 MB: what a busy generator (20 requests, 1,000 per second) says in 10 to 25 minutes."""


class Backlog:
    """Batches in the order of their windows; the first may be on its way."""

    def __init__(self, most_values: int = MOST_VALUES) -> None:
        """Keep at most so many values (of all data together)."""
        self._most_values = most_values
        self._batches: deque[Batch] = deque()
        self._values = 0
        self._taken = False

    @property
    def data(self) -> int:
        """Data that wait, the batch on its way included."""
        return sum(len(batch.data) for batch in self._batches)

    @property
    def values(self) -> int:
        """Their values."""
        return self._values

    def put(self, batch: Batch) -> int:
        """Add a batch; returns how many data (the oldest, but never what is on its way) were given up for it."""
        self._batches.append(batch)
        self._values += batch.values
        return self._trim()

    def take(self) -> Batch | None:
        """The oldest batch, which stays here until it is settled; None when there is none."""
        if not self._batches:
            return None
        self._taken = True
        return self._batches[0]

    def settle(self) -> None:
        """The batch on its way is done with, whatever became of it."""
        self._taken = False
        self._values -= self._batches.popleft().values

    def put_back(self) -> int:
        """The batch on its way was not applied: it waits again; returns how many data were given up for that."""
        self._taken = False
        return self._trim()

    def clear(self) -> int:
        """Give up everything that is not on its way; returns how many data."""
        kept = [self._batches[0]] if self._taken else []
        given_up = self.data - sum(len(batch.data) for batch in kept)
        self._batches = deque(kept)
        self._values = sum(batch.values for batch in kept)
        return given_up

    def _trim(self) -> int:
        given_up = 0
        while self._values > self._most_values and len(self._batches) > self._taken:
            first = self._batches.popleft() if self._taken else None
            oldest = self._batches.popleft()
            if first is not None:
                self._batches.appendleft(first)
            self._values -= oldest.values
            given_up += len(oldest.data)
        return given_up
