"""Keeps the values of a label few: once full, new values become `other`, and those accepted stay. No I/O."""

from __future__ import annotations

from collections.abc import Iterable

from swarmscope.measurements import RequestKey
from swarmscope.names import OTHER

OTHER_REQUEST = RequestKey(OTHER, OTHER)
"""Where requests go whose method and name no longer fit; one series, however many methods there are."""


class BoundedLabel:
    """The accepted values of one label."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._accepted: set[str] = set()

    def accept(self, value: str) -> str:
        """The value itself when it is known or still fits, else `other`."""
        if value in self._accepted:
            return value
        if value != OTHER and len(self._accepted) < self._limit:
            self._accepted.add(value)
            return value
        return OTHER

    def clear(self) -> None:
        """Forget every value."""
        self._accepted.clear()


class BoundedRequests:
    """The accepted requests (method and name together); the known ones always fit and need no room."""

    def __init__(self, limit: int, known: Iterable[RequestKey] = ()) -> None:
        self._limit = limit
        self.known = tuple(dict.fromkeys(known))
        self._accepted: dict[RequestKey, None] = dict.fromkeys(self.known)

    def accept(self, key: RequestKey) -> RequestKey:
        """The request itself when it is known or still fits, else OTHER_REQUEST."""
        if key in self._accepted:
            return key
        if len(self._accepted) - len(self.known) < self._limit:
            self._accepted[key] = None
            return key
        return OTHER_REQUEST

    def clear(self) -> None:
        """Forget every request but the known ones."""
        self._accepted = dict.fromkeys(self.known)
