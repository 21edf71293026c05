"""Counts requests for the window that is open: a `request` listener of Locust's. No I/O.

As in exporters/recorder.py, the listener only appends to a flat list, and requests are counted ("folded") 512 at a
time, or when the window is closed, by a loop that then runs with warm caches.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import Any

from exporters.bounded import BoundedRequests
from swarmscope.aws.push_windows import RequestWindow
from swarmscope.measurements import RequestKey

logger = logging.getLogger(__name__)

MOST_NAMES = 200
"""Requests with metrics of their own, beside those that targets name: each has three, and each metric costs money."""
_FIELDS = 4
_BATCH = 512 * _FIELDS


class WindowRecorder:
    """Requests of the open window, by method and name; a bounded number of names, the rest is `other`."""

    def __init__(self, known: Iterable[RequestKey] = (), most_names: int = MOST_NAMES) -> None:
        """`known` requests always have metrics of their own."""
        self._names = BoundedRequests(most_names, known)
        self._found: dict[tuple[object, object], RequestKey] = {}
        self._requests: dict[RequestKey, RequestWindow] = {}
        self._waiting: list[Any] = []
        self.errors = 0
        """Requests that could not be counted."""
        self.on_request = self._listener()
        """Locust's `request` listener; never raises, never waits."""

    def _listener(self) -> Callable[..., None]:
        waiting, note, fold = self._waiting, self._waiting.extend, self._fold

        def on_request(  # noqa: PLR0917  # called with keywords only
            request_type: str,
            name: str,
            response_time: float | None,
            # Not used, but Locust's clients send them, and naming them saves filling a dict.
            response_length: int | None = 0,
            exception: object = None,
            response: object = None,
            context: object = None,
            start_time: object = None,
            url: object = None,
            **_: object,
        ) -> None:
            try:
                note((request_type, name, response_time, bool(exception)))
                if len(waiting) >= _BATCH:
                    fold()
            except Exception:
                self._failed()

        return on_request

    def close(self) -> dict[RequestKey, RequestWindow]:
        """What the window has seen; the next one begins empty."""
        self._fold()
        closed, self._requests = self._requests, {}
        return closed

    def _fold(self) -> None:
        waiting = self._waiting
        values = waiting.copy()
        waiting.clear()
        alike: dict[tuple[Any, Any], tuple[list[Any], list[bool]]] = {}
        for method, name, time, failed in zip(*(iter(values),) * _FIELDS, strict=True):
            try:
                times, failures = alike[method, name]
            except KeyError:
                alike[method, name] = ([time], [failed])
            except TypeError:
                self._failed()  # not hashable: Locust cannot count it either
            else:
                times.append(time)
                failures.append(failed)
        for (method, name), (times, failures) in alike.items():
            try:
                self._count(method, name, times, failures)
            except Exception:
                self._failed()

    def _count(self, method: object, name: object, times: list[Any], failures: list[bool]) -> None:
        key = self._found.get((method, name))
        if key is None:
            wanted = RequestKey(str(method), str(name))
            key = self._names.accept(wanted)
            if key == wanted:  # what is folded into `other` is not kept, so that this stays bounded
                self._found[method, name] = key
        window = self._requests.get(key)
        if window is None:
            window = self._requests[key] = RequestWindow()
        window.requests += len(times)
        window.failures += sum(failures)
        window.durations.add(
            [max(time, 0.0) for time in times if isinstance(time, int | float) and math.isfinite(time)]
        )

    def _failed(self) -> None:
        self.errors += 1
        if self.errors == 1:
            logger.exception("CloudWatch: a request was not counted; further such errors are only counted")
