"""Follows every request of Locust's two HTTP clients while it is in flight. Imports (and so patches) Locust.

`request` is the one method that all of a client's verbs go through, and its span is what Locust measures: to the
last byte of the answer, or to its headers for a streamed one. It is wrapped once per process, for every session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from requests import PreparedRequest
from requests.sessions import merge_setting

from exporters.in_flight import InFlight, was_cut_off
from swarmscope.measurements import RequestKey

_MARK = "follows_in_flight"


def follow_http_clients(in_flight: InFlight) -> None:
    """Enter every request of HttpUser and FastHttpUser in this table; a second call changes nothing."""
    for session in (HttpSession, FastHttpSession):
        if not hasattr(session.request, _MARK):
            session.request = following(in_flight, session.request, namer_of(session))


def following(
    in_flight: InFlight, request: Callable[..., Any], name: Callable[..., RequestKey]
) -> Callable[..., Any]:
    """`request`, entered in the table while it runs. Its body is spelled out, not called: it runs once per request."""
    calls = in_flight.calls
    clock = in_flight.clock

    @functools.wraps(request)
    def follow(session: Any, /, *args: Any, **kwargs: Any) -> Any:
        started = clock()
        while started in calls:
            started += 1e-9
        calls[started] = (name, session, args, kwargs)
        try:
            return request(session, *args, **kwargs)
        except BaseException as error:
            if was_cut_off(error):
                in_flight.end_unanswered(started, error)
            raise
        finally:
            calls.pop(started, None)

    setattr(follow, _MARK, True)
    return follow


def namer_of(session: type) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], RequestKey]:
    """The function that names a call of this session's `request` as Locust's statistics will."""
    return name_requests if session is HttpSession else name_fast


def name_fast(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RequestKey:
    """FastHttpSession: the given name, or the URL as the scenario wrote it."""
    method, url, name = _arguments(session, args, kwargs)
    return RequestKey(str(method), str(name or url))


def name_requests(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> RequestKey:
    """HttpSession: the given name, or path and query string as `requests` will send them."""
    method, url, name = _arguments(session, args, kwargs)
    if not name:
        prepared = PreparedRequest()
        try:
            params = merge_setting(kwargs.get("params"), session.params)  # type: ignore[no-untyped-call]
            prepared.prepare_url(session._build_url(url), params)
            name = prepared.path_url
        except Exception:  # a URL that cannot be sent: the request itself will say so
            name = url
    return RequestKey(str(method), str(name))


def _arguments(session: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
    given = dict(zip(("method", "url", "name"), args, strict=False)) | kwargs
    return given.get("method"), given.get("url"), given.get("name") or session.request_name
