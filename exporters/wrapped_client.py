"""Follows a client's requests by a plain wrapper: for a Locust that `http_clients` cannot change. No I/O."""

from __future__ import annotations

import functools
from typing import Any

from exporters.in_flight import InFlight


def wrapped(in_flight: InFlight, request: Any) -> Any:
    """A `request` that enters itself in the table, for a Locust whose own cannot be changed."""

    @functools.wraps(request)
    def follow(self: Any, method: Any, url: Any, name: Any = None, *args: Any, **kwargs: Any) -> Any:
        known = name or self.request_name or url
        with in_flight.track(str(method), str(known)):
            return request(self, method, url, name, *args, **kwargs)

    return follow
