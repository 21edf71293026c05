"""Users of live channels: each holds a WebSocket, publishes by an absolute schedule and receives what others publish.

Also runs in plain Locust: `locust -f scenarios/metrics/websocket_users.py --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

import json
import logging
import os
import time
from random import Random
from typing import Any, ClassVar

import gevent
from locust import User, task
from locust.exception import StopTest
from locust.runners import WorkerRunner

from exporters.in_flight import IN_FLIGHT, track_request
from scenarios.credentials import MissingCredential
from scenarios.metrics import websocket_counters as counters
from scenarios.metrics.back_off import rest
from scenarios.metrics.live_token import live_token
from scenarios.metrics.round_trips import ROUND_TRIP, RoundTrips
from scenarios.metrics.sequence_check import Arrival, SequenceCheck
from scenarios.metrics.websocket_connection import ConnectionEnded, NotConnected, WebSocketConnection
from scenarios.metrics.websocket_places import Numbers, place
from swarmscope.measurements import RequestKey

logger = logging.getLogger(__name__)

PATH = "/api/v1/live"
CONNECT, DELIVERY = RequestKey("WS", "connect"), RequestKey("WS", "delivery")
ANSWER_SECONDS = 10.0
"""After which an acknowledgement, or the answer to a subscription, is given up, and the connection with it."""
LATE_SECONDS = 5.0
"""After which a message that others have overtaken counts as lost."""
STEADY_SECONDS = 10.0
"""A connection that lasted this long was a good one: the next rest is the first again."""
LEAVE_SECONDS = 3.0
"""What a user that is told to stop waits for its last acknowledgements and the end of its subscription."""

# Does not step when somebody sets the clock, and is the same in every process that was forked from this one.
_TO_WALL_CLOCK = time.time() - time.perf_counter()


class Refused(Exception):
    """The service would not carry a message out; the text is its code."""


class LiveUser(User):  # type: ignore[misc]
    """Shows a live dashboard and edits it with others: a few messages out, many in.

    With 1,000 of them: 1,200 publications per second, each to the 9 others of its channel, are 10,800 deliveries.
    """

    messages_per_second: ClassVar[float] = 1.2
    subscribers_per_channel: ClassVar[int] = 10
    _numbers = Numbers()
    _all: ClassVar[set[LiveUser]] = set()
    _has_complained: ClassVar[bool] = False
    _watch: ClassVar[gevent.Greenlet | None] = None

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        try:
            live_token(environment, 0, 0)
        except MissingCredential as error:
            raise StopTest(str(error)) from None
        self.random = Random()
        self._fire = environment.events.request.fire
        self._url = _websocket_url(environment.host or self.host) + PATH
        self._connection: WebSocketConnection | None = None
        self._connections = 0
        self._leaving = False
        self._tenant = self._publisher = ""
        self._sequence = 0
        self._round_trips = RoundTrips(IN_FLIGHT)
        self._check = SequenceCheck()
        self._period = 1 / self.messages_per_second

    # The schedule: Locust's own loop, so that a user that rests between two publications can be stopped at once.

    def on_start(self) -> None:
        """Take a place, connect in the background, and begin the schedule at a moment of its own."""
        self._number = LiveUser._numbers.take()
        self._place = place(self._number, self.subscribers_per_channel, *_worker(self.environment))
        # Not at once: nobody publishes before the page has loaded, and all together would be a wave.
        self._due = time.perf_counter() + self.random.uniform(self._period, 2 * self._period)
        LiveUser._all.add(self)
        if LiveUser._watch is None:
            LiveUser._watch = gevent.spawn(_watch)
        self._keeper = gevent.spawn(self._stay_connected)

    def wait_time(self) -> float:
        """Seconds until the next publication is due, which does not depend on when the last one was sent."""
        return max(0.0, self._due - time.perf_counter())

    @task  # type: ignore[untyped-decorator]
    def publish(self) -> None:
        """Publish what is due; what is due while there is no connection stays unsent, and shows as such."""
        due = self._due
        if due > time.perf_counter():
            return  # Locust's first task begins before the first wait
        self._due = due + self._period
        counters.INTENDED.add()
        connection = self._connection
        if connection is None:
            return
        self._sequence += 1
        sequence = self._sequence
        message = _PUBLISH % (
            self._place.channel, sequence, due + _TO_WALL_CLOCK, self._tenant, self.random.random() * 100
        )  # fmt: skip
        self._round_trips.begin(sequence, due)
        try:
            connection.send(message)
        except ConnectionEnded:
            return  # who receives sees it, too, and ends what is outstanding
        counters.MESSAGES.add(1, "sent")

    def on_stop(self) -> None:
        """Leave in order: last acknowledgements, the end of the subscription and its count, the connection."""
        self._leaving = True
        deadline = time.perf_counter() + min(LEAVE_SECONDS, self.environment.stop_timeout or LEAVE_SECONDS)
        try:
            if self._connection is not None:
                self._send(self._connection, _UNSUBSCRIBE % self._place.channel)
                self._keeper.join(max(0.0, deadline - time.perf_counter()))
        except ConnectionEnded:
            pass
        finally:
            self._keeper.kill()
            self._round_trips.cut_off()
            LiveUser._all.discard(self)
            LiveUser._numbers.give_back(self._number)

    # The connection: a greenlet that never gives up.

    def _stay_connected(self) -> None:
        failures = 0
        while not self._leaving:
            connection = self._connect()
            if connection is None:
                failures += 1
            else:
                connected = time.perf_counter()
                self._use(connection)
                failures = 0 if time.perf_counter() - connected >= STEADY_SECONDS else failures + 1
            if not self._leaving:
                gevent.sleep(rest(failures, self.random))

    def _connect(self) -> WebSocketConnection | None:
        """Connect, authenticate and subscribe; None when that failed."""
        started, connection, problem = time.perf_counter(), None, None
        with track_request(*CONNECT):
            try:
                connection = WebSocketConnection(self._url)
                self._enter(connection)
            except (NotConnected, ConnectionEnded, Refused) as error:
                problem = error
            except TimeoutError:
                problem = NotConnected("no answer in time")
            except MissingCredential as error:
                problem = NotConnected(str(error))
            finally:
                if connection is not None and self._connection is None:
                    connection.release()
        counters.ATTEMPTS.add(1, "failure" if problem else "success")
        self._report(CONNECT, started, exception=problem)
        if problem is not None:
            return None
        if self._connections > 1:
            counters.RECONNECTIONS.add()
        return connection

    def _enter(self, connection: WebSocketConnection) -> None:
        """From the handshake to `subscribed`; raises if it does not come to that."""
        self._publisher = f"{_process_name()}.{self._place.name}.{self._connections + 1}"
        token = live_token(self.environment, self._place.number, self._place.tenant)
        connection.set_timeout(ANSWER_SECONDS)
        first = {"type": "authenticate", "token": token, "publisher": self._publisher}
        self._send(connection, json.dumps(first))
        self._tenant = _expect(connection, "ready")["tenant"]
        self._send(connection, json.dumps({"type": "subscribe", "channel": self._place.channel}))
        _expect(connection, "subscribed")
        connection.set_timeout(None)
        self._sequence, self._check = 0, SequenceCheck()
        self._connections += 1
        self._connection = connection
        counters.CONNECTIONS.add(1)

    def _use(self, connection: WebSocketConnection) -> None:
        """Receive until the connection is over."""
        ending = "other"
        try:
            while True:
                texts = connection.receive()
                counters.MESSAGES.add(len(texts), "received")
                now = time.perf_counter()
                for text in texts:
                    self._receive(connection, text, now)
        except ConnectionEnded as error:
            ending = error.ending
        except Exception:
            # A service that sends what nobody can read costs this connection, not this user.
            if not LiveUser._has_complained:
                LiveUser._has_complained = True
                logger.exception("Connections are given up for what came over them; it is said once.")
        finally:
            self._connection = None
            counters.CONNECTIONS.add(-1)
            connection.abort()
            connection.release()
            self._end_subscription(None)
            if not self._leaving:
                counters.DISCONNECTIONS.add(1, ending)
                self._fail_outstanding(ConnectionEnded(ending))

    def _receive(self, connection: WebSocketConnection, text: str, now: float) -> None:
        message = json.loads(text)
        match message["type"]:
            case "message":
                self._delivered(message, now, len(text))
            case "acknowledged":
                due = self._round_trips.end(message["sequence"])
                counters.ACKNOWLEDGED.add()
                self._report(ROUND_TRIP, due, now, len(text))
            case "unsubscribed":
                self._end_subscription(message["delivered"])
                connection.close()
            case "error":
                self._refused(message, now)

    def _delivered(self, message: dict[str, Any], now: float, size: int) -> None:
        data = message["data"]
        if data["tenant"] != self._tenant:
            counters.LEAKS.add()
        published = data["at"] - _TO_WALL_CLOCK
        if published > now:
            counters.AHEAD.add()
            published = now
        self._report(DELIVERY, published, now, size)
        match self._check.arrived(message["publisher"], message["sequence"], now):
            case Arrival.REPEATED:
                counters.REPEATED.add()
            case Arrival.OUT_OF_ORDER:
                counters.OUT_OF_ORDER.add()

    def _refused(self, message: dict[str, Any], now: float) -> None:
        due = self._round_trips.end(message["sequence"]) if "sequence" in message else now
        self._report(ROUND_TRIP, due, now, exception=Refused(str(message["code"])))

    def _fail_outstanding(self, error: Exception) -> None:
        now = time.perf_counter()
        for due in self._round_trips.end_all():
            self._report(ROUND_TRIP, due, now, exception=error)

    def _end_subscription(self, sent: int | None) -> None:
        before = self._check.lost
        self._check.end(sent)
        counters.LOST.add(self._check.lost - before)

    def _send(self, connection: WebSocketConnection, text: str) -> None:
        connection.send(text)
        counters.MESSAGES.add(1, "sent")

    def _report(
        self,
        request: RequestKey,
        started: float,
        now: float | None = None,
        size: int = 0,
        exception: Exception | None = None,
    ) -> None:
        """Hand a measurement to Locust; times are perf_counter's."""
        self._fire(
            request_type=request.method,
            name=request.name,
            response_time=((time.perf_counter() if now is None else now) - started) * 1000,
            response_length=size,
            exception=exception,
            context={},
        )

    def look_after(self, now: float) -> None:
        """Count what is overdue, and give up a connection that does not answer any more."""
        before = self._check.lost
        self._check.give_up(now - LATE_SECONDS)
        counters.LOST.add(self._check.lost - before)
        oldest = self._round_trips.oldest()
        if self._connection is not None and oldest is not None and oldest < now - ANSWER_SECONDS:
            self._connection.abort("no answer")


_PUBLISH = (
    '{"type":"publish","channel":"%s","sequence":%d,"data":{"at":%.6f,"tenant":"%s","metric":"cpu.load",'
    '"value":%.3f,"unit":"percent","dimensions":{"host":"web-17","region":"eu-1"},"by":"dashboard"}}'
)
_UNSUBSCRIBE = '{"type":"unsubscribe","channel":"%s"}'


def _expect(connection: WebSocketConnection, wanted: str) -> dict[str, Any]:
    """The next message, which must be of this type; those that came with it are received after it."""
    text, *more = connection.receive()
    connection.put_back(more)
    counters.MESSAGES.add(1, "received")
    message: dict[str, Any] = json.loads(text)
    if message.get("type") != wanted:
        raise Refused(str(message.get("code", "unexpected answer")))
    return message


def _watch() -> None:
    while True:
        gevent.sleep(1)
        now = time.perf_counter()
        for user in list(LiveUser._all):
            user.look_after(now)


def _worker(environment: Any) -> tuple[int, int]:
    """(this process' index, how many there are or 0 if that is not known)."""
    runner = environment.runner
    if not isinstance(runner, WorkerRunner):
        return 0, 1
    processes = getattr(environment.parsed_options, "processes", None) or 0
    return runner.worker_index, max(processes, 0)


def _process_name() -> str:
    return f"{os.getpid():x}"


def _websocket_url(host: str) -> str:
    """http://… → ws://…, https://… → wss://…"""
    return "ws" + host.rstrip("/").removeprefix("http")
