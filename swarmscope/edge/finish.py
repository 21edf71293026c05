"""Turns an ended run into its verdict and reports: asks Prometheus, judges, reconciles, writes.

Runs inside Locust's process at the end of a run, after the load has stopped and the counters have settled.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent

from exporters.ended_run import EndedRun
from exporters.observer import Finished
from swarmscope.aws.run_figures import AwsFigures
from swarmscope.climb import End
from swarmscope.climb_goal import goal, goal_value
from swarmscope.edge.aws_reader import read_aws
from swarmscope.edge.prometheus_api import PrometheusApi, PrometheusUnavailable
from swarmscope.edge.report_files import write_reports
from swarmscope.edge.settle import EndedLoad, Settling
from swarmscope.edge.signal_reader import SIGNAL_TIMEOUT_SECONDS, SignalReader
from swarmscope.errors import ExitCode, ReportNotWritten
from swarmscope.reconcile import disagreements, reconcile
from swarmscope.run_result import FiredAlert, Plot, Reconciliation, RunResult, Signals
from swarmscope.targets import Moment, Target
from swarmscope.verdict import QueryValue, Verdict, judge, verdict_of

logger = logging.getLogger(__name__)

PROMETHEUS_TIMEOUT_SECONDS = 10.0
STORED_SECONDS = 5.0
"""The longest that Prometheus is given to store the last page that it was sent."""
NO_PROMETHEUS = "Prometheus was not asked (no --prometheus-url): no plots, no alerts, no server-side targets"


class Finisher:
    """Gives an ended run its verdict and reports; called once per run."""

    def __init__(
        self,
        environment: Any,
        prometheus_url: str,
        reports: Path,
        headless: bool,
        settling: Settling | None = None,
    ) -> None:
        self._environment = environment
        self._settling = settling or Settling(None, "")
        self._prometheus_url = prometheus_url
        self._reports = reports
        self._headless = headless

    def __call__(self, ended: EndedRun) -> Finished:
        """Judge everything, write the reports, say the verdict."""
        notes: list[str] = []
        invalid = list(ended.invalid)
        prometheus = self._prometheus(notes)
        queries = self._query_values(prometheus, ended)
        targets = (*ended.system.targets_under(ended.profile.name), *self._goal(ended, queries, invalid))
        judgements = judge(targets, ended.window, queries)
        rows = self._reconciliation(prometheus, ended, notes, invalid)
        verdict = verdict_of(judgements, invalid, ended.system.gate)
        exit_code = self._exit_code(ended, verdict, notes)
        alerts, plots = self._history(prometheus, ended, notes)
        signals = self._signals(ended, notes) if prometheus is not None else Signals()
        aws = self._aws(prometheus, ended, notes)
        result = RunResult(
            info=ended.info,
            # With what the climb itself was to reach, as a target beside those of the file.
            system=replace(ended.system, targets=tuple(dict.fromkeys((*ended.system.targets, *targets)))),
            profile=ended.profile,
            verdict=verdict,
            exit_code=exit_code,
            judgements=judgements,
            not_judged=[t.id for t in ended.system.targets if not t.judged_under(ended.profile.name)],
            window=ended.window,
            totals=ended.totals,
            invalid=invalid,
            notes=notes,
            pending=ended.pending,
            reconciliation=rows,
            alerts=alerts,
            plots=plots,
            climb=ended.climb,
            phases=ended.phases,
            recoveries=ended.recoveries,
            drift=ended.drift,
            signals=signals,
            aws=aws,
        )
        exit_code = self._write(result)
        for judgement in judgements:
            logger.info("%-7s %s: %s", judgement.status, judgement.target.in_words, judgement.reason)
        logger.info("run %s: %s (exit code %d: %s)", ended.info.run, verdict, exit_code, exit_code.meaning)
        return Finished(judgements, verdict, exit_code)

    def _goal(
        self, ended: EndedRun, queries: dict[str, QueryValue], invalid: list[str]
    ) -> tuple[Target, ...]:
        """The load that a climb was to hold, as a target; none when its profile states none."""
        climb = ended.profile.climb
        if climb is None or ended.climb is None or climb.at_least is None:
            return ()
        target = goal(climb, ended.profile.name)
        queries[target.id] = goal_value(climb, ended.climb)
        if queries[target.id].value is None and ended.climb.end is End.GENERATOR:
            invalid.append(f"{target.in_words} is not known: {ended.climb.reason}")
        return (target,)

    def _prometheus(self, notes: list[str]) -> PrometheusApi | None:
        if not self._prometheus_url:
            notes.append(NO_PROMETHEUS)
            return None
        api = PrometheusApi(self._prometheus_url, PROMETHEUS_TIMEOUT_SECONDS)
        if api.ready():
            return api
        notes.append(
            f"Prometheus at {self._prometheus_url} did not answer: no plots, no alerts, no server-side targets"
        )
        return None

    def _query_values(self, prometheus: PrometheusApi | None, ended: EndedRun) -> dict[str, QueryValue]:
        targets = [t for t in ended.system.targets_under(ended.profile.name) if t.kind.is_query]
        if prometheus is None:
            return {t.id: QueryValue(None, "Prometheus could not be asked") for t in targets}
        info = ended.info
        whole = ((info.started, time.time()),)
        values = {
            t.id: prometheus.query_value(t, info.run, whole if t.at is Moment.END else info.steady)
            for t in targets
            if t.at is not Moment.SETTLED
        }
        settled = [t for t in targets if t.at is Moment.SETTLED]
        if not settled:
            return values
        # Whoever ends a run by hand in a terminal waits for the report.
        by_hand = "the run was ended by hand" if ended.interrupted and self._headless else ""
        load = EndedLoad(info.run, info.started, info.stopped, info.steady)
        return values | self._settling.values(prometheus, settled, load, by_hand)

    def _reconciliation(
        self, prometheus: PrometheusApi | None, ended: EndedRun, notes: list[str], invalid: list[str]
    ) -> tuple[Reconciliation, ...]:
        if ended.locust_counts is None:
            notes.append("Locust's statistics were reset during the run, so its totals cannot be compared")
            return ()
        rows = reconcile(ended.totals, ended.locust_counts, None)
        if prometheus is not None:
            # The last page has been sent, but Prometheus may still be storing it.
            deadline = time.monotonic() + STORED_SECONDS
            try:
                rows = reconcile(ended.totals, ended.locust_counts, prometheus.last_totals(ended.info.run))
                while disagreements(rows) and time.monotonic() < deadline:
                    gevent.sleep(0.2)
                    rows = reconcile(
                        ended.totals, ended.locust_counts, prometheus.last_totals(ended.info.run)
                    )
            except PrometheusUnavailable as error:
                notes.append(f"Prometheus' totals could not be read: {error}")
        if any(row.recorder != row.locust for row in rows):
            invalid.append("Swarmscope's counters and Locust's disagree: see the reconciliation")
        elif disagreements(rows):
            notes.append(
                "Prometheus' last samples differ from the counters (see the reconciliation): the verdict stands"
            )
        return rows

    def _exit_code(self, ended: EndedRun, verdict: Verdict, notes: list[str]) -> ExitCode:
        if ended.aborted_by:
            notes.append(f"stopped early: {ended.aborted_by}")
            return ExitCode.ABORTED
        if ended.interrupted:
            notes.append("ended by hand before its planned time: the verdict covers what was measured")
            if self._headless:
                return ExitCode.INTERRUPTED
        return verdict.exit_code

    def _history(
        self, prometheus: PrometheusApi | None, ended: EndedRun, notes: list[str]
    ) -> tuple[Sequence[FiredAlert], Sequence[Plot]]:
        if prometheus is None:
            return (), ()
        info = ended.info
        try:
            return (
                # Until now: an alert of the whole run fires when the run ends.
                prometheus.fired_alerts(info.run, info.started, time.time()),
                prometheus.plots(ended.system, ended.profile, info),
            )
        except PrometheusUnavailable as error:
            notes.append(f"Prometheus' history could not be read: {error}")
            return (), ()

    def _signals(self, ended: EndedRun, notes: list[str]) -> Signals:
        """What is known of the service's side; never keeps a report from being written."""
        reader = SignalReader(PrometheusApi(self._prometheus_url, SIGNAL_TIMEOUT_SECONDS))
        signals = reader.read(ended.system, ended.profile, ended.info)
        notes.extend(reader.notes)
        return signals

    def _aws(self, prometheus: PrometheusApi | None, ended: EndedRun, notes: list[str]) -> AwsFigures | None:
        """What AWS told; only where the environment reads from there."""
        if self._settling.aws is None or prometheus is None:
            return None
        try:
            return read_aws(prometheus, ended.info, self._settling.waited_seconds)
        except PrometheusUnavailable as error:
            notes.append(f"what AWS told could not be read from Prometheus: {error}")
            return None

    def _write(self, result: RunResult) -> ExitCode:
        try:
            paths = write_reports(result, self._reports)
        except ReportNotWritten as error:
            logger.error("%s", error)
            if result.exit_code is not ExitCode.PASS:
                return result.exit_code
            return ExitCode.REPORT_NOT_WRITTEN
        logger.info("reports: %s", ", ".join(str(path) for path in paths))
        return result.exit_code
