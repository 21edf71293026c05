"""Proves from sequence numbers that a subscription got every message once and in order. No I/O.

What counts as lost: a message that the service should have sent over *this* connection, while it lasted, and did not.
A gap in a publisher's numbers is one, once the rest of it has not come for a while; so is what is missing when the
subscription ends and the service says how many messages it sent. Not lost are messages of the time in which the
receiver was not connected, or those on their way when a connection broke: live channels store nothing, and promise
nothing to who is not there. Numbers begin anew with each connection of a publisher, under a new publisher's name, as
what it sent into a broken connection may or may not have been taken.
"""

from __future__ import annotations

from enum import Enum

MOST_PUBLISHERS = 1000
"""That are remembered for one subscription: each reconnection of a publisher is one more."""

MOST_MISSING = 1000
"""Numbers of one gap that may still come; the ones before are lost at once."""


class Arrival(Enum):
    """What a message's number says about it."""

    IN_ORDER = 0
    OUT_OF_ORDER = 1
    """A later one of the same publisher came first."""
    REPEATED = 2


class SequenceCheck:
    """The messages of one subscription."""

    def __init__(self) -> None:
        self.received = 0
        """Different messages."""
        self.lost = 0
        self._next: dict[str, int] = {}
        self._missing: dict[tuple[str, int], float] = {}

    def arrived(self, publisher: str, sequence: int, now: float) -> Arrival:
        """Count a message."""
        expected = self._next.get(publisher)
        if expected == sequence or expected is None:
            if expected is None and len(self._next) >= MOST_PUBLISHERS:
                del self._next[next(iter(self._next))]
            self._next[publisher] = sequence + 1
            self.received += 1
            return Arrival.IN_ORDER
        if sequence > expected:
            first = max(expected, sequence - MOST_MISSING)
            self.lost += first - expected
            for number in range(first, sequence):
                self._missing[publisher, number] = now
            self._next[publisher] = sequence + 1
            self.received += 1
            return Arrival.IN_ORDER
        if self._missing.pop((publisher, sequence), None) is None:
            return Arrival.REPEATED
        self.received += 1
        return Arrival.OUT_OF_ORDER

    def give_up(self, before: float) -> None:
        """Count as lost what has been missing since before that time."""
        overdue = [which for which, since in self._missing.items() if since <= before]
        for which in overdue:
            del self._missing[which]
        self.lost += len(overdue)

    def end(self, sent: int | None) -> None:
        """The subscription is over; `sent` is how many messages the service says it has sent, if it still could."""
        missing = len(self._missing)
        if sent is not None:
            missing = max(missing, sent - self.received - self.lost)
        self._missing.clear()
        self.lost += missing
