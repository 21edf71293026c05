"""What one user was promised: which of its numbered events are acknowledged, in bounded memory. No I/O.

A user numbers its events 1, 2, 3 … What is acknowledged is everything up to the last number but the exceptions: those
whose answer never came or was an error. They may be stored or not, and nothing is owed for them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_EXCEPTIONS = 5000
"""Per user. More of them, and what was acknowledged until then is given up as unverified."""
Range = Sequence[int]
"""First and last number."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of acknowledged events."""

    stored: int = 0
    """Exactly once."""
    missing: int = 0
    doubled: int = 0
    unverified: int = 0


class Ledger:
    """The events of one source."""

    def __init__(self) -> None:
        self.first = 1
        self.last = 0
        self._open: set[int] = set()
        self.given_up = 0
        """Acknowledged events that can no longer be told from the exceptions."""

    def take(self, count: int = 1) -> range:
        """The next numbers; they are exceptions until they are acknowledged."""
        if len(self._open) + count > MOST_EXCEPTIONS:
            self.given_up += self.owed
            self.first = self.last + 1
            self._open.clear()
        numbers = range(self.last + 1, self.last + 1 + count)
        self.last += count
        self._open.update(numbers)
        return numbers

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """The service has said that it has these."""
        self._open.difference_update(numbers)

    @property
    def owed(self) -> int:
        """How many acknowledged events there are to be verified."""
        return self.last - self.first + 1 - len(self._open)

    def compare(self, stored: Sequence[Range], doubled: Sequence[Range]) -> Outcome:
        """What became of the events, given which numbers are stored, and which of them more than once."""
        found = self._owed_within(stored)
        twice = self._owed_within(doubled)
        # An event that nothing was owed for is none the less wrong when it is there twice.
        extra = _within(doubled, self.first, self.last) - twice
        return Outcome(found - twice, self.owed - found, twice + extra, self.given_up)

    def nothing_known(self) -> Outcome:
        """What became of the events when the service could not be asked."""
        return Outcome(unverified=self.owed + self.given_up)

    def _owed_within(self, ranges: Sequence[Range]) -> int:
        exceptions = sorted(self._open)
        inside = sum(
            bisect_right(exceptions, last) - bisect_left(exceptions, first) for first, last in ranges
        )
        return _within(ranges, self.first, self.last) - inside


def _within(ranges: Sequence[Range], first: int, last: int) -> int:
    return sum(max(0, min(last, end) - max(first, begin) + 1) for begin, end in ranges)
