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
    """The newest run of a system, of one Locust or several. Without an address everything is one run, named ""."""

    def __init__(self, locust_url: str, system: str, clock: Callable[[], float] = time.time) -> None:
        self._urls = [f"{url.strip().rstrip('/')}/live" for url in locust_url.split(",") if url.strip()]
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
        return bool(self._urls)

    @property
    def run(self) -> RunSpan | None:
        """The run that is going on, or the last one."""
        with self._lock:
            if self._run is not None and not self._urls:
                return replace(self._run, seen_until=self._clock())
            return self._run

    def follow(self, wait: Wait) -> None:
        """Ask until the exporter ends."""
        while self._urls and not wait(POLL_SECONDS):
            self.ask()

    def ask(self) -> None:
        """Ask Locust once; of several, one that answers is enough."""
        found: list[RunSpan | None] = []
        errors: list[Exception] = []
        for url in self._urls:
            try:
                with self._open(url, timeout=TIMEOUT_SECONDS) as answer:
                    document = json.loads(answer.read(_LARGEST_ANSWER))
                found.append(newest_run(document, self._system))
            except (OSError, ValueError, TypeError, AttributeError, http.client.HTTPException) as error:
                errors.append(error)
        if not found:
            self._missed(errors[0])
            return
        run = max((each for each in found if each is not None), key=lambda each: each.started, default=None)
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
        _log.info(
            "Locust's exporter does not answer at %s (%s): there is no run", ", ".join(self._urls), error
        )
