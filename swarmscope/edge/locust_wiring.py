"""Builds Swarmscope's parts around a Locust that has just started, each in the role that this process plays."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from locust import runners

from exporters.event_loop_lag import EventLoopLag
from exporters.http_clients import track_http_clients
from exporters.http_server import ExporterServer
from exporters.in_flight import InFlight
from exporters.locust_counts import LocustCounts
from exporters.observer import Observer
from exporters.recorder import Recorder
from exporters.report_interval import report_interval
from exporters.run_life import RunLabels, RunLife
from exporters.run_view import ExporterCounters
from exporters.sources import LocalSource, WorkersSource
from exporters.web_tab import add_tab
from exporters.worker_side import WorkerSide
from swarmscope.edge.cloudwatch_push import push
from swarmscope.edge.finish import Finisher
from swarmscope.edge.locust_options import Choice, planned_seconds
from swarmscope.edge.preflight import check_service
from swarmscope.edge.profile_choice import ProfileChoice
from swarmscope.edge.settle import Settling
from swarmscope.edge.stop_token import stop_token
from swarmscope.errors import SwarmscopeError
from swarmscope.histogram import fine_bounds
from swarmscope.measurements import RequestKey
from swarmscope.targets import System
from swarmscope.targets.match import is_literal, split

FIRST_SCRAPE_SECONDS = 8.0
"""Prometheus scrapes for the first time about 5 s after it started."""
FINAL_SCRAPE_SECONDS = 5.0
CPU_SECONDS = 2.0
"""Locust looks at its CPU every 5 s: too coarse for a run of a minute."""


def wire(environment: Any, runner: Any, web_ui: Any, choice: Choice) -> None:
    """Attach Swarmscope to Locust; ends the process with a clear message when the run could not be observed."""
    runners.WORKER_REPORT_INTERVAL = report_interval(1)
    runners.CPU_MONITOR_INTERVAL = CPU_SECONDS
    counters = ExporterCounters()
    if isinstance(runner, runners.WorkerRunner):
        recorder, in_flight, lag = _counting(environment, choice.system, counters)
        push(environment, runner, choice.system, _known(choice.system), counters)
        WorkerSide(recorder, in_flight, lag, counters).attach(environment, runner)
        return
    try:
        _observe(environment, runner, web_ui, choice, counters)
    except SwarmscopeError as error:
        sys.stderr.write(f"{error}\n")
        if isinstance(runner, runners.MasterRunner):
            runner.quit()  # else the workers would wait for this master for a minute
        sys.exit(error.exit_code)


def _observe(environment: Any, runner: Any, web_ui: Any, choice: Choice, counters: ExporterCounters) -> None:
    options = environment.parsed_options
    system = choice.system
    headless = web_ui is None
    profile_choice = ProfileChoice(system, choice.profile, environment)
    if headless and environment.host:
        check_service(environment.host, system.health)
    profile_choice.apply(choice.profile)
    if web_ui is not None:
        profile_choice.follow_web_ui(web_ui)
    source: LocalSource | WorkersSource
    if isinstance(runner, runners.MasterRunner):
        settle = environment.stop_timeout + 2 * runners.WORKER_REPORT_INTERVAL + 3
        bounds = len(fine_bounds(system.latency_limits))
        source = WorkersSource(runner, counters, bounds, _known(system), settle)
        environment.events.worker_report.add_listener(source.on_worker_report)
        environment.events.worker_connect.add_listener(
            lambda **_: setattr(
                options, "swarmscope_report_interval", report_interval(len(runner.clients) + 1)
            )
        )
    else:
        source = LocalSource(runner, *_counting(environment, system, counters))
    locust_counts = LocustCounts(environment, distributed=isinstance(source, WorkersSource))

    def prepare() -> RunLife:
        profile = profile_choice.profile
        run = options.run_id or time.strftime(f"{system.name}-{profile.name}-%Y%m%d-%H%M%S")
        options.run_id = ""  # only the first run of a process can have the name that was given
        labels = RunLabels(
            run, choice.environment_label, options.test_version, options.description, environment.host or ""
        )
        planned = planned_seconds(profile, None if getattr(options, "iterations", 0) else options.run_time)
        life = RunLife(labels, system, profile, runner, source, locust_counts, planned)
        profile_choice.lead(life.climbing)
        return life

    server = ExporterServer(
        options.exporter_host,
        options.exporter_port,
        views=lambda: observer.views(),  # noqa: PLW0108  # the observer is made after its page
        counters=counters,
        on_stop=lambda run, reason, target: observer.stop_run(run, f"target {target}: {reason}", environment),
        token=stop_token(os.environ),
    )
    # Before the observer: Locust's quitting runs in reverse, and the run must have ended when the rest is pushed.
    push(environment, runner, system, _known(system), counters)
    aws = None if choice.environment is None else choice.environment.aws
    settling = Settling(
        aws,
        choice.environment_label,
        tell=lambda until: observer.note_settling(until),  # noqa: PLW0108  # as above
        watch_interrupts=headless,
    )
    finisher = Finisher(environment, options.prometheus_url, Path(options.reports_dir), headless, settling)
    observer = Observer(
        prepare,
        server,
        finisher,
        counters,
        headless,
        profile_choice.stage_phase,
        FINAL_SCRAPE_SECONDS,
        settle_seconds=0.0 if aws is None else aws.settle_within_seconds,
        hurry=settling.hurry,
    )
    server.start()
    observer.attach(environment)
    if web_ui is not None:
        add_tab(web_ui, observer.views, options.dashboards_url, counters)
    if headless and options.prometheus_url:
        # The first requests are exact in rates only when Prometheus has seen their series at zero.
        server.wait_for_first_scrape(FIRST_SCRAPE_SECONDS)


def _known(system: System) -> list[RequestKey]:
    """The requests that the targets name one by one: their series exist before they are first sent."""
    return [RequestKey(*split(t.request)) for t in system.targets if t.request and is_literal(t.request)]


def _counting(
    environment: Any, system: System, counters: ExporterCounters
) -> tuple[Recorder, InFlight, EventLoopLag]:
    recorder = Recorder(fine_bounds(system.latency_limits), _known(system), counters=counters)
    in_flight = track_http_clients(recorder.count_unfinished, recorder.accept)
    in_flight.graceful_stop = lambda: float(environment.stop_timeout or 0.0)
    environment.events.request.add_listener(recorder.on_request)
    lag = EventLoopLag()
    lag.start()
    return recorder, in_flight, lag
