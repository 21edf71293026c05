"""Ids that sort by the time at which they were made: what lists and cursors of the reference services go by."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from uuid import UUID


class SortableIds:
    """Makes UUIDs (version 7) that sort by the time they were made, also within one millisecond."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._last = 0
        self._counter = 0

    def next(self) -> tuple[str, int]:
        """A new id and its time in Unix milliseconds; never smaller than the one before, clock set back or not."""
        now = self._now_ms()
        if now > self._last:
            self._last, self._counter = now, 0
        elif self._counter < 0xFFF:
            self._counter += 1
        else:
            self._last, self._counter = self._last + 1, 0
        number = self._last << 80 | 0x7 << 76 | self._counter << 64 | 0b10 << 62 | secrets.randbits(62)
        return str(UUID(int=number)), now
