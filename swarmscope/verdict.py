"""Judges measurements against targets: pure functions from counters to verdicts. No I/O.

The same functions give the live values of the dashboards, the final verdict and the exit code. What is compared is
counted or an exact fraction, never rounded or interpolated; docs/verdict.md explains every rule with an example.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol

from swarmscope.errors import ExitCode
from swarmscope.histogram import at_or_under, quantile
from swarmscope.measurements import RequestCounts
from swarmscope.quantities import beside, count, measured, plain, ratio
from swarmscope.targets import ALL_REQUESTS, Kind, Priority, Target


class Status(StrEnum):
    """What is known about one target."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    NO_DATA = "NO DATA"


class Verdict(StrEnum):
    """What is known about the run as a whole."""

    PASS = "PASS"  # noqa: S105
    FAIL = "FAIL"
    INVALID = "INVALID"
    NO_DATA = "NO DATA"

    @property
    def exit_code(self) -> ExitCode:
        """The documented exit code of this verdict."""
        return ExitCode[self.name]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One target with what was measured and what follows from it."""

    target: Target
    status: Status
    value: float | None
    """In base units (seconds, 0 to 1, per second, the query's unit); inf above the last bucket; None if unknown."""
    samples: int
    """Requests that the status rests on, unfinished ones included."""
    reason: str
    """One sentence for people: `1,204 of 1,250 requests (96.3 %) took at most 100ms; 95 % needed`."""


@dataclass(frozen=True, slots=True)
class QueryValue:
    """What a server-side target's query answered: a number, or the reason why there is none."""

    value: float | None
    reason: str = ""


class Judged(Protocol):
    """What is asked of a window: `measurements.Window` of an ended run, or a live one."""

    @property
    def bounds(self) -> tuple[Decimal, ...]:
        """Bucket bounds in seconds; every latency limit is one of them."""

    @property
    def seconds(self) -> float:
        """Length of the window."""

    def matching(self, pattern: str) -> RequestCounts | None:
        """The counters of all requests that the pattern names; None when none was ever seen."""

    def finished_matching(self, pattern: str) -> int:
        """How many of them finished before the load stopped."""


def judge(
    targets: Sequence[Target], window: Judged, query_values: Mapping[str, QueryValue] | None = None
) -> tuple[Judgement, ...]:
    """Judge each target on the window; `query_values` maps server-side targets' ids to their answers.

    Raises ValueError for a latency limit that is no bucket bound of the window: it could only be guessed at.
    """
    answers = query_values or {}
    return tuple(_judge(target, window, answers) for target in targets)


def verdict_of(judgements: Sequence[Judgement], invalid: Sequence[str], gate: Priority) -> Verdict:
    """FAIL, else INVALID when there is a reason to distrust the load, else NO DATA, else PASS.

    Only targets whose priority the gate covers count. Where it covers none, nothing was shown to hold: NO DATA.
    """
    statuses = {judgement.status for judgement in judgements if gate.covers(judgement.target.priority)}
    if Status.FAIL in statuses:
        return Verdict.FAIL
    if invalid:
        return Verdict.INVALID
    if Status.NO_DATA in statuses or not statuses:
        return Verdict.NO_DATA
    return Verdict.PASS


def _judge(target: Target, window: Judged, answers: Mapping[str, QueryValue]) -> Judgement:
    if window.seconds <= 0:
        return _no_data(target, 0, "the steady phase was never reached, so nothing was judged")
    if target.kind.is_query:
        return _judge_query(target, answers.get(target.id, QueryValue(None, "its query was not asked")))
    counts = window.matching(target.request)
    if counts is None:
        which = "no request" if target.request == ALL_REQUESTS else f"no request named {target.request}"
        return _no_data(target, 0, f"{which} ran")
    attempts = counts.finished + counts.unfinished
    if attempts == 0:
        return _no_data(target, 0, "no request was sent in the steady phase")
    if counts.finished == 0:
        worst = {Kind.RPS: 0.0, Kind.ERROR_RATE: 1.0}.get(target.kind, math.inf)
        return Judgement(
            target, Status.FAIL, worst, attempts, f"not one of {_requests(attempts)} was answered"
        )
    return _judge_requests(target, window, counts)


def _judge_requests(target: Target, window: Judged, counts: RequestCounts) -> Judgement:
    if target.kind is Kind.ERROR_RATE:
        return _judge_error_rate(target, counts)
    if target.kind is Kind.RPS:
        return _judge_rate(target, window, counts)
    if counts.timed + counts.unfinished == 0:
        return _no_data(target, 0, f"none of {_requests(counts.finished)} had a response time")
    if target.kind is Kind.AVERAGE:
        return _judge_average(target, counts)
    return _judge_quantile(target, window, counts)


def _judge_quantile(target: Target, window: Judged, counts: RequestCounts) -> Judgement:
    """Met when the share of requests at or under the limit is at least the quantile: a count, not a percentile."""
    q = target.kind.quantile
    assert q is not None  # noqa: S101  # the other kinds have functions of their own
    samples = counts.timed + counts.unfinished
    good = at_or_under(window.bounds, counts.buckets, target.limit)
    needed = Fraction(q)
    # An unfinished request is slower than every bound, so it belongs in the last bucket.
    buckets = [*counts.buckets[:-1], counts.buckets[-1] + counts.unfinished]
    value = quantile(window.bounds, buckets, q)
    reason = f"{_part(good, samples, needed)} took at most {target.written}; {ratio(q)} needed{_unfinished(counts)}"
    missing = max(0, target.min_samples - samples)
    met = good >= needed * samples
    # What is missing cannot save it: even if it were all fast, too few would be.
    lost = good + missing < needed * (samples + missing)
    return _settle(target, met, lost, float(value or 0), samples, reason=reason)


def _judge_average(target: Target, counts: RequestCounts) -> Judgement:
    """Met when all answers came and their mean is at or under the limit.

    A request that was never answered took longer than anybody waited: a mean without it would hide it. So with
    unfinished requests the target can be missed, but never met.
    """
    samples = counts.timed + counts.unfinished
    if counts.timed == 0:
        return _no_data(target, samples, f"none of {_requests(counts.finished)} had a response time")
    total = Fraction(counts.duration_sum)
    limit = Fraction(target.limit)
    met = total <= limit * counts.timed
    lost = total > limit * max(counts.timed, target.min_samples)
    value = _on_its_side(counts.duration_sum / counts.timed, target, met)
    answered = f"{_requests(counts.timed)} took {measured(target, value)} on average; at most {target.written} allowed"
    if counts.unfinished and met:
        reason = (
            f"{answered}, but {_requests(counts.unfinished)} never got an answer, so the average is not known"
        )
        return _no_data(target, samples, reason)
    return _settle(target, met, lost, value, samples, reason=answered + _unfinished(counts))


def _judge_error_rate(target: Target, counts: RequestCounts) -> Judgement:
    """Met when failed and unfinished requests together are at most the limit's share of all."""
    attempts = counts.finished + counts.unfinished
    bad = counts.failures + counts.unfinished
    limit = Fraction(target.limit)
    met = bad <= limit * attempts
    lost = bad > limit * max(attempts, target.min_samples)
    value = _on_its_side(bad / attempts, target, met)
    tail = f", {count(counts.unfinished)} of them without an answer" if counts.unfinished else ""
    reason = f"{_part(bad, attempts, limit)} failed{tail}; at most {target.written} allowed"
    return _settle(target, met, lost, value, attempts, reason=reason)


def _judge_rate(target: Target, window: Judged, counts: RequestCounts) -> Judgement:
    """Met when at least limit x seconds requests finished while the load ran."""
    finished = window.finished_matching(target.request)
    needed = Fraction(target.limit) * Fraction(window.seconds)
    met = finished >= needed
    lost = max(finished, target.min_samples) < needed
    value = _on_its_side(finished / window.seconds, target, met)
    reason = (
        f"{_requests(finished)} finished in {plain(window.seconds)} s: {measured(target, value)}; "
        f"at least {target.written} per second needed"
    )
    return _settle(target, met, lost, value, counts.finished + counts.unfinished, reason=reason)


def _judge_query(target: Target, answer: QueryValue) -> Judgement:
    """Met when the query's answer is on the right side of the limit."""
    value = answer.value
    if value is None or math.isnan(value):
        return _no_data(target, 0, answer.reason or "its query answered no number")
    # As floats: the answer came as one, and 0.1 of Prometheus is meant to meet a limit of 0.1.
    limit = float(target.limit)
    met = value >= limit if target.kind.is_floor else value <= limit
    bound = "at least" if target.kind.is_floor else "at most"
    where = " on the service's side" if target.query else ""
    reason = f"measured {measured(target, value)}{where}; {bound} {target.written} wanted"
    if answer.reason:
        reason += f" ({answer.reason})"
    return Judgement(target, Status.PASS if met else Status.FAIL, value, 0, reason)


def _settle(target: Target, met: bool, lost: bool, value: float, samples: int, *, reason: str) -> Judgement:
    """PASS or FAIL with enough samples; with too few FAIL only when `lost` already, never PASS."""
    if samples >= target.min_samples:
        return Judgement(target, Status.PASS if met else Status.FAIL, value, samples, reason)
    few = f"only {count(samples)} of the {count(target.min_samples)} samples that it takes"
    if lost:
        return Judgement(target, Status.FAIL, value, samples, f"{reason} ({few}, but more cannot save it)")
    return Judgement(target, Status.NO_DATA, value, samples, f"{few}: {reason}")


def _no_data(target: Target, samples: int, reason: str) -> Judgement:
    return Judgement(target, Status.NO_DATA, None, samples, reason)


def _on_its_side(value: float, target: Target, met: bool) -> float:
    """The float next to the exact value that lies on the same side of the limit as the exact value does."""
    limit = float(target.limit)
    outside = -math.inf if target.kind.is_floor else math.inf
    if met:
        return max(value, limit) if target.kind.is_floor else min(value, limit)
    past = math.nextafter(limit, outside)
    return min(value, past) if target.kind.is_floor else max(value, past)


def _part(part: int, whole: int, limit: Fraction) -> str:
    share = beside(part / whole, float(limit), ratio)
    return f"{count(part)} of {_requests(whole)} ({share})"


def _requests(number: int) -> str:
    return f"{count(number)} request{'' if number == 1 else 's'}"


def _unfinished(counts: RequestCounts) -> str:
    if not counts.unfinished:
        return ""
    many = "was never answered and counts" if counts.unfinished == 1 else "were never answered and count"
    return f"; {count(counts.unfinished)} {many} as slow"
