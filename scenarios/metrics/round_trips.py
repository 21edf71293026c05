"""One user's publications that the service has not answered yet: in flight for the exporter, and bounded in time."""

from __future__ import annotations

import time

from exporters.in_flight import InFlight
from swarmscope.measurements import RequestKey

ROUND_TRIP = RequestKey("WS", "round trip")


class RoundTrips:
    """Publications by their sequence numbers, oldest first. Times are perf_counter's."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._open: dict[int, tuple[int, float, float]] = {}
        """Sequence number → number in flight, when it was due, when it was sent."""

    def begin(self, sequence: int, due: float) -> None:
        """A publication is sent now."""
        self._open[sequence] = self._in_flight.begin(ROUND_TRIP), due, time.perf_counter()

    def end(self, sequence: int) -> float:
        """It was answered; returns when it was due. Raises KeyError for one that nobody waits for."""
        number, due, _ = self._open.pop(sequence)
        self._in_flight.end(number)
        return due

    def end_all(self) -> list[float]:
        """None will be answered any more; returns when each was due."""
        return [self.end(sequence) for sequence in list(self._open)]

    def cut_off(self) -> None:
        """The run ended before they were answered."""
        for number, _, _ in self._open.values():
            self._in_flight.end_unanswered(number)
        self._open.clear()

    def oldest(self) -> float | None:
        """When the one that waits longest was sent; None when none does."""
        return next((sent for _, _, sent in self._open.values()), None)
