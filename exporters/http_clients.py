"""Follows every request of Locust's two HTTP clients while it is in flight, at almost no cost per request.

`HttpSession.request` and `FastHttpSession.request` are what all verbs go through, and their span is what Locust
measures: to the last byte of the answer, or to its headers for a streamed one. Their frames hold all there is to
know (method, URL, name, start), so nothing is noted per request: whoever asks looks at the suspended greenlets'
frames. To know those greenlets, and requests that are cut off, two things are added inside each `request`:

    _swarmscope_seen(_swarmscope_current())     # at its start: a C call that puts the greenlet in a set
    try: ... except BaseException as error:     # around its body: free unless something is raised
        _swarmscope_raised(error); raise

They are compiled into the function (from its own source, line numbers kept) because a wrapper that notes start and
end costs ten times as much: a frame, and a deeper C stack for greenlet to copy on every switch (`make bench`).
"""

from __future__ import annotations

import ast
import inspect
import logging
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any, cast

import greenlet  # type: ignore[import-untyped]
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook
from requests import PreparedRequest
from requests.sessions import merge_setting

from exporters.in_flight import IN_FLIGHT, Flight, InFlight, was_cut_off
from exporters.wrapped_client import wrapped
from swarmscope.measurements import RequestKey

logger = logging.getLogger(__name__)

_READ = ("self", "method", "url", "name", "start_perf_counter")
"""Local variables of `request` that are read."""

_ADDED = """
_swarmscope_seen(_swarmscope_current())
try:
    pass
except BaseException as _swarmscope_error:
    _swarmscope_raised(_swarmscope_error)
    raise
"""


class HttpClients:
    """The requests of Locust's HTTP clients that are in flight in this process."""

    def __init__(self, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._greenlets: set[greenlet.greenlet] = set()
        self._answered = EventHook.fire.__code__
        self._codes: set[CodeType] = set()

    def follow(self, request: Any) -> None:
        """Change this `request` function of a session class so that its calls are followed."""
        missing = set(_READ) - set(request.__code__.co_varnames)
        if missing or request.__closure__:
            raise RuntimeError(
                f"this version of Locust cannot be followed: {request.__qualname__} has no {', '.join(sorted(missing))}"
            )
        request.__globals__.update(
            _swarmscope_seen=self._greenlets.add,
            _swarmscope_current=greenlet.getcurrent,
            _swarmscope_raised=self._raised,
        )
        request.__code__ = _with_additions(request)
        self._codes.add(request.__code__)

    def flights(self) -> Iterator[Flight]:
        """Every request in flight, in no order."""
        for one in list(self._greenlets):
            if one.dead:
                self._greenlets.discard(one)
                continue
            frame = one.gr_frame
            while frame is not None:
                if frame.f_code is self._answered:
                    break  # the answer has come, and a listener is waiting for something of its own
                if frame.f_code in self._codes:
                    flight = _flight(frame)
                    if flight is not None:
                        yield flight
                    break
                frame = frame.f_back

    def _raised(self, error: BaseException) -> None:
        """Something left `request`: count the request if its greenlet was stopped before the answer came."""
        if not was_cut_off(error):
            return
        traceback: TracebackType | None = error.__traceback__
        while traceback is not None and traceback.tb_frame.f_code not in self._codes:
            traceback = traceback.tb_next
        if traceback is None:
            return
        flight = _flight(traceback.tb_frame)
        while traceback is not None:
            if traceback.tb_frame.f_code is self._answered:
                return
            traceback = traceback.tb_next
        if flight is not None:
            self._in_flight.count_cut_off(flight, error)


def track_http_clients(
    on_cut_off: Callable[[RequestKey], None] | None = None,
    accept: Callable[[RequestKey], RequestKey] | None = None,
) -> InFlight:
    """Follow HttpUser's and FastHttpUser's requests in this process from now on; returns the table they are in.

    A second call only replaces the two functions (see `InFlight.on_cut_off` and `InFlight.accept`).
    """
    IN_FLIGHT.on_cut_off = on_cut_off
    IN_FLIGHT.accept = accept
    if IN_FLIGHT.http_clients is None:
        clients = HttpClients(IN_FLIGHT)
        for session in (HttpSession, FastHttpSession):
            try:
                clients.follow(session.request)
            except Exception as error:  # another Locust, or one without its source: dearer, but never blind
                logger.warning("requests in flight are followed by a wrapper, which costs more: %s", error)
                session.request = wrapped(IN_FLIGHT, session.request)
        IN_FLIGHT.http_clients = clients.flights
    return IN_FLIGHT


def _with_additions(function: Any) -> CodeType:
    """The function's code with `_ADDED` around its body."""
    tree: Any = ast.parse(textwrap.dedent(inspect.getsource(function)))
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    definition = tree.body[0]
    seen, guarded = cast(Any, ast.parse(_ADDED)).body
    guarded.body = definition.body
    definition.body = [
        ast.copy_location(seen, definition.body[0]),
        ast.copy_location(guarded, definition.body[0]),
    ]
    definition.decorator_list = []
    ast.fix_missing_locations(tree)
    module = compile(tree, function.__code__.co_filename, "exec")
    code = next(constant for constant in module.co_consts if isinstance(constant, CodeType))
    return code.replace(co_qualname=function.__code__.co_qualname)


def _flight(frame: FrameType) -> Flight | None:
    """The request that this frame of `request` is about; None before it was sent."""
    values = frame.f_locals
    started = values.get("start_perf_counter")
    return None if started is None else (started, _key(values))


def _key(values: Any) -> RequestKey:
    """The request as Locust's statistics will name it."""
    name, url, session = values["name"], values["url"], values["self"]
    if not name and isinstance(session, HttpSession):
        # Path and query string as `requests` will send them.
        prepared = PreparedRequest()
        try:
            params = merge_setting(values["kwargs"].get("params"), session.params)  # type: ignore[no-untyped-call]
            prepared.prepare_url(session._build_url(url), params)
            name = prepared.path_url
        except Exception:  # a URL that cannot be sent: the request itself will say so
            name = url
    return RequestKey(str(values["method"]), str(name or url))
