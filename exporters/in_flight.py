"""Knows which requests were sent and not yet answered, so that a service that hangs is seen. No I/O.

Locust counts a request when it is over; one that never is, is in none of its statistics. Requests of Locust's HTTP
clients are known after one call of `http_clients.track_http_clients()`; those of any other client by

    with track_request("WS", "subscribe"):
        ...the same span that is reported to Locust as the response time...

(Not around `events.request.measure`: Locust lets that report a request that was cut off as a success.)

One table serves the whole process (`IN_FLIGHT`): a client knows its Locust environment no better than that, and
Locust runs one load test per process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from time import perf_counter
from types import TracebackType

from gevent import GreenletExit

from exporters.run_view import Waiting
from swarmscope.measurements import RequestKey
from swarmscope.run_result import PendingRequest

MAX_CUT_OFF = 100
"""Requests that were cut off and are kept one by one for the report; all of them are counted."""

Flight = tuple[float, RequestKey]
"""A request in flight: when it was sent (on the clock), and which it is."""


class InFlight:
    """The requests in flight in one process. Times are `clock` seconds; it must be the clients' (perf_counter)."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self.on_cut_off: Callable[[RequestKey], None] | None = None
        """Called for each request that was cut off before an answer came (`Recorder.count_unfinished`)."""
        self.accept: Callable[[RequestKey], RequestKey] | None = None
        """Maps a request to the key that is published, so that keys stay few (`Recorder.accept`)."""
        self.graceful_stop: Callable[[], float] = lambda: 0.0
        """Seconds that a user's requests get once it is told to stop (Locust's stop_timeout)."""
        self.http_clients: Callable[[], Iterable[Flight]] | None = None
        """The requests of Locust's HTTP clients, once they are followed."""
        self.cut_off: deque[PendingRequest] = deque(maxlen=MAX_CUT_OFF)
        """The latest requests that were cut off; once the run is stopping, only those that its stop cut off."""
        self._tracked: dict[int, Flight] = {}
        self._numbers = count()

    def start_run(self) -> None:
        """Forget the previous run's cut-off requests; what is still in flight stays, as it is in flight."""
        self.cut_off.clear()

    def stopping(self) -> None:
        """The run is being stopped: what was cut off earlier was cut off by the profile, with the users it stopped."""
        self.cut_off.clear()

    def begin(self, key: RequestKey) -> int:
        """Enter a request that is sent now; returns the number that ends it."""
        number = next(self._numbers)
        self._tracked[number] = (self.clock(), key)
        return number

    def end(self, number: int) -> None:
        """Remove a request that was answered, or failed."""
        self._tracked.pop(number, None)

    def end_unanswered(self, number: int, error: BaseException | None = None) -> None:
        """Remove a request that `error` stopped from outside, and count it as cut off."""
        flight = self._tracked.pop(number, None)
        if flight is not None:
            self.count_cut_off(flight, error)

    def count_cut_off(self, flight: Flight, error: BaseException | None = None) -> None:
        """Count a request that `error` stopped from outside, before an answer came.

        Not counted is one that Locust killed sooner than it lets requests end when it stops a user: it began after
        its user was told to stop (a user killed while it waits may wake in that very moment), so it says nothing
        about the service.
        """
        started, key = flight
        age = self.clock() - started
        if isinstance(error, GreenletExit) and age < self.graceful_stop():
            return
        key = self._published(key)
        self.cut_off.append(PendingRequest(key, age))
        if self.on_cut_off is not None:
            self.on_cut_off(key)

    def track(self, method: str, name: str) -> _Track:
        """A context manager around one request of a client that is not one of Locust's HTTP clients."""
        return _Track(self, RequestKey(method, name))

    def waiting(self) -> dict[RequestKey, Waiting]:
        """What is in flight, by request."""
        now = self.clock()
        found: dict[RequestKey, Waiting] = {}
        for started, key in self._flights():
            published = self._published(key)
            before = found.get(published, Waiting(0, 0.0))
            found[published] = Waiting(before.requests + 1, max(before.oldest_age, now - started))
        return found

    def oldest(self) -> tuple[RequestKey, float] | None:
        """The request that has waited longest, and its age in seconds; None when none is in flight."""
        flight = min(self._flights(), default=None)
        return None if flight is None else (self._published(flight[1]), self.clock() - flight[0])

    def _flights(self) -> list[Flight]:
        flights = list(self._tracked.values())
        if self.http_clients is not None:
            flights += self.http_clients()
        return flights

    def _published(self, key: RequestKey) -> RequestKey:
        return key if self.accept is None else self.accept(key)


class _Track:
    """One request of a custom client, from entering to leaving a `with` block."""

    __slots__ = ("_in_flight", "_key", "_number")

    def __init__(self, in_flight: InFlight, key: RequestKey) -> None:
        self._in_flight = in_flight
        self._key = key

    def __enter__(self) -> None:
        self._number = self._in_flight.begin(self._key)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if was_cut_off(error):
            self._in_flight.end_unanswered(self._number, error)
        else:
            self._in_flight.end(self._number)


def was_cut_off(error: BaseException | None) -> bool:
    """Whether this ended the greenlet (GreenletExit, gevent.Timeout, Ctrl-C) rather than the request."""
    return error is not None and not isinstance(error, Exception)


IN_FLIGHT = InFlight()
"""The requests in flight in this process."""

track_request = IN_FLIGHT.track
"""`with track_request(method, name):` around each request of a custom client."""
