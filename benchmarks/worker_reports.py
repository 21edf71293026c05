"""What Swarmscope adds to Locust's worker reports: bytes on the wire, and CPU of the master that takes them in.

python -m benchmarks.worker_reports          about 40 seconds

Workers are simulated: each has Locust's statistics and Swarmscope's recorder and writes its reports as it would
in a run (500 requests a second, one report a second, every tenth of Swarmscope's complete); the master unpacks them
and fires its `worker_report` event. Not included is what is the same with and without: sockets and heartbeats.
"""

from __future__ import annotations

# Locust first: it monkey-patches on import.
from locust.env import Environment  # isort: skip
import argparse
import random
import time
from dataclasses import dataclass
from typing import Any

from locust.event import Events
from locust.rpc.protocol import Message
from locust.stats import RequestStats, setup_distributed_stats_event_listeners

from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.report_writer import COMPLETE_EVERY
from exporters.worker_reports import ReportMerger, ReportWriter
from swarmscope.histogram import fine_bounds

WORKERS = (2, 20, 100)
NAMES = (50, 500)
PER_SECOND = 500
RUN = "benchmark"
BOUNDS = fine_bounds([])
SAMPLE = 5
"""Workers that write reports; a master of more workers takes in each report under several workers' names."""


class SimulatedWorker:
    """One worker's statistics and counters, filled alike."""

    def __init__(self, names: int, seed: int) -> None:
        self._dice = random.Random(seed)
        self._names = [f"/v1/resources/{number}/items" for number in range(names)]
        self.events = Events()
        for hook in ("report_to_master", "worker_report"):
            setattr(self.events, hook, type(Environment().events.request)())
        self.stats = RequestStats(use_response_times_cache=False)
        setup_distributed_stats_event_listeners(self.events, self.stats)
        self._recorder = Recorder(BOUNDS)
        self._writer = ReportWriter(self._recorder, InFlight())
        self._writer.start_run(RUN)

    def one_second(self) -> None:
        """Send a second's requests: log-normal around 60 ms, one in a hundred failing."""
        for _ in range(PER_SECOND):
            name, milliseconds = self._dice.choice(self._names), self._dice.lognormvariate(4.1, 0.5)
            error = "HTTPError 503 Service Unavailable" if self._dice.random() < 0.01 else None
            self.stats.log_request("GET", name, milliseconds, 512)
            if error:
                self.stats.log_error("GET", name, error)
            self._recorder.on_request(
                request_type="GET",
                name=name,
                response_time=milliseconds,
                response_length=512,
                exception=error,
            )

    def report(self) -> tuple[bytes, bytes, float]:
        """The report as it goes over the wire, without and with Swarmscope's part; CPU seconds to write that part."""
        data: dict[str, Any] = {}
        self.events.report_to_master.fire(client_id="worker", data=data)
        data |= {"user_classes_count": {"User": 100}, "user_count": 100}
        without = Message("stats", data, "worker").serialize()
        before = time.thread_time()
        part = self._writer.write()
        spent = time.thread_time() - before
        return without, Message("stats", data | {"swarmscope": part}, "worker").serialize(), spent


@dataclass
class Reports:
    """The reports of a few workers over one cycle of complete and partial ones."""

    without: list[list[bytes]]
    """Second → one report per worker."""
    together: list[list[bytes]]
    writing: float
    """CPU seconds per report that writing Swarmscope's part took a worker."""


def written(names: int, seconds: int) -> Reports:
    """Reports in the middle of a run: what can be said once has been said."""
    workers = [SimulatedWorker(names, seed) for seed in range(SAMPLE)]
    reports = Reports([], [], 0.0)
    spent = 0.0
    for second in range(-2, seconds):
        for worker in workers:
            worker.one_second()
        packed = [worker.report() for worker in workers]
        if second >= 0:
            reports.without.append([without for without, _, _ in packed])
            reports.together.append([together for _, together, _ in packed])
            spent += sum(writing for _, _, writing in packed)
    reports.writing = spent / (seconds * SAMPLE)
    return reports


def master_cpu(reports: list[list[bytes]], workers: int, with_ours: bool) -> float:
    """CPU seconds that a master spends per second on the reports of so many workers."""
    events = Events()
    for hook in ("report_to_master", "worker_report"):
        setattr(events, hook, type(Environment().events.request)())
    setup_distributed_stats_event_listeners(events, RequestStats())
    merger = ReportMerger(RUN, len(BOUNDS))
    if with_ours:
        events.worker_report.add_listener(
            lambda client_id, data: merger.apply(client_id, data["swarmscope"], 0.0)
        )
    spent = 0.0
    for second in reports:
        for worker in range(workers):
            packed = second[worker % SAMPLE]
            before = time.thread_time()
            message = Message.unserialize(packed)
            events.worker_report.fire(client_id=f"worker-{worker}", data=message.data)
            spent += time.thread_time() - before
    return spent / len(reports)


def mean_size(reports: list[list[bytes]]) -> float:
    """Bytes per report."""
    sizes = [len(report) for second in reports for report in second]
    return sum(sizes) / len(sizes)


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument(
        "--seconds", type=int, default=COMPLETE_EVERY, help="seconds of reports (default 10)"
    )
    seconds = arguments.parse_args().seconds
    print(f"\nWorker reports every second, {PER_SECOND} requests/s per worker")
    print(
        f"{'names':>6}{'workers':>9}{'bytes per report':>24}{'added':>8}{'master CPU, of a core':>26}{'added':>9}"
        f"{'CPU to write one':>19}"
    )
    for names in NAMES:
        reports = written(names, seconds)
        size, size_with = mean_size(reports.without), mean_size(reports.together)
        for workers in WORKERS:
            cpu = master_cpu(reports.without, workers, with_ours=False)
            cpu_with = master_cpu(reports.together, workers, with_ours=True)
            print(
                f"{names:6}{workers:9}{size / 1000:13.1f} → {size_with / 1000:.1f} kB{size_with / size - 1:9.0%}"
                f"{cpu:17.1%} → {cpu_with:5.1%}{cpu_with - cpu:10.1%}{reports.writing * 1000:16.2f} ms",
                flush=True,
            )


if __name__ == "__main__":
    main()
