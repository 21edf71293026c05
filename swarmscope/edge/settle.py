"""Waits, for a bounded time, until AWS has told everything about an ended run, and asks the targets that need it.

Runs in Locust's process between the end of the load and the verdict. What is known is read from Prometheus, where
the CloudWatch exporter says up to when its values are settled: the same page carries the values themselves.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import gevent

from swarmscope.aws.families import SETTLED, Source
from swarmscope.aws.settings import AwsSettings
from swarmscope.aws.settled import late, names_cold_starts, needed, sources_of, windows_of
from swarmscope.edge.prometheus_api import PrometheusApi, PrometheusUnavailable
from swarmscope.names import Job
from swarmscope.targets import Target
from swarmscope.verdict import QueryValue

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
ABSENT_SECONDS = 15.0
"""How long the exporter may be missing from Prometheus before waiting for it is given up."""
_SAYS_OF = {Source.METRICS: "CloudWatch's metrics", Source.LOGS: "CloudWatch's logs"}
_SETTLED = f'max by (source) ({SETTLED.name}{{job="{Job.CLOUDWATCH}"}})'
NOT_SCRAPED = "the CloudWatch exporter is not scraped by Prometheus"


@dataclass(frozen=True, slots=True)
class EndedLoad:
    """What is asked about: a run whose load has ended."""

    run: str
    started: float
    stopped: float
    steady: Sequence[tuple[float, float]]


@dataclass(slots=True)
class Settling:
    """The waiting of one process for AWS; `hurry` ends it from outside."""

    aws: AwsSettings | None
    environment: str
    tell: Callable[[float | None], None] = lambda until: None
    """Told until when it waits at most (Unix seconds), and None when it does not wait any more."""
    watch_interrupts: bool = False
    """Whether Ctrl-C ends the waiting, and not the process."""
    waited_seconds: float = 0.0
    _hurried: str = field(default="", init=False)

    def hurry(self, reason: str) -> None:
        """Wait no longer, for this reason; "" takes its time again."""
        self._hurried = reason

    def values(
        self, prometheus: PrometheusApi, targets: Sequence[Target], load: EndedLoad, hurried: str = ""
    ) -> dict[str, QueryValue]:
        """The answer of each target's query, or why there is none; `hurried` says why nothing is waited for."""
        self.waited_seconds = 0.0
        if self.aws is None:
            where = f'environment "{self.environment}"' if self.environment else "the run's environment"
            reason = f"{where} has no aws section, so nothing was read from AWS"
            return {target.id: QueryValue(None, reason) for target in targets}
        self._hurried = self._hurried or hurried
        missing = self._wait(
            prometheus, needed([target.query for target in targets], load.steady, load.stopped), self.aws
        )
        return {target.id: self._value(prometheus, target, load, missing) for target in targets}

    def _wait(
        self, prometheus: PrometheusApi, needed_until: Mapping[Source, float], aws: AwsSettings
    ) -> dict[Source, str]:
        """Wait until everything is known; what is not known in time, with the reason."""
        began = time.time()
        deadline, absent_since, told = began + aws.settle_within_seconds, None, False
        behind: dict[Source, float] = {}
        with self._interruptible():
            try:
                while True:
                    settled = _settled(prometheus)
                    behind = late(needed_until, settled)
                    now = time.time()
                    if not behind or self._hurried or now >= deadline:
                        break
                    absent_since = None if settled else absent_since or now
                    if absent_since is not None and now - absent_since > ABSENT_SECONDS:
                        return dict.fromkeys(behind, NOT_SCRAPED)
                    if not told:
                        told = True
                        logger.info("waiting for CloudWatch to settle, at most %.0f s", deadline - now)
                        self.tell(deadline)
                    gevent.sleep(LOOK_SECONDS)
            finally:
                self.waited_seconds = time.time() - began
                if told:
                    logger.info("waited %.1f s for CloudWatch", self.waited_seconds)
                    self.tell(None)
        return {
            source: self._reason(source, seconds, needed_until[source], bool(settled), aws)
            for source, seconds in behind.items()
        }

    def _reason(self, source: Source, behind: float, until: float, is_scraped: bool, aws: AwsSettings) -> str:
        if not is_scraped:
            return NOT_SCRAPED
        known = f"{_SAYS_OF[source]} were known"
        known += f" until {_clock(until - behind)}" if math.isfinite(behind) else " for no time at all"
        waited = (
            self._hurried
            or f"waited {self.waited_seconds:.0f} s, settle_within is {aws.settle_within_seconds:g}s"
        )
        return f"{known}, and were needed until {_clock(until)} ({waited})"

    def _value(
        self, prometheus: PrometheusApi, target: Target, load: EndedLoad, missing: Mapping[Source, str]
    ) -> QueryValue:
        reasons = [missing[source] for source in sorted(sources_of(target.query)) if source in missing]
        if reasons:
            return QueryValue(None, reasons[0])
        if names_cold_starts(target.query):
            # Counted by run: what has arrived since the stop belongs to it, too.
            return prometheus.query_value(target, load.run, [(load.started, time.time())])
        if self.aws is not None and not self.aws.timestamps:
            reason = "aws.timestamps is false, so Prometheus does not know which minutes the values belong to"
            return QueryValue(None, reason)
        return prometheus.query_value(
            target, load.run, [minutes.window for minutes in windows_of(load.steady)]
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Ctrl-C ends the waiting and nothing else, where this process is the one that is asked to stop."""

        def interrupted(*_: Any) -> None:
            self.hurry("interrupted by hand")

        if not self.watch_interrupts:
            yield
            return
        before = signal.signal(signal.SIGINT, interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def _settled(prometheus: PrometheusApi) -> dict[Source, float]:
    """Up to when each source is known; nothing while Prometheus or the exporter does not answer."""
    try:
        answer = prometheus.query(_SETTLED)
    except PrometheusUnavailable:
        return {}
    return {
        Source(each["metric"]["source"]): float(each["value"][1])
        for each in answer
        if each["metric"].get("source") in set(Source)
    }


def _clock(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%H:%M:%S UTC")
