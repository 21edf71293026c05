"""Which run is to be read for now, as Locust's exporter tells it: asked once a second from a thread. I/O."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace

from exporters.cloudwatch_pull.back_off import Wait
from swarmscope.aws.runs import RunSpan, newest_run

_log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 3.0
GONE_SECONDS = 10.0
"""How long Locust may be silent before its run counts as ended when it was last seen."""
_LARGEST_ANSWER = 8 * 1024 * 1024


class RunWatch:
    """The newest run of a system. Without an address of Locust everything is one run, named ""."""

    def __init__(self, locust_url: str, system: str, clock: Callable[[], float] = time.time) -> None:
        self._url = f"{locust_url.rstrip('/')}/live" if locust_url else ""
        self._system = system
        self._clock = clock
        self._lock = threading.Lock()
        self._run: RunSpan | None = None
        self._answered = clock()
        self._is_silent = False
        if not locust_url:
            self._run = RunSpan("", system, clock(), None, clock())
        # A proxy that leads to AWS does not lead to Locust.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    @property
    def follows(self) -> bool:
        """Whether there is a Locust to follow."""
        return bool(self._url)

    @property
    def run(self) -> RunSpan | None:
        """The run that is going on, or the last one."""
        with self._lock:
            if self._run is not None and not self._url:
                return replace(self._run, seen_until=self._clock())
            return self._run

    def follow(self, wait: Wait) -> None:
        """Ask until the exporter ends."""
        while self._url and not wait(POLL_SECONDS):
            self.ask()

    def ask(self) -> None:
        """Ask Locust once."""
        try:
            with self._open(self._url, timeout=TIMEOUT_SECONDS) as answer:
                document = json.loads(answer.read(_LARGEST_ANSWER))
            run = newest_run(document, self._system)
        except (OSError, ValueError, TypeError, AttributeError, http.client.HTTPException) as error:
            self._missed(error)
            return
        with self._lock:
            self._answered = self._clock()
            self._is_silent = False
            if run is not None and (self._run is None or run.started >= self._run.started):
                self._run = run
            elif self._run is not None and run is None:
                # Locust was started anew, and has not begun.
                self._run = self._run.lost()

    def _missed(self, error: Exception) -> None:
        with self._lock:
            if self._clock() - self._answered < GONE_SECONDS or self._is_silent:
                return
            self._is_silent = True
            if self._run is not None:
                self._run = self._run.lost()
        _log.info("Locust's exporter does not answer at %s (%s): there is no run", self._url, error)
