"""Follows Locust's events: opens and closes windows while a run goes on, and has their data sent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gevent

from exporters.cloudwatch_push.client import CloudWatchClient
from exporters.cloudwatch_push.counters import DROPPED, PushCounters
from exporters.cloudwatch_push.recorder import WindowRecorder
from exporters.cloudwatch_push.sender import Sender
from swarmscope.aws.push_batches import Batch, batches_of
from swarmscope.aws.push_data import PushNames, data_of
from swarmscope.aws.push_windows import Window, window_start
from swarmscope.measurements import RequestKey

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""Between two looks at the number of users."""


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What the user has asked for."""

    namespace: str
    """Empty pushes nothing."""
    period: int = 60
    region: str = ""
    endpoint_url: str = ""
    with_run: bool = False
    flush_seconds: float = FLUSH_SECONDS
    repeat_ambiguous: bool = False


class Pusher:
    """The push exporter of one process: alone or a worker with requests, a master with the number of users."""

    def __init__(
        self,
        system: str,
        counters: PushCounters,
        read_settings: Callable[[], PushSettings],
        *,
        known: Iterable[RequestKey] = (),
        patterns: tuple[str, ...] = (),
        users: Callable[[], int] | None = None,
    ) -> None:
        """`read_settings` is asked at every start, as workers learn the settings from their master.

        `users` tells the users of all processes, in the process that steers; None in the others.
        """
        self._system = system
        self._counters = counters
        self._read_settings = read_settings
        self._patterns = patterns
        self._users = users
        self._recorder = WindowRecorder(known)
        self._settings = PushSettings("")
        self._protocol = ""
        self._sender: Sender | None = None
        self._listening = False
        self._building: list[Any] = []
        self._start: int | None = None
        self._clock: Any = None
        self._seen_users: dict[int, int] = {}

    def attach(self, environment: Any, *, with_requests: bool) -> None:
        """Listen to Locust's events. Attach before what ends a run when Locust quits: quitting runs in reverse."""
        self._environment = environment
        self._with_requests = with_requests
        environment.events.test_start.add_listener(self._guarded(self.on_test_start))
        environment.events.test_stop.add_listener(self._guarded(self.on_test_stop))
        environment.events.quitting.add_listener(self._guarded(self.on_quitting))
        self._prepare()

    def on_test_start(self, **_: Any) -> None:
        """A run begins: open its first window."""
        self._prepare()
        if self._settings.namespace and self._start is None:
            self._recorder.close()
            self._seen_users = {}
            self._start = window_start(time.time(), self._settings.period)
            self._clock = gevent.spawn(self._close_windows)

    def on_test_stop(self, **_: Any) -> None:
        """All users have stopped: the last window ends now, not at its end."""
        if self._start is not None:
            self._clock.kill(block=False)
            self._close()
            self._start = None

    def on_quitting(self, **_: Any) -> None:
        """Locust ends: send what waits, for a while; say what became of everything."""
        if not self._settings.namespace:
            return
        if self._start is not None:
            self._environment.runner.quit()  # ends the users, as Locust would do next: what they still finish counts
        self.on_test_stop()
        deadline = time.monotonic() + self._settings.flush_seconds
        gevent.joinall(self._building, timeout=self._settings.flush_seconds)
        if self._sender is not None and not self._sender.flush(deadline - time.monotonic()):
            logger.warning(
                "CloudWatch: not everything could be sent within the %g s for that (--cloudwatch-flush-timeout)",
                self._settings.flush_seconds,
            )
        self._sender = None
        logger.info("CloudWatch: %s", self._counters.in_words())

    def _prepare(self) -> None:
        """Make the client and start listening, as soon as it is known that somebody wants it."""
        settings = self._read_settings()
        if settings == self._settings:
            return
        if self._sender is not None:  # another namespace for this worker's next run
            self._sender.flush(0.0)
            self._sender = None
        self._settings = settings
        if not settings.namespace:
            return
        self._sender = self._connect(settings)
        if self._with_requests and not self._listening:
            self._listening = True
            self._environment.events.request.add_listener(self._recorder.on_request)

    def _connect(self, settings: PushSettings) -> Sender | None:
        """The way to CloudWatch, or None after saying why there is none: the data are counted as dropped then."""
        try:
            client = CloudWatchClient(settings.namespace, settings.region, settings.endpoint_url)
        except Exception as error:
            is_region = "Region" in type(error).__name__
            hint = "--cloudwatch-region or AWS_DEFAULT_REGION" if is_region else "docs/cloudwatch-push.md"
            text = str(error).partition("\n")[0][:200]
            logger.warning("CloudWatch: nothing is pushed, and the load goes on: %s (%s)", text, hint)
            return None
        self._protocol = client.protocol
        where, period = client.where, settings.period
        logger.info("CloudWatch: pushing to %s, namespace %s, every %d s", where, settings.namespace, period)
        return Sender(client.put, self._counters, repeat_ambiguous=settings.repeat_ambiguous)

    def _close_windows(self) -> None:
        while True:
            end = (self._start or 0) + self._settings.period
            gevent.sleep(min(max(end - time.time(), 0.01), LOOK_SECONDS))
            if self._users is not None:
                users = self._users()
                self._seen_users[users] = self._seen_users.get(users, 0) + 1
            if time.time() >= end:
                self._guarded(self._close)()
                self._start = window_start(time.time(), self._settings.period)

    def _close(self) -> None:
        """Take what the window has seen off the hub: its data are made in a thread, as that takes milliseconds."""
        requests = self._recorder.close()
        users, self._seen_users = self._seen_users, {}
        run = str(getattr(self._environment.parsed_options, "swarmscope_run", "") or "")
        window = Window(self._start or 0, run, requests, users)
        self._building = [each for each in self._building if not each.dead]
        self._building.append(gevent.spawn(self._guarded(self._build), window))

    def _build(self, window: Window) -> None:
        names = PushNames(self._system, self._settings.period, self._settings.with_run, self._patterns)
        protocol, sender = self._protocol, self._sender

        def build() -> list[Batch]:
            return list(batches_of(data_of(window, names), protocol))

        for batch in gevent.get_hub().threadpool.apply(build):
            if sender is not None:
                sender.offer(batch)
            else:
                self._counters.data[DROPPED] += len(batch.data)

    def _guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **kwargs: Any) -> None:
            try:
                function(*args, **kwargs)
            except Exception:
                # Telemetry must never disturb the load.
                logger.exception("CloudWatch: %s failed", getattr(function, "__name__", function))

        return call
