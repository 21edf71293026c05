"""Runs a scenario's last check once all its users have stopped, surely before its counts leave the process.

Locust fires `test_stop` when the users have ended, in every process that has users: alone, as a worker, as a child of
--processes. Alone that is enough: a scenario's listeners are added when its module is imported, before anybody else's.
A worker's reports go on meanwhile, and the first one after its users have ended may be taken for its last: so a
report also waits for the check. It may be the report that finds the check to be done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from gevent.lock import RLock
from locust import events
from locust.runners import STATE_STOPPED, MasterRunner, WorkerRunner

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 60.0
LONGEST_SECONDS_OF_WORKER = 4.0
"""A master waits for its workers' last reports for the time that users get to stop, and five seconds."""


class EndOfRun:
    """One check, due once for every run."""

    def __init__(self, check: Callable[[float], None]) -> None:
        """`check` is given the seconds that it may take."""
        self._check = check
        self._lock = RLock()
        self._runner: Any = None
        self._due = False

    def on_test_start(self, environment: Any, **_: Any) -> None:
        """A run begins: its check is due at its end."""
        self._runner = environment.runner
        self._due = not isinstance(self._runner, MasterRunner)

    def on_test_stop(self, **_: Any) -> None:
        """The users have ended."""
        with self._lock:
            if not self._due:
                return
            worker = isinstance(self._runner, WorkerRunner)
            try:
                self._check(LONGEST_SECONDS_OF_WORKER if worker else LONGEST_SECONDS)
            finally:
                self._due = False

    def on_report(self, **_: Any) -> None:
        """A worker is about to report to its master."""
        if self._runner is not None and self._runner.state == STATE_STOPPED:
            self.on_test_stop()


def check_at_end_of_run(check: Callable[[float], None]) -> EndOfRun:
    """Have `check` called at the end of each run; call this once, when a scenario's module is imported."""
    due = EndOfRun(check)
    events.test_start.add_listener(due.on_test_start)
    events.test_stop.add_listener(due.on_test_stop)
    events.report_to_master.add_listener(due.on_report)
    return due
