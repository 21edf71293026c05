"""When a user's next request is due, on a schedule that slow answers cannot stretch. No I/O.

A user that simply pauses between requests asks less of a service that has become slow, and so hides it: where the
service stalls for 2 s in every 20, such users measure a P99 of 14 ms and callers who do not wait for each other 1.8 s.
Here request n is due at start + n / rate. One that could not be sent when it was due, because the answer before it
was late, is sent as soon as possible, and its latency counts from when it was due.
"""

from __future__ import annotations

import math
from collections.abc import Callable

LONGEST_BACKLOG_SECONDS = 10.0
"""What a user catches up on at most: after a longer stall the rest is given up, and counted."""


class Schedule:
    """The times at which one user's requests are due."""

    def __init__(self, per_second: float, clock: Callable[[], float], phase: float) -> None:
        """`phase` from 0 to 1 is the part of an interval that the second request comes early by.

        Users start in batches; with the same phase, they would send in batches, too.
        """
        self._interval = 1 / per_second
        self._clock = clock
        self._due = clock() - phase * self._interval
        self.late = 0.0
        """Seconds by which the answer before made the next request late."""
        self.given_up = 0
        """Requests that were never sent, because the backlog was too long."""

    def wait(self) -> float:
        """Seconds until the next request; 0 when it is late."""
        self._due += self._interval
        late = self._clock() - self._due
        if late > LONGEST_BACKLOG_SECONDS:
            missed = math.ceil((late - LONGEST_BACKLOG_SECONDS) / self._interval)
            self._due += missed * self._interval
            late -= missed * self._interval
            self.given_up += missed
        self.late = max(late, 0.0)
        return max(-late, 0.0)
