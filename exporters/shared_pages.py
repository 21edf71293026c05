"""Renders and compresses the page in slices of a millisecond, letting the load run between them; keeps no files.

The page is made whole before its first byte is sent: a slow reader holds up nobody, an error becomes a clean 500,
and Content-Length tells a scraper when it did not get all of it. Pages are made one at a time, and one page
answers everyone who asked before it was begun, so ten scrapers at once cost two pages and not ten.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import gevent
from gevent.lock import BoundedSemaphore

SLICE_SECONDS = 0.001
"""CPU taken in one go: what a request of the load can at most be delayed by, again and again."""
PAUSE_SECONDS = 0.002
"""Between two slices. sleep(0) would not do: it lets only those run that are ready at this very moment."""
_GZIP = 16 + zlib.MAX_WBITS
_FASTEST = 1


@dataclass(frozen=True, slots=True)
class RenderedPage:
    """A page ready to be sent."""

    began: float
    """When its rendering began, on the monotonic clock."""
    parts: list[bytes]

    @property
    def length(self) -> int:
        """Bytes in all parts."""
        return sum(len(part) for part in self.parts)


class SharedPages:
    """Makes pages from a function that renders text piece by piece."""

    def __init__(self, render: Callable[[], Iterator[str]]) -> None:
        self._render = render
        self._one_at_a_time = BoundedSemaphore(1)
        self._newest: dict[bool, RenderedPage] = {}
        self._wanted = 0

    def get(self, compressed: bool) -> RenderedPage:
        """A page that was begun after this call; waits for its turn. Raises what rendering raises."""
        asked = time.monotonic()
        self._wanted += 1
        try:
            with self._one_at_a_time:
                page = self._newest.get(compressed)
                if page is None or page.began < asked:
                    page = self._newest[compressed] = self._make(compressed)
                return page
        finally:
            self._wanted -= 1
            if not self._wanted:
                self._newest.clear()

    def _make(self, compressed: bool) -> RenderedPage:
        began = slice_began = time.monotonic()
        compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP) if compressed else None
        parts = []
        for text in self._render():
            # A lone surrogate in a request's name would otherwise take the whole page down.
            part = text.encode("utf-8", "replace")
            if compressor:
                part = compressor.compress(part)
            if part:
                parts.append(part)
            if time.monotonic() - slice_began >= SLICE_SECONDS:
                gevent.sleep(PAUSE_SECONDS)
                slice_began = time.monotonic()
        if compressor:
            parts.append(compressor.flush())
        return RenderedPage(began, parts)
