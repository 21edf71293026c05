"""What is known of one series, and which of its points is on the page. No I/O.

Points are merged from overlapping windows and pages. The page goes through them one by one, oldest first, so that a
minute that was read late is not lost to Prometheus; it never goes back. A settled period without a datapoint takes
the series off the page (or is 0, where nothing means none); one that could not be read leaves the last value there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from swarmscope.aws.windows import LOOK_BACK_PERIODS, Window


class Point(NamedTuple):
    """A value and the start of its period, Unix seconds."""

    start: int
    value: float


class Timeline:
    """One series."""

    def __init__(self, period: int, *, nil_is_zero: bool = False) -> None:
        self._period = period
        self._nil_is_zero = nil_is_zero
        self._points: dict[int, float] = {}
        self._kept_from: int | None = None
        """Earlier points may have been forgotten."""
        self._shown: int | None = None
        self._is_shown = False
        self._passed: int | None = None
        """The newest point that was on the page, or was too old for it when its turn came."""
        self.read_until: int | None = None
        """End of the last window that was read completely; None before the first."""

    def merge(self, window: Window, found: Mapping[int, float]) -> int:
        """Take what a window's pages held; returns how many of its points were otherwise, or not there, before.

        A point that was there and is missing now stays: an answer may lag behind an earlier one.
        """
        wanted = range(window.start, window.end, self._period)
        fresh = {start: found[start] for start in wanted if start in found}
        if self._nil_is_zero:
            fresh = {start: 0.0 for start in wanted if start not in self._points} | fresh
        corrected = 0
        if self.read_until is not None and self._kept_from is not None:
            fresh = {start: value for start, value in fresh.items() if start >= self._kept_from}
            corrected = sum(
                self._points.get(start) != value for start, value in fresh.items() if start < self.read_until
            )
        else:
            self._kept_from = window.start
        self._points |= fresh
        self.read_until = max(self.read_until or window.end, window.end)
        self._forget()
        return corrected

    def step(self, oldest: float) -> bool:
        """Move on to the next point that ended after `oldest`, or off the page where nothing followed.

        False when the page stays as it is.
        """
        for start in sorted(self._waiting()):
            self._passed = start
            if start + self._period > oldest:
                self._shown = start
                self._is_shown = True
                return True
        if self._is_shown and not self._is_newest():
            self._is_shown = False
            return True
        return False

    def skip(self) -> None:
        """Move on to the newest point at once."""
        self._shown = self._passed = max(self._waiting(), default=self._shown)
        self._is_shown = self._is_newest()

    @property
    def shown(self) -> Point | None:
        """The point on the page; None where there is none, or where the period after it is known to be empty."""
        return (
            Point(self._shown, self._points[self._shown])
            if self._is_shown and self._shown is not None
            else None
        )

    def is_older(self, oldest: float) -> bool:
        """Whether the point on the page ended at that moment or before."""
        return self._shown is not None and self._shown + self._period <= oldest

    def _is_newest(self) -> bool:
        """Whether nothing is known of the period after the last point that was shown."""
        return (
            self._shown is not None
            and self.read_until is not None
            and self._shown + self._period >= self.read_until
        )

    @property
    def shown_until(self) -> int | None:
        """Everything before this has been on the page, or is known not to exist; None when nothing was read."""
        return min(self._waiting(), default=self.read_until)

    def known(self, window: Window) -> Mapping[int, float]:
        """The points of a window."""
        return {start: value for start, value in self._points.items() if window.start <= start < window.end}

    def _waiting(self) -> list[int]:
        return [start for start in self._points if self._passed is None or start > self._passed]

    def _forget(self) -> None:
        if self.read_until is None or self._kept_from is None:
            return
        keep = self.read_until - (LOOK_BACK_PERIODS + 1) * self._period
        # Not what is on the page, nor what waits for it.
        keep = min([keep, *(start for start in (self._shown,) if start is not None), *self._waiting()])
        self._kept_from = max(self._kept_from, keep)
        self._points = {start: value for start, value in self._points.items() if start >= keep}
