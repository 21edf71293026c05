"""Follows the course of a run beside its judged window: its phases, what comes after its peaks, its drift.

Phases are exact: each load generator takes a snapshot where one begins. Recovery and drift are looked at once a second,
in the counters as they are known at that moment. Everything kept is bounded. No network, no files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from exporters.phases import Transition
from exporters.run_view import GeneratorView
from exporters.sources import CounterSource
from exporters.windows import GeneratorSnapshots, LiveWindow, Segment, counts_between
from swarmscope.course import PhaseSummary, summary
from swarmscope.drift import Drift, DriftRecord, Point, drift
from swarmscope.measurements import RequestCounts
from swarmscope.names import Phase
from swarmscope.recovery import WINDOW_SECONDS, Look, Recovery, peaks_of, recovery
from swarmscope.targets import ALL_REQUESTS, Profile, System, Target
from swarmscope.targets.match import matches
from swarmscope.verdict import Status, judge

MOST_PHASES = 60
MOST_LOOKS = 20_000
"""Seconds of a run with peaks that are remembered: five and a half hours."""


@dataclass(slots=True)
class RunCourse:
    """One run's phases, peaks and drift."""

    profile: Profile
    system: System
    source: CounterSource
    bounds: tuple[Decimal, ...]
    breathe: Callable[[], None]
    _phases: list[tuple[str, float]] = field(default_factory=list, init=False)
    _users: list[int] = field(default_factory=list, init=False)
    _names: tuple[str, ...] = field(init=False)
    _wanted: int = field(default=0, init=False)
    _risen: float = field(default=0.0, init=False)
    _peaks: list[list[float]] = field(default_factory=list, init=False)
    """[began, ended, until] of each peak that has ended; `until` is infinite while the load stays down."""
    _looks: deque[Look] = field(default_factory=lambda: deque(maxlen=MOST_LOOKS), init=False)
    _seen: deque[tuple[float, Mapping[str, RequestCounts]]] = field(default_factory=deque, init=False)
    _drifts: list[DriftRecord] = field(default_factory=lambda: [DriftRecord()], init=False)
    """One for each stretch of the same load: what differs under another load is no drift."""
    _recoveries: tuple[Recovery, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self._names = peaks_of(self.profile)

    def note(self, transition: Transition) -> None:
        """A phase begins."""
        if self.profile.climb is None and len(self._phases) < MOST_PHASES:
            self._phases.append((transition.after, transition.at))
            self._users.append(0)
            self.source.mark(f"phase-{len(self._phases)}")

    def tick(self, now: float, users: int, wanted: int) -> None:
        """Note how many users run and are wanted."""
        if wanted != self._wanted and len(self._drifts) < MOST_PHASES and self._drifts[-1].points:
            self._drifts.append(DriftRecord())
        if self._users:
            self._users[-1] = max(self._users[-1], users)
        if wanted > self._wanted:
            self._risen = now
            for peak in self._peaks[-1:]:
                peak[2] = min(peak[2], now)
        elif wanted < self._wanted and wanted and len(self._peaks) < len(self._names):
            self._peaks.append([self._risen, now, float("inf")])
            # What follows is judged by itself: not one request that was answered in the peak counts.
            self._seen.clear()
        self._wanted = wanted

    def look(self, now: float, phase: str, generators: Sequence[GeneratorView]) -> None:
        """Take in what is counted now; called about once a second, takes a breath now and then."""
        steady = phase == Phase.STEADY and self._drifts[-1].due(now)
        if not self._names and not steady:
            return
        patterns = {ALL_REQUESTS, *(t.request for t in self._targets())} if self._names else {ALL_REQUESTS}
        counts = self._counts(patterns)
        if steady:
            users = sum(each.users for each in generators)
            memory = sum(each.memory_bytes for each in generators)
            self._drifts[-1].add(Point(now, counts[ALL_REQUESTS], users, memory))
        if self._names:
            self._look(now, counts)

    def recoveries(self, end: float) -> tuple[Recovery, ...]:
        """What followed each peak, known once the run is over; kept for the page."""
        self._recoveries = tuple(
            recovery(name, began, ended, min(until, end), tuple(self._looks))
            for name, (began, ended, until) in zip(self._names, self._peaks, strict=False)
        )
        return self._recoveries

    @property
    def known_recoveries(self) -> tuple[Recovery, ...]:
        """Empty until the run is over."""
        return self._recoveries

    def drift(self) -> Drift | None:
        """First against last part of the longest steady stretch of one load; None when there was too little of it."""
        longest = max(self._drifts, key=lambda record: record.seconds)
        return drift(longest.points, self.bounds) if self.profile.climb is None else None

    def phases(self, latest: GeneratorSnapshots) -> tuple[PhaseSummary, ...]:
        """Every phase with load, in its order, from the snapshots at its edges."""
        found = []
        for number, (name, began) in enumerate(self._phases, start=1):
            if name in (Phase.STOPPING, Phase.DONE) or number == len(self._phases):
                continue
            begin = self.source.marked(f"phase-{number}") if number > 1 else {}
            segment = Segment(begin, self.source.marked(f"phase-{number + 1}"))
            total = RequestCounts([0] * (len(self.bounds) + 1))
            for counts in counts_between(segment, latest).values():
                total.add(counts)
            ended = self._phases[number][1]
            found.append(summary(name, (began, ended), self._users[number - 1], self.bounds, total))
        return tuple(found)

    def _targets(self) -> list[Target]:
        targets = self.system.targets_under(self.profile.name)
        return [replace(target, min_samples=1) for target in targets if not target.kind.is_query]

    def _counts(self, patterns: set[str]) -> dict[str, RequestCounts]:
        window = LiveWindow(self.bounds, 0.0, self.source.counts(), {}, {}, 0.0, self.breathe)
        nothing = RequestCounts([0] * (len(self.bounds) + 1))
        return {pattern: window.matching(pattern) or nothing.copy() for pattern in patterns}

    def _look(self, now: float, counts: Mapping[str, RequestCounts]) -> None:
        self._seen.append((now, counts))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()
        then, before = self._seen[0]
        if now <= then:
            return
        self._looks.append(Look(now, self._missed(now - then, counts, before)))

    def _missed(
        self, seconds: float, counts: Mapping[str, RequestCounts], before: Mapping[str, RequestCounts]
    ) -> frozenset[str] | None:
        between = {}
        waiting = self.source.waiting()
        for pattern, now in counts.items():
            between[pattern] = now.copy()
            between[pattern].add(before[pattern], sign=-1)
            for key, stuck in waiting.items():
                if stuck.oldest_age > float(self.system.alerting.hung_after) and matches(pattern, *key):
                    between[pattern].unfinished += stuck.requests
        judgements = judge(self._targets(), _Moment(self.bounds, seconds, between))
        if all(judgement.status is Status.NO_DATA for judgement in judgements):
            return None
        return frozenset(each.target.id for each in judgements if each.status is Status.FAIL)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What was counted in the last seconds, by pattern: what `judge` asks of a window."""

    bounds: tuple[Decimal, ...]
    seconds: float
    counts: Mapping[str, RequestCounts]

    def matching(self, pattern: str) -> RequestCounts | None:
        return self.counts.get(pattern)

    def finished_matching(self, pattern: str) -> int:
        return self.counts[pattern].finished
