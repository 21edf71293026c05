"""Counts every request of one load generator exactly: Locust's `request` listener. No I/O.

The listener runs in the user's own greenlet, between two of its requests, so it does as little as it can: it
appends six values to a flat list. They are counted ("folded") 512 requests at a time, or when somebody looks,
by a loop that then runs with warm caches. Nothing here yields, so within one gevent process it is atomic.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from exporters.bounded import OTHER_REQUEST, BoundedLabel, BoundedRequests
from exporters.fingerprint import fingerprint
from exporters.run_view import ExporterCounters
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import NO_STATUS, OTHER, Outcome

_logger = logging.getLogger(__name__)
_FIELDS = 6
_BATCH = 512 * _FIELDS
"""Values waiting at which they are counted: about 0.2 ms of work at once."""
_MAX_STATUSES = 100
_INFINITY = float("inf")


class Recorder:
    """Exact counters per request since the run began; totals equal Locust's own, request for request."""

    def __init__(
        self,
        bounds: Sequence[Decimal],
        known: Iterable[RequestKey] = (),
        max_names: int = 5000,
        max_errors: int = 50,
        counters: ExporterCounters | None = None,
    ) -> None:
        """Count on these bucket bounds (seconds, ascending, without +Inf).

        `known` requests exist at 0 before they are sent and always have room; other requests beyond `max_names`,
        and fingerprints of errors beyond `max_errors`, are counted as `other`.
        """
        self.bounds = tuple(bounds)
        self.exporter = ExporterCounters() if counters is None else counters
        # Locust measures in float milliseconds. float() gives the nearest float, which is also what the same
        # number written in code is: a time exactly at a bound compares equal to it and is counted under it.
        self._bounds_ms = [float(bound * 1000) for bound in self.bounds]
        self._requests = BoundedRequests(max_names, known)
        self._errors = BoundedLabel(max_errors)
        self._statuses = BoundedLabel(_MAX_STATUSES)
        self._waiting: list[Any] = []
        self.on_request = self._listener()
        """Locust's `request` listener (keyword arguments; response_time in milliseconds); never raises."""
        self.start_run()

    def start_run(self) -> None:
        """Zero everything, as Locust does when a run starts. Mappings handed out before keep the old run's values.

        A request begun before and finished after is counted in the new run, because Locust counts it there too.
        """
        self._waiting.clear()
        self._requests.clear()
        self._errors.clear()
        self._statuses.clear()
        self._counts: dict[RequestKey, RequestCounts] = {key: self._zero() for key in self._requests.known}
        self._view: Mapping[RequestKey, RequestCounts] = MappingProxyType(self._counts)
        # As sent → as counted, only for what was accepted, so that these stay as bounded as the labels.
        self._found: dict[tuple[object, object], RequestCounts] = {}
        self._outcomes: dict[tuple[bool, object], tuple[str, str]] = {}

    def _listener(self) -> Callable[..., None]:
        """Make `on_request`. A closure finds its list without going through `self`, once per request."""
        waiting, note, fold = self._waiting, self._waiting.extend, self._fold

        def on_request(  # noqa: PLR0917  # called with keywords only
            request_type: str,
            name: str,
            response_time: float | None,
            response_length: int | None = 0,
            exception: object = None,
            response: object = None,
            # Not used, but Locust's clients send them, and naming them saves filling a dict.
            context: object = None,
            start_time: object = None,
            url: object = None,
            **_: object,
        ) -> None:
            try:
                try:
                    # Never `if response`: a requests.Response with a 4xx or 5xx status is false.
                    status = None if response is None else response.status_code  # type: ignore[attr-defined]
                except AttributeError:
                    status = None  # not an HTTP client's
                # Exceptions and responses are not kept: they would keep every frame and body alive.
                note(
                    (
                        request_type,
                        name,
                        response_time,
                        response_length,
                        fingerprint(exception) if exception else None,
                        status,
                    )
                )
                if len(waiting) >= _BATCH:
                    fold()
            except Exception:
                # A client's own exception or response may raise when read; the request finished all the same.
                self._failed()
                label = type(exception).__name__ if exception is not None else None
                note((request_type, name, response_time, response_length, label, None))

        return on_request

    def count_unfinished(self, key: RequestKey) -> None:
        """Count a request that was cut off before an answer came."""
        key = self.accept(key)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = self._zero()
        counts.unfinished += 1

    def accept(self, key: RequestKey) -> RequestKey:
        """The key that this request is counted under: itself, or `other` when there is no more room."""
        return self._requests.accept(key)

    @property
    def counts(self) -> Mapping[RequestKey, RequestCounts]:
        """The live counters of the run, read-only; valid until something else runs."""
        self._fold()
        return self._view

    def snapshot(self) -> dict[RequestKey, RequestCounts]:
        """A copy of all counters at this moment."""
        return {key: counts.copy() for key, counts in self.counts.items()}

    def _fold(self) -> None:
        waiting = self._waiting
        if not waiting:
            return
        values = waiting.copy()
        waiting.clear()
        # Alike requests together: sum, max and len over a list are several times cheaper than a loop.
        alike: dict[tuple[Any, ...], tuple[list[Any], list[Any]]] = {}
        for method, name, milliseconds, size, error, status in zip(*(iter(values),) * _FIELDS, strict=True):
            kind = (method, name, error, status)
            try:
                times, sizes = alike[kind]
            except KeyError:
                alike[kind] = ([milliseconds], [size])
            except TypeError:
                self._failed()  # not hashable: Locust cannot count it either
            else:
                times.append(milliseconds)
                sizes.append(size)
        clean = _are_counts(values[2::_FIELDS]) and _are_counts(values[3::_FIELDS])
        for kind, (times, sizes) in alike.items():
            try:
                self._count(*kind, times, sizes, clean)
            except Exception:
                self._failed()

    def _count(  # noqa: PLR0917
        self,
        method: object,
        name: object,
        error: str | None,
        status: object,
        times: list[Any],
        sizes: list[Any],
        clean: bool,
    ) -> None:
        """Count requests that have everything in common but their times (milliseconds) and sizes (bytes)."""
        number = len(times)
        counts = self._found.get((method, name)) or self._find(method, name, number)
        outcome = self._outcomes.get((error is None, status)) or self._outcome(error is None, status, number)
        if not clean:
            times = [time for time in map(_number, times) if time is not None]
            sizes = [size for size in map(_number, sizes) if size is not None]
        buckets, bounds_ms = counts.buckets, self._bounds_ms
        for time in times:
            buckets[bisect_left(bounds_ms, time)] += 1
        if times:
            counts.duration_sum += sum(times) / 1000
            counts.duration_max = max(counts.duration_max, max(times) / 1000)
        counts.response_bytes += int(sum(sizes))
        counts.outcomes[outcome] = counts.outcomes.get(outcome, 0) + number
        if error is not None:
            label = self._errors.accept(error)
            if label is OTHER:
                self.exporter.label_overflow["error"] += number
            counts.errors[label] = counts.errors.get(label, 0) + number

    def _find(self, method: object, name: object, number: int) -> RequestCounts:
        """The counters of `number` requests that were sent as these; remembers them if there is room."""
        wanted = RequestKey(str(method), str(name))
        key = self.accept(wanted)
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = self._zero()
        if key is OTHER_REQUEST and wanted != OTHER_REQUEST:
            self.exporter.label_overflow["name"] += number
        else:
            self._found[method, name] = counts
        return counts

    def _outcome(self, success: bool, status: object, number: int) -> tuple[str, str]:
        # Locust's clients say 0 where no answer came.
        wanted = str(status)[:20] if status else NO_STATUS
        label = self._statuses.accept(wanted)
        outcome = (str(Outcome.SUCCESS if success else Outcome.FAILURE), label)
        if label is OTHER and wanted != OTHER:
            self.exporter.label_overflow["status"] += number
        else:
            self._outcomes[success, status] = outcome
        return outcome

    def _zero(self) -> RequestCounts:
        return RequestCounts([0] * (len(self.bounds) + 1))

    def _failed(self) -> None:
        self.exporter.listener_errors += 1
        if self.exporter.listener_errors == 1:
            _logger.exception("a request was not counted as sent; further such errors are only counted")


def _are_counts(values: list[Any]) -> bool:
    """Whether these are all numbers from 0 to below infinity, which a client's times and sizes nearly always are."""
    try:
        # A sum with a NaN in it compares false; min alone may miss it.
        return bool(min(values) >= 0 and 0 <= sum(values) < _INFINITY)
    except TypeError:
        return False


def _number(value: Any) -> float | None:
    """What a strange value counts as: none for None and what is not a number; 0 for less, as counters never go back."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return max(number, 0.0) if number < _INFINITY else None
