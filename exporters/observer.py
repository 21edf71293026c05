"""Follows Locust's events where the load is steered, and leads each run through its life to its verdict.

Runs in Locust alone or in its master. Holds the runs that the page shows, judges them live, and hands each ended
run to `finish` (reports, verdict), which the locustfile supplies, so that nothing here touches files or networks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import gevent

from exporters.ended_run import EndedRun
from exporters.run_life import RunLife
from exporters.run_view import ExporterCounters, RunView
from exporters.stop_request import StopAnswer
from swarmscope.errors import ExitCode
from swarmscope.verdict import Judgement, Verdict

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
JUDGE_SECONDS = 1.0
KEEP_SECONDS = 300.0
"""How long an ended run's series stay on the page once another run has started."""
FINISH_SECONDS = 90.0
"""The longest that Locust's end waits for verdict and reports."""


class Page(Protocol):
    """What the observer asks of the exporter's HTTP server."""

    def wait_for_first_scrape(self, timeout: float) -> bool:
        """Wait until a scraper has seen the page as it is now."""

    def wait_until_scraped(self, timeout: float) -> bool:
        """Wait until a scrape that begins after this call has been sent; gives up early without a scraper."""

    def scraper_seen(self) -> bool:
        """Whether anything has scraped lately."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of an ended run."""

    judgements: tuple[Judgement, ...]
    verdict: Verdict
    exit_code: ExitCode


@dataclass(slots=True)
class Observer:
    """Leads runs from preparation to verdict."""

    prepare: Callable[[], RunLife]
    """Makes the next run from the options as they are now."""
    page: Page
    finish: Callable[[EndedRun], Finished]
    counters: ExporterCounters
    headless: bool
    stage_phase: Callable[[], str] = lambda: ""
    scrape_hold: float = 5.0
    """Seconds at most that the end of a run waits for the final scrape."""
    settle_seconds: float = 0.0
    """Seconds at most that the end of a run waits for measurements that arrive late."""
    hurry: Callable[[str], None] = lambda reason: None
    """Ends that waiting, for this reason; "" allows it again."""
    current: RunLife = field(init=False)
    exit_code: ExitCode | None = None
    _past: list[tuple[float, RunLife]] = field(default_factory=list, init=False)
    _finishing: Any = field(default=None, init=False)
    _ending: RunLife | None = field(default=None, init=False)
    _is_quitting: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.current = self.prepare()

    def attach(self, environment: Any) -> None:
        """Listen to Locust's events and start looking at its runner a few times a second."""
        events = environment.events
        events.test_start.add_listener(self._guarded(self.on_test_start))
        events.test_stopping.add_listener(self._guarded(self.on_test_stopping))
        events.test_stop.add_listener(self._guarded(self.on_test_stop))
        events.quitting.add_listener(self._guarded(self.on_quitting))
        gevent.spawn(self._ticks)
        gevent.spawn(self._judging)

    def views(self) -> Sequence[RunView]:
        """The current run and, for a while, those before it."""
        now = time.monotonic()
        self._past = [(until, life) for until, life in self._past if until > now]
        return [*(life.view() for _, life in self._past), self.current.view()]

    def on_test_start(self, environment: Any, **_: Any) -> None:
        """Locust is about to spawn users: a new run."""
        if self._finishing is not None:
            self.hurry("another run was started")
            self._finishing.join(FINISH_SECONDS)
            self.hurry("")
        if self.current.started is not None:
            self.current.freeze()
            self._past.append((time.monotonic() + KEEP_SECONDS, self.current))
        renewed = self.prepare()
        shown = self.current.started is None and renewed.profile == self.current.profile
        if shown:
            renewed.labels = replace(renewed.labels, run=self.current.labels.run)
        self.current = renewed
        self.current.source.begin(self.current.labels.run)
        # Workers learn the run's name with their first spawn message, whenever they join.
        environment.parsed_options.swarmscope_run = self.current.labels.run
        if not shown and self.page.scraper_seen():
            # Its series must be seen at zero; those of the first run are on the page since Locust started.
            self.page.wait_for_first_scrape(timeout=3.0)
        self.current.start()
        logger.info("run %s started", self.current.labels.run)

    def on_test_stopping(self, environment: Any, **_: Any) -> None:
        """Locust stops the users: nothing that finishes from here on counts towards a rate."""
        if self.current.active:
            # A headless run stops before its time for good reasons too (-i, an abort): only quitting is by hand.
            # But under a load shape, Ctrl-C makes Locust stop the run first, and quit afterwards.
            shaped = self.current.profile.is_shaped and not getattr(
                environment.parsed_options, "iterations", 0
            )
            if not self.headless or shaped:
                self._note_interruption()
            self.current.stopping()

    def on_test_stop(self, environment: Any, **_: Any) -> None:
        """All users have stopped: settle the counters here, then judge and report beside Locust's own end."""
        if self.current.started is None or self.current.settled:
            return  # Locust also "stops" when it quits without a run
        ended = self.current.settle()
        self._finishing = gevent.spawn(self._finish, self.current, ended)

    def on_quitting(self, environment: Any, **_: Any) -> None:
        """Locust ends: the run, if one is going on, ends first; the exit code is ours when there was a run."""
        if self.current.active:
            self._note_interruption()
            # Not stop(): a master that has told its workers to stop no longer knows them, and could not end them.
            environment.runner.quit()
        self.current.source.dismiss()
        if self._is_quitting or not self._ends_by_itself(environment):
            self.hurry("Locust was ended by hand")
        self._is_quitting = True
        if self._finishing is not None:
            self._finishing.join(FINISH_SECONDS + self.settle_seconds)
        if self.exit_code is not None:
            environment.process_exit_code = int(self.exit_code)

    def stop_run(self, run: str, reason: str, environment: Any) -> str:
        """Stop a run because one of its targets says so; answers with a value of StopAnswer."""
        life = self.current
        if run != life.labels.run:
            return StopAnswer.UNKNOWN_RUN
        if not life.active or life.aborted_by:
            return StopAnswer.NOT_RUNNING
        life.aborted_by = reason
        logger.warning("run %s is stopped: %s", run, reason)
        gevent.spawn(environment.runner.quit if self.headless else environment.runner.stop)
        return StopAnswer.STOPPING

    def note_settling(self, until: float | None) -> None:
        """Whether, and until when at most (Unix seconds), the verdict waits for measurements that arrive late."""
        if self._ending is not None:
            self._ending.settling_until = until

    def _ends_by_itself(self, environment: Any) -> bool:
        """Whether Locust quits after a run without being told to."""
        return self.headless or getattr(environment.parsed_options, "autoquit", -1) >= 0

    def _note_interruption(self) -> None:
        life = self.current
        if life.planned_seconds is None:
            # A climb has no planned time, but an end of its own; any other such run is meant to be ended by hand.
            life.interrupted = life.climbing is not None and not life.aborted_by
        elif not life.aborted_by:
            life.interrupted = time.time() - (life.started or 0.0) < life.planned_seconds - 1.5

    def _finish(self, life: RunLife, ended: EndedRun) -> None:
        self._ending = life
        try:
            life.judge_final(ended)
            life.freeze()
            if not self.page.wait_until_scraped(self.scrape_hold) and self.page.scraper_seen():
                logger.warning("the final counters were not scraped within %.0f s", self.scrape_hold)
            finished = self.finish(ended)
            life.judgements, life.verdict = finished.judgements, finished.verdict
            self.exit_code = finished.exit_code
            self.page.wait_until_scraped(self.scrape_hold)
        except Exception:
            self.counters.listener_errors += 1
            self.exit_code = ExitCode.GENERATOR_FAILED
            logger.exception("run %s: no verdict could be given", life.labels.run)

    def _ticks(self) -> None:
        while True:
            gevent.sleep(TICK_SECONDS)
            self._guarded(self.current.tick)(self.stage_phase())

    def _judging(self) -> None:
        while True:
            gevent.sleep(JUDGE_SECONDS)
            if self.current.active:
                self._guarded(self.current.judge_live)()

    def _guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **kwargs: Any) -> None:
            try:
                function(*args, **kwargs)
            except Exception:
                # Telemetry must never disturb the load: count the error, say it, go on.
                self.counters.listener_errors += 1
                logger.exception("swarmscope: %s failed", getattr(function, "__name__", function))

        return call
