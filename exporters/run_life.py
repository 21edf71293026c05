"""The life of one run: phases, marks, live judging, and the settled state at its end.

Lives where the load is steered (Locust alone, or its master). Reads Locust's runner and a CounterSource, is told
of the run's events by `exporters.observer`, and shows itself as a RunView. No network, no files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import gevent

from exporters.climbing import Climbing
from exporters.ended_run import EndedRun
from exporters.locust_counts import LocustCounts
from exporters.phases import PhaseTracker, Transition, phases_of, steady_windows
from exporters.run_course import RunCourse
from exporters.run_view import GeneratorView, RunView, SeriesKey
from exporters.scenario_metrics import DECLARED
from exporters.sources import CounterSource
from exporters.validity import Validity
from exporters.windows import LiveWindow, Segment, final_window, live_edges
from swarmscope.histogram import coarse_bounds, fine_bounds
from swarmscope.names import Phase, RunState
from swarmscope.run_result import RunInfo
from swarmscope.targets import Profile, System
from swarmscope.verdict import Judgement, Verdict, judge, verdict_of

logger = logging.getLogger(__name__)

BREATH_SECONDS = 0.002
"""Pause between pieces of long work on Locust's event loop; `sleep(0)` is not enough (facts: scrape)."""
LIVE_AFTER_SECONDS = 2.0
"""Judged seconds before a live verdict is shown: workers report once a second, so a rate would flap before."""
STOP_MARK = "stop"

_STATES = {
    "ready": RunState.READY,
    "spawning": RunState.SPAWNING,
    "running": RunState.RUNNING,
    "cleanup": RunState.STOPPING,
    "stopping": RunState.STOPPING,
    "stopped": RunState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class RunLabels:
    """What a run is called and what it is a run of."""

    run: str
    environment: str = ""
    version: str = ""
    description: str = ""
    host: str = ""


@dataclass(slots=True)
class RunLife:
    """One run from its preparation to its settled end."""

    labels: RunLabels
    system: System
    profile: Profile
    runner: Any
    source: CounterSource
    locust_counts: LocustCounts
    planned_seconds: float | None = None
    started: float | None = None
    stopped: float | None = None
    judgements: tuple[Judgement, ...] = ()
    verdict: Verdict | None = None
    settling_until: float | None = None
    aborted_by: str = ""
    interrupted: bool = False
    climbing: Climbing | None = field(default=None, init=False)
    course: RunCourse = field(init=False)
    validity: Validity = field(init=False)
    bounds: tuple[Decimal, ...] = field(init=False)
    """The recorded bucket bounds, seconds."""
    _exported_bounds: tuple[Decimal, ...] = field(init=False)
    _phases: PhaseTracker = field(init=False)
    _transitions: list[Transition] = field(default_factory=list, init=False)
    _peak: tuple[int, int] = field(default=(0, 0), init=False)
    _generators: tuple[GeneratorView, ...] = field(default=(), init=False)
    _users: Mapping[str, int] = field(default_factory=dict, init=False)
    _last_tick: float | None = field(default=None, init=False)
    _frozen: Any = field(default=None, init=False)
    _frozen_scenario: Mapping[SeriesKey, float] | None = field(default=None, init=False)
    _kept_edges: Any = field(default=None, init=False)

    def __post_init__(self) -> None:
        limits = self.system.latency_limits
        self.bounds = fine_bounds(limits)
        self._exported_bounds = coarse_bounds(limits)
        self.validity = Validity(float(limits[0]) if limits else None)
        self._phases = PhaseTracker(float(self.profile.warm_up))
        self.course = RunCourse(self.profile, self.system, self.source, self.bounds, _breathe)
        if self.profile.climb is not None:
            self.climbing = Climbing(self.profile, self.profile.climb, self.system, self.source, self.bounds)

    @property
    def active(self) -> bool:
        """Whether the run has started and its load has not yet ended."""
        return self.started is not None and self.stopped is None

    @property
    def settled(self) -> bool:
        """Whether every counter has its final value."""
        return self._phases.phase == Phase.DONE

    def start(self) -> None:
        """Locust is about to start the first users."""
        self.started = time.time()
        self.locust_counts.start_run()

    def tick(self, stage_phase: str = "") -> None:
        """Look at Locust once (a few times a second) and note what changed."""
        now = time.time()
        self._generators = tuple(self.source.generators())
        if not self.active:
            return
        runner = self.runner
        users, wanted = runner.user_count, runner.target_user_count
        self._peak = (max(self._peak[0], users), max(self._peak[1], wanted))
        self._users = _users_by_class(runner)
        spawned = runner.state == "running"
        phase = self.climbing.phase if self.climbing else stage_phase
        self._note(self._phases.observe(now, users=users, wanted=wanted, spawned=spawned, stage_phase=phase))
        self.course.tick(now, users, wanted)
        elapsed = now - (self.started or now)
        self.source.watch(self.validity, elapsed)
        if self.climbing:
            lost = self.validity.lost_workers
            self.climbing.tick(now, users, spawned=spawned, generators=self._generators, lost=lost)
            if self.climbing.wanted is None:
                self.planned_seconds = elapsed  # it ends by itself, now
        if self._phases.phase == Phase.STEADY and self._last_tick is not None:
            self.validity.observe(now - self._last_tick, self._generators, users, wanted)
        self._last_tick = now

    def judge_live(self) -> None:
        """Judge what was measured so far; takes a breath now and then so that the load goes on."""
        self.course.look(time.time(), self._phases.phase, self._generators)
        if self.climbing:
            self.judgements = self.climbing.judgements
            return
        if 0 < self.steady_seconds() < LIVE_AFTER_SECONDS:
            return
        now, base = self._edges()
        window = LiveWindow(
            bounds=self.bounds,
            seconds=self.steady_seconds(),
            now=now,
            base=base,
            waiting=self.source.waiting(),
            hung_after=float(self.system.alerting.hung_after),
            breathe=_breathe,
        )
        targets = [t for t in self.system.targets_under(self.profile.name) if not t.kind.is_query]
        judgements = judge(targets, window)
        if self.active:
            self.judgements = judgements
            self.verdict = verdict_of(judgements, self.validity.reasons(), self.system.gate)

    def stopping(self) -> None:
        """The load is being stopped: the judged window's rate ends here, unanswered requests get their time."""
        if self.stopped is None:
            self.stopped = time.time()
            if self.climbing:
                self.climbing.stop()
            self.source.stopping()
            self.source.mark(STOP_MARK)
            self._note(self._phases.stopping(self.stopped))

    def settle(self) -> EndedRun:
        """Every user has stopped: wait for the last counters and freeze the run."""
        self.stopping()
        started = self.started or time.time()
        stopped = self.stopped or time.time()
        self.source.settle(self.validity, stopped - started)
        latest = self.source.latest()
        windows = [(begin, end or stopped) for begin, end in steady_windows(self._transitions)]
        seconds = sum(end - begin for begin, end in windows)
        if self.climbing:
            for doubt in self.climbing.doubts():
                self.validity.add(doubt)
        elif not windows:
            self.validity.add(
                "the steady phase was never reached: not all users ran, or the run was too short"
            )
        segments = self._segments()
        if segments and self._ended_steady_by_stop():
            segments[-1] = Segment(segments[-1].begin)
        window = final_window(self.bounds, segments, self.source.marked(STOP_MARK), latest, seconds)
        if self.climbing:
            window, windows = self.climbing.window()
        self._note(self._phases.done(time.time()))
        self._generators = tuple(self.source.generators())
        self._users = dict.fromkeys(self._users, 0)
        return EndedRun(
            info=RunInfo(
                run=self.labels.run,
                system=self.system.name,
                profile=self.profile.name,
                environment=self.labels.environment,
                version=self.labels.version,
                description=self.labels.description,
                host=self.labels.host,
                started=started,
                stopped=stopped,
                steady=windows,
                users_wanted=self._peak[1],
                users_peak=self._peak[0],
                generators=len(latest),
            ),
            system=self.system,
            profile=self.profile,
            window=window,
            totals=self.totals(),
            pending=tuple(self.source.pending()),
            invalid=tuple(self.validity.reasons()),
            locust_counts=self.locust_counts.read(),
            interrupted=self.interrupted,
            aborted_by=self.aborted_by,
            climb=self.climbing.result() if self.climbing else None,
            phases=self.course.phases(latest),
            recoveries=self.course.recoveries(stopped),
            drift=self.course.drift(),
        )

    def judge_final(self, ended: EndedRun) -> None:
        """Judge the settled window, all but the server-side targets, for the page's last word."""
        targets = [t for t in self.system.targets_under(self.profile.name) if not t.kind.is_query]
        self.judgements = judge(targets, ended.window)
        self.verdict = verdict_of(self.judgements, ended.invalid, self.system.gate)

    def freeze(self) -> None:
        """Keep a copy of the final counters, since the source counts for the next run from now on."""
        self._frozen, self._frozen_scenario = self.totals(), self._scenario()

    def totals(self) -> Any:
        """A copy of the run's counters, all generators together."""
        if self._frozen is not None:
            return self._frozen
        return {key: counts.copy() for key, counts in self.source.counts().items()}

    def _scenario(self) -> Mapping[SeriesKey, float]:
        return self.source.scenario() if self._frozen_scenario is None else self._frozen_scenario

    def steady_seconds(self) -> float:
        """Length of the judged window so far."""
        now = self.stopped or time.time()
        return sum((end or now) - begin for begin, end in steady_windows(self._transitions))

    def view(self) -> RunView:
        """The run at this moment, for the page and the live table."""
        live = self._frozen is None and self.started is not None
        done = self._phases.phase == Phase.DONE
        return RunView(
            run=self.labels.run,
            system=self.system.name,
            profile=self.profile.name,
            environment=self.labels.environment,
            version=self.labels.version,
            host=self.labels.host,
            description=self.labels.description,
            state=self._state(),
            phase=self._phases.phase,
            phases=phases_of(self.profile),
            bounds=self.bounds,
            exported_bounds=self._exported_bounds,
            counts=self._frozen if self._frozen is not None else self.source.counts(),
            targets=self.system.targets_under(self.profile.name),
            judgements=self.judgements,
            verdict=self.verdict,
            steady_seconds=self.steady_seconds(),
            started=self.started,
            stopped=self.stopped,
            planned_seconds=self.planned_seconds,
            users=self._users,
            users_wanted=self.runner.target_user_count if self.active else 0,
            waiting=self.source.waiting() if live and not done else {},
            scenario_metrics=[each.metric for each in DECLARED.metrics],
            scenario_values=self._scenario(),
            generators=self._generators,
            problems=tuple(self.validity.reasons()),
            recoveries=self.course.known_recoveries,
            climb=self.climbing.progress() if self.climbing else None,
            settling_until=self.settling_until,
        )

    def _state(self) -> RunState:
        if self.started is None:
            return RunState.READY
        if self._phases.phase == Phase.DONE:
            return RunState.STOPPED
        if self.stopped is not None:
            return RunState.STOPPING
        return _STATES.get(str(self.runner.state), RunState.SPAWNING)

    def _note(self, transition: Transition | None) -> None:
        if transition is None:
            return
        self._transitions.append(transition)
        self.course.note(transition)
        if transition.begins_steady:
            self.source.mark(self._label("begin"))
        elif transition.ends_steady:
            self.source.mark(self._label("end"))

    def _label(self, edge: str) -> str:
        return f"steady-{len(steady_windows(self._transitions))}-{edge}"

    def _ended_steady_by_stop(self) -> bool:
        return any(t.ends_steady and t.after == Phase.STOPPING for t in self._transitions)

    def _segments(self) -> list[Segment]:
        windows = steady_windows(self._transitions)
        return [
            Segment(
                self.source.marked(f"steady-{number}-begin"),
                self.source.marked(f"steady-{number}-end") if end is not None else None,
            )
            for number, (_, end) in enumerate(windows, start=1)
        ]

    def _edges(self) -> tuple[Any, Any]:
        segments = self._segments()
        arrived = tuple((len(s.begin), None if s.end is None else len(s.end)) for s in segments)
        open_ended = bool(segments) and segments[-1].end is None
        if self._kept_edges is None or self._kept_edges[0] != arrived or not open_ended:
            self._kept_edges = (arrived, live_edges(segments, self.source.counts()))
        now, base = self._kept_edges[1]
        return (self.source.counts() if open_ended else now), base


def _breathe() -> None:
    gevent.sleep(BREATH_SECONDS)


def _users_by_class(runner: Any) -> dict[str, int]:
    by_class = getattr(runner, "reported_user_classes_count", None)  # a master's
    return dict(runner.user_classes_count if by_class is None else by_class)
