"""Where a run's counters come from: this process alone, or a master's merged worker reports.

Both answer the same questions, so that the run's life does not care how the load is spread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import gevent

from exporters.event_loop_lag import EventLoopLag
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.run_view import ExporterCounters, GeneratorView, SeriesKey, Waiting
from exporters.scenario_metrics import DECLARED
from exporters.validity import Validity
from exporters.windows import GeneratorSnapshots
from exporters.worker_reports import ReportMerger
from swarmscope.measurements import RequestKey, Snapshot
from swarmscope.run_result import PendingRequest

LOCAL = "local"
"""Name of the only load generator when Locust runs alone."""

MARK_MESSAGE = "swarmscope_mark"
STOP_MESSAGE = "swarmscope_stop"


class CounterSource(Protocol):
    """What a run's life asks of its load generators."""

    def begin(self, run: str) -> None:
        """A new run starts: count from zero."""

    def stopping(self) -> None:
        """The load is about to be stopped: what is cut off from now on is kept for the report."""

    def counts(self) -> Snapshot:
        """The live counters of all generators together; read only."""

    def latest(self) -> GeneratorSnapshots:
        """A copy of the latest counters of each generator."""

    def mark(self, label: str) -> None:
        """Have each generator take a snapshot of its counters now, kept under this label."""

    def marked(self, label: str) -> GeneratorSnapshots:
        """The snapshots of a mark that have arrived so far."""

    def waiting(self) -> Mapping[RequestKey, Waiting]:
        """Requests sent and not yet answered."""

    def pending(self) -> Sequence[PendingRequest]:
        """Requests that were cut off unanswered when the load stopped."""

    def scenario(self) -> Mapping[SeriesKey, float]:
        """The scenario's own counters and gauges of all generators together."""

    def generators(self) -> Sequence[GeneratorView]:
        """Every load generator of the run, lost ones included."""

    def watch(self, validity: Validity, elapsed: float) -> None:
        """Note generators that were lost or came back."""

    def settle(self, validity: Validity, elapsed: float) -> None:
        """Wait, bounded, until every generator has delivered its final counters; note those that did not."""

    def dismiss(self) -> None:
        """Locust ends: leave no generator behind."""


class LocalSource:
    """Locust alone: the counters are in this process."""

    def __init__(self, runner: Any, recorder: Recorder, in_flight: InFlight, lag: EventLoopLag) -> None:
        self._runner = runner
        self._recorder = recorder
        self._in_flight = in_flight
        self._lag = lag
        self._marks: dict[str, GeneratorSnapshots] = {}

    def begin(self, run: str) -> None:
        """Count from zero."""
        self._marks.clear()
        self._recorder.start_run()
        DECLARED.start_run()
        self._in_flight.start_run()

    def stopping(self) -> None:
        """Keep what is cut off from now on."""
        self._in_flight.stopping()

    def counts(self) -> Snapshot:
        """The recorder's live counters."""
        return self._recorder.counts

    def latest(self) -> GeneratorSnapshots:
        """A copy of the recorder's counters."""
        return {LOCAL: self._recorder.snapshot()}

    def mark(self, label: str) -> None:
        """Take a snapshot."""
        self._marks[label] = self.latest()

    def marked(self, label: str) -> GeneratorSnapshots:
        """The snapshot taken under this label."""
        return self._marks.get(label, {})

    def waiting(self) -> Mapping[RequestKey, Waiting]:
        """Requests sent and not yet answered."""
        return self._in_flight.waiting()

    def pending(self) -> Sequence[PendingRequest]:
        """Requests that were cut off unanswered."""
        return tuple(self._in_flight.cut_off)

    def scenario(self) -> Mapping[SeriesKey, float]:
        """What the scenario has counted in this process."""
        return DECLARED.read()

    def generators(self) -> Sequence[GeneratorView]:
        """This process."""
        runner = self._runner
        return (
            GeneratorView(
                LOCAL,
                str(runner.state),
                users=runner.user_count,
                cpu_ratio=runner.current_cpu_usage / 100,
                memory_bytes=int(runner.current_memory_usage),
                lag=self._lag.worst_and_reset(),
            ),
        )

    def watch(self, validity: Validity, elapsed: float) -> None:
        """Nothing can be lost."""

    def settle(self, validity: Validity, elapsed: float) -> None:
        """Nothing has to arrive."""

    def dismiss(self) -> None:
        """There is only this process."""


class WorkersSource:
    """A Locust master: the counters are what its workers reported."""

    def __init__(
        self,
        runner: Any,
        counters: ExporterCounters,
        bounds: int,
        known: Iterable[RequestKey],
        settle_seconds: float,
    ) -> None:
        """`bounds` is the number of recorded bucket bounds; `known` requests exist at 0 from the start."""
        self._runner = runner
        self._counters = counters
        self._bounds = bounds
        self._known = tuple(known)
        self._merger = ReportMerger("", bounds, self._known)
        self._settle_seconds = settle_seconds
        self._stopping = False

    def begin(self, run: str) -> None:
        """Forget the previous run's workers; reports of other runs are refused from here on."""
        self._merger = ReportMerger(run, self._bounds, self._known)
        self._stopping = False

    def stopping(self) -> None:
        """Workers come and go while they stop; each keeps for itself what it cuts off."""
        self._stopping = True

    def on_worker_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        """Locust's `worker_report` event: merge what the worker counted."""
        try:
            payload = data.get("swarmscope")
            if payload is not None:
                result = self._merger.apply(client_id, payload, time.monotonic())
                self._counters.reports[result] = self._counters.reports.get(result, 0) + 1
            if "swarmscope_cloudwatch" in data:
                self._counters.cloudwatch.take_report(client_id, data["swarmscope_cloudwatch"])
        except Exception:
            self._counters.listener_errors += 1
            raise

    def counts(self) -> Snapshot:
        """The merged counters."""
        return self._merger.merged

    def latest(self) -> GeneratorSnapshots:
        """A copy of each worker's counters."""
        return {worker: self._merger.snapshot_of(worker) for worker in self._merger.workers}

    def mark(self, label: str) -> None:
        """Ask every worker for a snapshot; it arrives with the worker's next report."""
        self._runner.send_message(MARK_MESSAGE, {"label": label})

    def marked(self, label: str) -> GeneratorSnapshots:
        """The workers' snapshots of a mark that have arrived so far."""
        return self._merger.marks(label)

    def waiting(self) -> Mapping[RequestKey, Waiting]:
        """Requests sent and not yet answered, of all workers that are not lost."""
        return self._merger.waiting(time.monotonic())

    def pending(self) -> Sequence[PendingRequest]:
        """Requests that were cut off unanswered."""
        return self._merger.pending

    def scenario(self) -> Mapping[SeriesKey, float]:
        """What the scenario has counted, all workers together; a series that none has reported yet is 0."""
        gauges = {each.metric.name for each in DECLARED.metrics if not each.is_counter}
        return {**DECLARED.read(), **self._merger.scenario(gauges, time.monotonic())}

    def generators(self) -> Sequence[GeneratorView]:
        """Every worker that is connected or took part."""
        now = time.monotonic()
        clients = dict(self._runner.clients.items())
        views = []
        for worker in sorted({*clients, *self._merger.workers}):
            client = clients.get(worker)
            views.append(
                GeneratorView(
                    self._name(worker),
                    str(client.state) if client else ("stopped" if self._merger.final(worker) else "lost"),
                    users=client.user_count if client else 0,
                    cpu_ratio=client.cpu_usage / 100 if client else 0.0,
                    memory_bytes=int(client.memory_usage) if client else 0,
                    report_age=self._merger.last_report_age(worker, now) or 0.0,
                    lag=self._merger.lag(worker),
                )
            )
        return views

    def _name(self, worker: str) -> str:
        # Locust's client id is the host's name and a random number: its index reads better and is bounded.
        return f"worker-{self._runner.get_worker_index(worker)}"

    def watch(self, validity: Validity, elapsed: float) -> None:
        """Note workers that stopped sending heartbeats or went away before their final report."""
        if self._stopping:
            return
        for worker in self._merger.workers:
            client = self._runner.clients.get(worker)
            if client is None or client.state == "missing":
                if not self._merger.final(worker):
                    validity.worker_lost(self._name(worker), f"after {elapsed:.0f} s")
            else:
                validity.worker_back(self._name(worker))

    def settle(self, validity: Validity, elapsed: float) -> None:
        """Stop the workers' users and wait for every worker's final report.

        Locust's master leaves half a second for this when it quits, less than one worker report and far less
        than the time that unanswered requests are given: 30 % of a short run would be missing.
        """
        self._runner.send_message(STOP_MESSAGE, {})
        deadline = time.monotonic() + self._settle_seconds
        while time.monotonic() < deadline and self._missing(validity):
            gevent.sleep(0.05)
        for worker in self._merger.workers:
            if self._merger.final(worker):
                validity.worker_back(self._name(worker))
            else:
                validity.worker_lost(self._name(worker), "before its final report")

    def dismiss(self) -> None:
        """Tell workers to quit that Locust has forgotten.

        For `stop_timeout` seconds after a stop a worker is on no list of its master's; Locust's own farewell does
        not reach it then, and it would wait for its master's heartbeat for another minute.
        """
        for worker in self._merger.workers:
            if worker not in self._runner.clients:
                self._runner.send_message("quit", client_id=worker)

    def _missing(self, validity: Validity) -> list[str]:
        lost = validity.lost_workers
        return [w for w in self._merger.workers if not self._merger.final(w) and self._name(w) not in lost]
