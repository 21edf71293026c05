"""Sends batches one at a time from a thread beside the load, and knows what became of each.

The load never waits: batches are put into a bounded backlog, a greenlet of the sender's own takes them to a thread
and waits there. One thread, because a socket of gevent's belongs to the thread that made it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

import gevent
from gevent.event import Event
from gevent.threadpool import ThreadPool

from exporters.cloudwatch_push.counters import AMBIGUOUS, DROPPED, REFUSED, STORED, PushCounters
from swarmscope.aws.push_backlog import Backlog
from swarmscope.aws.push_batches import Batch
from swarmscope.aws.push_outcomes import Answer, Outcome, Pauses

logger = logging.getLogger(__name__)

_DOES = {
    Outcome.THROTTLED: "CloudWatch throttles our calls ({reason}): they are repeated, and nothing is lost yet",
    Outcome.UNREACHABLE: "CloudWatch cannot be reached ({reason}): data wait, and are repeated",
    Outcome.CREDENTIALS: (
        "CloudWatch does not accept our AWS credentials ({reason}): the load goes on, its data wait. boto3 looks for "
        "credentials in AWS_* variables, ~/.aws and the machine's role; cloudwatch:PutMetricData must be allowed"
    ),
    Outcome.REFUSED: "CloudWatch refused data ({reason}): they are given up",
    Outcome.AMBIGUOUS: (
        "CloudWatch did not say whether it took a call ({reason}): it is not repeated, as it might count twice"
    ),
}
_FATES = {Outcome.STORED: STORED, Outcome.REFUSED: REFUSED, Outcome.AMBIGUOUS: AMBIGUOUS}


class Sender:
    """The way of batches to CloudWatch; everything but `put` itself happens on the hub."""

    def __init__(
        self,
        put: Callable[[Batch], Answer],
        counters: PushCounters,
        backlog: Backlog | None = None,
        pauses: Pauses | None = None,
        *,
        repeat_ambiguous: bool = False,
    ) -> None:
        """`put` makes one call and runs in the thread."""
        self._put = put
        self._counters = counters
        self._backlog = Backlog() if backlog is None else backlog
        self._pauses = Pauses() if pauses is None else pauses
        self._repeat_ambiguous = repeat_ambiguous
        self._pool = ThreadPool(1)
        self._wanted, self._idle = Event(), Event()
        self._idle.set()
        self._failures = 0
        self._ending = False
        self._told: set[Outcome] = set()
        self._loop = gevent.spawn(self._run)

    def offer(self, batch: Batch) -> None:
        """Send this when its turn comes; the oldest data are given up when too much waits."""
        if self._ending:
            self._counters.data[DROPPED] += len(batch.data)
            return
        self._given_up(self._backlog.put(batch))
        self._idle.clear()
        self._wanted.set()

    def flush(self, seconds: float) -> bool:
        """Send what waits within so many seconds and end; what is left is given up and counted. False then.

        A call that is on its way at the end may be applied or not: it is counted as ambiguous.
        """
        self._ending = True
        done: bool = self._idle.wait(max(seconds, 0.0))
        self._loop.kill(block=False)
        left = self._backlog.clear()
        self._counters.data[DROPPED] += left
        if (batch := self._on_its_way()) is not None:
            self._counters.data[AMBIGUOUS] += len(batch.data)
            self._backlog.settle()
        self._counters.backlog = 0
        return done and not left

    def _on_its_way(self) -> Batch | None:
        return self._backlog.take() if self._backlog.data else None

    def _run(self) -> None:
        while True:
            batch = self._backlog.take()
            if batch is None:
                self._idle.set()
                self._wanted.clear()
                self._wanted.wait()
                continue
            try:
                answer = self._pool.spawn(self._put, batch).get()
            except Exception as error:
                answer = Answer(Outcome.AMBIGUOUS, type(error).__name__)
            self._take_in(batch, answer)

    def _take_in(self, batch: Batch, answer: Answer) -> None:
        counters, outcome = self._counters, answer.outcome
        counters.calls[outcome] += 1
        self._tell(answer)
        again = outcome.was_certainly_not_applied or (outcome is Outcome.AMBIGUOUS and self._repeat_ambiguous)
        if not again:
            self._failures = 0
            counters.data[_FATES[outcome]] += len(batch.data)
            self._backlog.settle()
            counters.backlog = self._backlog.data
            if outcome is Outcome.STORED:
                counters.last_success = time.time()
            return
        self._given_up(self._backlog.put_back())
        self._failures += 1
        if self._ending and outcome is Outcome.CREDENTIALS:
            # Nobody repairs them in the last seconds.
            counters.data[DROPPED] += self._backlog.clear()
            counters.backlog = 0
            return
        gevent.sleep(self._pauses.after(self._failures, random.random()))

    def _given_up(self, data: int) -> None:
        if data:
            if not self._counters.data[DROPPED]:
                logger.warning("CloudWatch: too much waits to be sent; the oldest data are given up")
            self._counters.data[DROPPED] += data
        self._counters.backlog = self._backlog.data

    def _tell(self, answer: Answer) -> None:
        """One message for each kind of trouble, and another only after it has been over."""
        if answer.outcome is Outcome.STORED:
            if self._told & {Outcome.THROTTLED, Outcome.UNREACHABLE, Outcome.CREDENTIALS}:
                logger.info("CloudWatch takes our data again")
            self._told.clear()
        elif answer.outcome not in self._told:
            self._told.add(answer.outcome)
            logger.warning(_DOES[answer.outcome].format(reason=answer.reason))
