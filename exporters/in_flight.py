"""Knows which requests were sent and not yet answered, so that a service that hangs is seen. No I/O.

Locust counts a request when it is over; one that never is, is in none of its statistics. Here each request is
entered when it starts and removed when it ends, in a dict that insertion keeps ordered by age. Locust's HTTP
clients are followed after one call of `track_http_clients()`; any other client by

    with track_request("WS", "subscribe"):
        ...the same span that is reported to Locust as the response time...

(Not around `events.request.measure`: Locust lets that report a request that was cut off as a success.)

One table serves the whole process (`IN_FLIGHT`): a client knows its Locust environment no better than that, and
Locust runs one load test per process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from types import TracebackType
from typing import Any

from greenlet import GreenletExit

from exporters.run_view import Waiting
from swarmscope.measurements import RequestKey
from swarmscope.run_result import PendingRequest

MAX_CUT_OFF = 100
"""Requests that were cut off and are kept one by one for the report; all of them are counted."""

Call = tuple[
    Callable[[Any, tuple[Any, ...], dict[str, Any]], RequestKey], Any, tuple[Any, ...], dict[str, Any]
]
"""(naming function, session, positional, keyword arguments): most requests end before anyone asks for their name."""


class InFlight:
    """The requests in flight in one process. Times are `clock` seconds; it must never go back."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self.on_cut_off: Callable[[RequestKey], None] | None = None
        """Called for each request that was cut off before an answer came (`Recorder.count_unfinished`)."""
        self.accept: Callable[[RequestKey], RequestKey] | None = None
        """Maps a request to the key that is published, so that keys stay few (`Recorder.accept`)."""
        self.graceful_stop: Callable[[], float] = lambda: 0.0
        """Seconds that a user's requests get once it is told to stop (Locust's stop_timeout)."""
        self.cut_off: deque[PendingRequest] = deque(maxlen=MAX_CUT_OFF)
        """The latest requests that were cut off; once the run is stopping, only those that its stop cut off."""
        self.calls: dict[float, Call | RequestKey] = {}
        """Start on the clock → request, oldest first; http_clients writes it inline, others use the methods."""

    def start_run(self) -> None:
        """Forget the previous run's cut-off requests; what is still in flight stays, as it is in flight."""
        self.cut_off.clear()

    def stopping(self) -> None:
        """The run is being stopped: what was cut off earlier was cut off by the profile, with the users it stopped."""
        self.cut_off.clear()

    def begin(self, call: Call | RequestKey) -> float:
        """Enter a request; returns what ends it (its start on the clock)."""
        started = self.clock()
        while started in self.calls:  # a clock that is coarser than two calls
            started += 1e-9
        self.calls[started] = call
        return started

    def end(self, started: float) -> None:
        """Remove a request that was answered, or failed."""
        self.calls.pop(started, None)

    def end_unanswered(self, started: float, error: BaseException | None = None) -> None:
        """Remove a request that `error` stopped from outside, and count it as cut off.

        Not counted is one that Locust killed sooner than it lets requests end when it stops a user: it began after
        its user was told to stop (a user killed while it waits may wake in that very moment), so it says nothing
        about the service.
        """
        age = self.clock() - started
        key = self._key(started)
        if self.calls.pop(started, None) is None or key is None:
            return
        if isinstance(error, GreenletExit) and age < self.graceful_stop():
            return
        self.cut_off.append(PendingRequest(key, age))
        if self.on_cut_off is not None:
            self.on_cut_off(key)

    def give_up(self) -> None:
        """Cut off everything that is still in flight: nobody will wait for it any more."""
        for started in list(self.calls):
            self.end_unanswered(started)

    def waiting(self) -> dict[RequestKey, Waiting]:
        """What is in flight, by request."""
        now = self.clock()
        found: dict[RequestKey, Waiting] = {}
        for started in list(self.calls):  # oldest first
            key = self._key(started)
            if key is None:
                continue
            before = found.get(key)
            if before is None:
                found[key] = Waiting(1, now - started)
            else:
                found[key] = Waiting(before.requests + 1, before.oldest_age)
        return found

    def oldest(self) -> tuple[RequestKey, float] | None:
        """The request that has waited longest, and its age in seconds; None when none is in flight."""
        for started in list(self.calls):
            key = self._key(started)
            if key is not None:
                return key, self.clock() - started
        return None

    def track(self, method: str, name: str) -> _Track:
        """A context manager around one request of a client that is not one of Locust's HTTP clients."""
        key = RequestKey(method, name)
        return _Track(self, key if self.accept is None else self.accept(key))

    def _key(self, started: float) -> RequestKey | None:
        """The published key of a request that is in flight, worked out once."""
        call = self.calls.get(started)
        if call is None or isinstance(call, RequestKey):
            return call
        name, session, args, kwargs = call
        key = name(session, args, kwargs)
        if self.accept is not None:
            key = self.accept(key)
        self.calls[started] = key  # in place: its position by age stays
        return key


class _Track:
    """One request of a custom client, from entering to leaving a `with` block."""

    __slots__ = ("_in_flight", "_key", "_started")

    def __init__(self, in_flight: InFlight, key: RequestKey) -> None:
        self._in_flight = in_flight
        self._key = key
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = self._in_flight.begin(self._key)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if was_cut_off(error):
            self._in_flight.end_unanswered(self._started, error)
        else:
            self._in_flight.end(self._started)


def was_cut_off(error: BaseException | None) -> bool:
    """Whether this ended the greenlet (GreenletExit, gevent.Timeout, Ctrl-C) rather than the request."""
    return error is not None and not isinstance(error, Exception)


IN_FLIGHT = InFlight()
"""The requests in flight in this process."""

track_request = IN_FLIGHT.track
"""`with track_request(method, name):` around each request of a custom client."""


def track_http_clients(
    on_cut_off: Callable[[RequestKey], None] | None = None,
    accept: Callable[[RequestKey], RequestKey] | None = None,
) -> InFlight:
    """Follow HttpUser's and FastHttpUser's requests in this process from now on; returns the table they are in.

    A second call only replaces the two functions (see `InFlight.on_cut_off` and `InFlight.accept`).
    """
    # Only here: it imports Locust, which patches the process; a scenario's own client needs track_request alone.
    from exporters.http_clients import follow_http_clients  # noqa: PLC0415

    IN_FLIGHT.on_cut_off = on_cut_off
    IN_FLIGHT.accept = accept
    follow_http_clients(IN_FLIGHT)
    return IN_FLIGHT
