"""Turns Ctrl-C, SIGTERM and a closed terminal into a counter: the first asks to end cleanly, the second to end now."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts the requests to stop while it is entered; must be entered in the main thread.

    Handlers, not exceptions: an exception between a fork and the line that remembers its process would lose it.
    Programs started meanwhile get the signals' defaults, even when we were started with SIGINT ignored, as shells
    start background jobs.
    """

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        for sig in SIGNALS:
            self._before[sig] = signal.signal(sig, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sig, handler in self._before.items():
            signal.signal(sig, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1

    @property
    def asked(self) -> bool:
        """Whether to end cleanly."""
        return self.count > 0

    @property
    def insisted(self) -> bool:
        """Whether to end now."""
        return self.count > 1
