"""What a Locust worker does beside its load: counts, and sends its counters along with Locust's own reports."""

from __future__ import annotations

import logging
from typing import Any

import gevent
from locust import runners

from exporters.event_loop_lag import EventLoopLag
from exporters.in_flight import InFlight
from exporters.recorder import Recorder
from exporters.report_interval import REPORT_SECONDS
from exporters.run_view import ExporterCounters
from exporters.scenario_metrics import DECLARED
from exporters.sources import MARK_MESSAGE, STOP_MESSAGE
from exporters.worker_reports import ReportWriter

logger = logging.getLogger(__name__)


class WorkerSide:
    """Ties a worker's recorder to Locust's reports to its master."""

    def __init__(
        self, recorder: Recorder, in_flight: InFlight, lag: EventLoopLag, counters: ExporterCounters
    ) -> None:
        self._recorder = recorder
        self._in_flight = in_flight
        self._counters = counters
        self._writer = ReportWriter(recorder, in_flight, lag, DECLARED)

    def attach(self, environment: Any, runner: Any) -> None:
        """Listen to Locust's events and the master's messages."""
        environment.events.test_start.add_listener(self._on_test_start)
        environment.events.test_stopping.add_listener(lambda **_: self._in_flight.stopping())
        environment.events.report_to_master.add_listener(self._on_report)
        environment.events.quitting.add_listener(self._on_quitting)
        runner.register_message(MARK_MESSAGE, self._on_mark, concurrent=True)
        runner.register_message(STOP_MESSAGE, self._on_stop, concurrent=True)
        self._runner = runner
        # Who joins a run under way may get its users right after the master's greeting, before Locust is set up here.
        if runner.worker_state != runners.STATE_INIT:
            self._on_test_start(environment)

    def _on_test_start(self, environment: Any, **_: Any) -> None:
        options = environment.parsed_options
        run = getattr(options, "swarmscope_run", "")
        runners.WORKER_REPORT_INTERVAL = getattr(options, "swarmscope_report_interval", REPORT_SECONDS)
        self._recorder.start_run()
        DECLARED.start_run()
        self._writer.start_run(run)

    def _on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        try:
            stopped = self._runner.state == runners.STATE_STOPPED
            data["swarmscope"] = self._writer.write(complete=stopped)
            data["swarmscope_cloudwatch"] = self._counters.cloudwatch.report()
        except Exception:
            self._counters.listener_errors += 1
            raise

    def _on_mark(self, msg: Any, **_: Any) -> None:
        self._writer.mark(str(msg.data["label"]))

    def _on_stop(self, environment: Any, **_: Any) -> None:
        environment.runner.stop()

    def _on_quitting(self, environment: Any, **_: Any) -> None:
        # A worker that is ended by hand (Ctrl-C reaches the whole group) still delivers what it counted.
        runner = environment.runner
        if runner.state not in (runners.STATE_INIT, runners.STATE_STOPPED):
            runner.stop()
            runner._send_stats()
            gevent.sleep(0.1)
