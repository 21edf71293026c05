"""Carries a climb out beside the load: marks, exact windows, trust in the generators. Decides nothing itself.

`swarmscope.climb` says when a window begins and ends and what follows from it; each load generator takes a snapshot
at both edges, so a level is judged on exactly what it sent and got. No network, no files.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from exporters.run_view import ClimbProgress, GeneratorView, Waiting
from exporters.sources import CounterSource
from exporters.validity import CPU_SECONDS, Validity
from exporters.windows import Segment, counts_between
from swarmscope.climb import ClimbResult, Level, LevelStatus, Part, level_status
from swarmscope.climber import Climber, Edge
from swarmscope.histogram import quantile
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.quantities import duration, rate, ratio
from swarmscope.targets import ALL_REQUESTS, Climb, Profile, System
from swarmscope.verdict import Judgement, judge

logger = logging.getLogger(__name__)

MARKS_SECONDS = 6.0
"""The longest that a level waits for the snapshots of its workers, which come with their next reports."""
_AT_WORK = ("running", "spawning")
_RANK = {LevelStatus.HELD: 2, LevelStatus.BROKE: 1}


@dataclass(slots=True)
class Climbing:
    """One run's climb."""

    profile: Profile
    climb: Climb
    system: System
    source: CounterSource
    bounds: tuple[Decimal, ...]
    judgements: tuple[Judgement, ...] = ()
    """Those of the latest window, for the live table."""
    climber: Climber = field(init=False)
    _kept: tuple[Level, Window] | None = field(default=None, init=False)
    """The window that the run is judged by: of the highest load that held, or until then of the first."""
    _windows: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)
    _ended: float | None = field(default=None, init=False)
    _last_tick: float | None = field(default=None, init=False)
    _lost: frozenset[str] = field(default=frozenset(), init=False)
    _validity: Validity = field(default_factory=Validity, init=False)
    _waiting: Mapping[RequestKey, Waiting] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.climber = Climber(self.climb, float(self.profile.spawn_rate), float(self.profile.warm_up))

    @property
    def wanted(self) -> int | None:
        """Users to run now; None when the climb is over."""
        return self.climber.wanted

    @property
    def phase(self) -> str:
        """What the climb is doing, as the run's phase."""
        return str(self.climber.part)

    def tick(
        self,
        now: float,
        users: int,
        *,
        spawned: bool,
        generators: Sequence[GeneratorView],
        lost: frozenset[str] = frozenset(),
    ) -> None:
        """Look at the load once, a few times a second; `lost` are the workers that went away during the run."""
        edge = self.climber.observe(now, users, spawned)
        if edge is Edge.BEGIN:
            self._begin(now, lost)
        elif self._ended is None and self._last_tick is not None:
            self._validity.observe(now - self._last_tick, generators, users, self.wanted or 0)
        self._last_tick = now
        if edge is Edge.END:
            self._ended = now
            self._waiting = dict(self.source.waiting())
            self.source.mark(self._label(Edge.END))
        if self._ended is not None and self.wanted is not None:
            self._judge_when_complete(now, generators, lost)

    def stop(self) -> None:
        """The load is being stopped."""
        self.climber.stop()

    def result(self) -> ClimbResult:
        """What was found so far."""
        return self.climber.result()

    def progress(self) -> ClimbProgress:
        """What was found so far, for the live table."""
        result = self.result()
        held, broke = result.held, result.lowest_broken
        return ClimbProgress(
            held.users if held else None, held.rate if held else None, broke.users if broke else None
        )

    def window(self) -> tuple[Window, list[tuple[float, float]]]:
        """What the run is judged by, and when that was: the highest load that held, else the first that was judged."""
        if self._kept is None:
            return Window(self.bounds, 0.0, {}), []
        level, window = self._kept
        return window, [(level.began, level.ended)]

    def doubts(self) -> list[str]:
        """Reasons why the run's judgements say nothing about the service."""
        if self._kept is None:
            return [f"no level was judged: {self.result().reason or 'the run was too short'}"]
        level, _ = self._kept
        if level.status is LevelStatus.INVALID:
            return [f"at {level.users} users: {reason}" for reason in level.reasons]
        return []

    def _begin(self, now: float, lost: frozenset[str]) -> None:
        self._windows += 1
        self._began, self._ended, self._lost = now, None, lost
        limits = self.system.latency_limits
        self._validity = Validity(
            float(limits[0]) if limits else None, cpu_seconds=min(CPU_SECONDS, float(self.climb.hold) / 2)
        )
        self.source.mark(self._label(Edge.BEGIN))

    def _label(self, edge: Edge) -> str:
        return f"level-{self._windows}-{edge}"

    def _judge_when_complete(
        self, now: float, generators: Sequence[GeneratorView], lost: frozenset[str]
    ) -> None:
        assert self._ended is not None  # noqa: S101  # asked only then
        ends = self.source.marked(self._label(Edge.END))
        at_work = sum(each.state in _AT_WORK for each in generators)
        late = now - self._ended > MARKS_SECONDS
        if len(ends) < max(1, at_work) and not late:
            return
        reasons = self._validity.reasons()
        reasons += [f"worker {worker} was lost" for worker in sorted(lost - self._lost)]
        if late:
            reasons.append(f"the counters of only {len(ends)} of {at_work} load generators arrived in time")
        counts = counts_between(Segment(self.source.marked(self._label(Edge.BEGIN)), ends), {})
        level, window = self._level(counts, reasons)
        self._ended = None
        self._last_tick = None
        if level.part is not Part.RELIEF:
            self.judgements = level.judgements
            self._keep(level, window)
        self.climber.judged(level)
        logger.info("%s", in_words(level))
        if self.wanted is None:
            logger.info("the climb is over: %s", self.result().end)

    def _level(self, counts: dict[RequestKey, RequestCounts], reasons: list[str]) -> tuple[Level, Window]:
        began, ended = self._began, self._ended or self._began
        finished = {key: each.finished for key, each in counts.items()}
        hung_after = float(self.system.alerting.hung_after)
        for key, waiting in self._waiting.items():
            # A service that hangs finishes nothing: what has waited this long counts as slow and as failed.
            if waiting.oldest_age > hung_after:
                stuck = counts.setdefault(key, RequestCounts([0] * (len(self.bounds) + 1)))
                stuck.unfinished += waiting.requests
        window = Window(self.bounds, ended - began, counts, finished)
        targets = [t for t in self.system.targets_under(self.profile.name) if not t.kind.is_query]
        if self.climber.part is Part.RELIEF:
            # A few seconds under half the load: few samples are enough to see that a queue is gone.
            targets = [replace(target, min_samples=1) for target in targets]
        judgements = judge(targets, window)
        every = window.matching(ALL_REQUESTS) or RequestCounts([0] * (len(self.bounds) + 1))
        attempts = every.finished + every.unfinished
        buckets = [*every.buckets[:-1], every.buckets[-1] + every.unfinished]
        p50, p95, p99 = (quantile(self.bounds, buckets, Decimal(q)) for q in ("0.5", "0.95", "0.99"))
        level = Level(
            part=self.climber.part,
            users=self.wanted or 0,
            began=began,
            ended=ended,
            status=level_status(judgements, reasons, self.system.gate),
            rate=sum(finished.values()) / window.seconds if window.seconds > 0 else 0.0,
            error_ratio=(every.failures + every.unfinished) / attempts if attempts else None,
            p50=None if p50 is None else float(p50),
            p95=None if p95 is None else float(p95),
            p99=None if p99 is None else float(p99),
            judgements=judgements,
            reasons=tuple(reasons),
        )
        return level, window

    def _keep(self, level: Level, window: Window) -> None:
        """What held goes before what broke, and that before what is not known; of what held, the highest."""
        if self._kept is not None:
            before = self._kept[0]
            rank, known = _RANK.get(level.status, 0), _RANK.get(before.status, 0)
            higher = level.status is LevelStatus.HELD and level.users >= before.users
            if rank < known or (rank == known and not higher):
                return
        self._kept = level, window


def in_words(level: Level) -> str:
    """`climb: 150 users held: 148/s, p95 34ms, 0 % errors`."""
    measured = [rate(level.rate)]
    if level.p95 is not None:
        measured.append(f"p95 {duration(level.p95)}")
    if level.error_ratio is not None:
        measured.append(f"{ratio(level.error_ratio)} errors")
    missed = "".join(f"; missed {each.target.in_words}" for each in level.broken)
    why = f"; {level.reasons[0]}" if level.reasons else ""
    return f"{level.part}: {level.users} users {level.status}: {', '.join(measured)}{missed}{why}"
