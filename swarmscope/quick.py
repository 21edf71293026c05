"""The quick benchmark's figures: percentiles of every sample, limits, and the text that shows both. No I/O.

A request without an answer is slower than every answered one: it takes its place at the slow end of the percentiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from swarmscope.errors import ExitCode
from swarmscope.quantities import beside, count, plain, ratio
from swarmscope.targets import Kind
from swarmscope.targets.samples import default_min_samples
from swarmscope.verdict import Status

PERCENTAGES = (50, 66, 75, 80, 90, 95, 98, 99, 100)
LIMITED = (Kind.P50, Kind.P90, Kind.P95, Kind.P99, Kind.ERROR_RATE)
BUSY_GENERATOR = 0.9
"""Share of a core from which on the figures may be the generator's own."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one quick benchmark measured."""

    seconds: Sequence[float]
    """Duration of every answered request, shortest first."""
    statuses: Mapping[int, int]
    """Of the answered requests."""
    unanswered: Mapping[str, int]
    """What kept a request from being answered → how many."""
    elapsed: float
    received: int
    """Bytes of answers' bodies."""
    sent: int = 0
    """Bytes of requests' bodies."""
    connections: int = 0
    generator_cpu: float = 0.0
    """Seconds of CPU that making the load took."""
    unfinished: int = 0
    """Requests that were under way when the benchmark was ended by hand: neither good nor bad."""
    note: str = ""
    """Why it ended before its time; "" when it did not."""

    @property
    def finished(self) -> int:
        """Requests that count: answered, or known to be without an answer."""
        return len(self.seconds) + sum(self.unanswered.values())

    @property
    def failed(self) -> int:
        """Requests without an answer, or with a status of 400 or more."""
        refused = sum(number for status, number in self.statuses.items() if status >= 400)
        return refused + sum(self.unanswered.values())

    def percentile(self, percent: int) -> float:
        """The least duration that this share of all requests did not exceed; inf when some of them had no answer."""
        rank = -(-self.finished * percent // 100)
        return self.seconds[rank - 1] if rank <= len(self.seconds) else math.inf


@dataclass(frozen=True, slots=True)
class Limit:
    """What the benchmark must hold."""

    kind: Kind
    value: Decimal
    """Seconds, or a share."""
    written: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """A limit with what follows from the measurement."""

    limit: Limit
    status: Status
    reason: str


def judge(limits: Sequence[Limit], measured: Measured) -> list[Judgement]:
    """Every limit against what was measured; too few requests are NO DATA, unless no others could save them."""
    return [
        _judge_errors(limit, measured) if limit.kind is Kind.ERROR_RATE else _judge_latency(limit, measured)
        for limit in limits
    ]


def _judge_latency(limit: Limit, measured: Measured) -> Judgement:
    quantile = Fraction(limit.kind.quantile or 0)
    total, bound = measured.finished, Fraction(limit.value)
    # Compared as exact fractions: a float is one, and so is the limit as it was written.
    quick = sum(Fraction(each) <= bound for each in measured.seconds)
    needed = plain(Decimal(str(limit.kind.quantile)) * 100)
    shown = beside(Decimal(quick) / total, Decimal(str(limit.kind.quantile)), ratio) if total else "0 %"
    reason = (
        f"{count(quick)} of {count(total)} requests ({shown}) took at most {limit.written}; {needed} % needed"
    )
    return Judgement(limit, _status(limit, total, total - quick, 1 - quantile), _enough(limit, total, reason))


def _judge_errors(limit: Limit, measured: Measured) -> Judgement:
    total, failed = measured.finished, measured.failed
    shown = beside(Decimal(failed) / total, limit.value, ratio) if total else "0 %"
    reason = f"{count(failed)} of {count(total)} requests ({shown}) failed; at most {limit.written} allowed"
    return Judgement(
        limit, _status(limit, total, failed, Fraction(limit.value)), _enough(limit, total, reason)
    )


def _status(limit: Limit, total: int, bad: int, allowed: Fraction) -> Status:
    least = default_min_samples(limit.kind, limit.value)
    if bad > allowed * max(total, least):
        return Status.FAIL
    return Status.PASS if total >= least else Status.NO_DATA


def _enough(limit: Limit, total: int, reason: str) -> str:
    least = default_min_samples(limit.kind, limit.value)
    return reason if total >= least else f"{reason}; fewer than {count(least)} requests say little"


def exit_code(judgements: Sequence[Judgement], measured: Measured, *, interrupted: bool) -> ExitCode:
    """What the command ends with."""
    if not measured.seconds and not interrupted:
        return ExitCode.SERVICE_UNREACHABLE
    statuses = {judgement.status for judgement in judgements}
    if Status.FAIL in statuses:
        return ExitCode.FAIL
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.NO_DATA if Status.NO_DATA in statuses else ExitCode.PASS


def lines(measured: Measured, judgements: Sequence[Judgement]) -> list[str]:
    """What is printed after the load."""
    return [*_totals(measured), "", *_durations(measured), *_notes(measured), *_judged(judgements)]


def _totals(measured: Measured) -> list[str]:
    answered, elapsed = len(measured.seconds), measured.elapsed
    per_second = answered / elapsed if elapsed else 0.0
    failed = f"{count(measured.failed)}"
    if measured.finished:
        failed += f" ({ratio(Decimal(measured.failed) / measured.finished)})"
    shown = [
        ("Answered", f"{count(answered)} in {elapsed:.3f} s: {_figure(per_second)} requests/s"),
        ("Failed", failed),
    ]
    shown += [("", f"{count(number)}  {kind}") for kind, number in sorted(measured.unanswered.items())]
    shown += [
        ("", f"{count(number)}  status {status}")
        for status, number in sorted(measured.statuses.items())
        if status >= 400
    ]
    if measured.unfinished:
        shown.append(("Unfinished", f"{count(measured.unfinished)} when it was ended"))
    statuses = ", ".join(f"{status}: {count(number)}" for status, number in sorted(measured.statuses.items()))
    shown.append(("Statuses", statuses or "none"))
    received = f"{count(measured.received)} bytes of bodies"
    if elapsed:
        received += f": {_figure(measured.received / elapsed / 1000)} kB/s"
    shown.append(("Received", received))
    if measured.sent:
        shown.append(("Sent", f"{count(measured.sent)} bytes of bodies"))
    shown.append(("Connections", f"{count(measured.connections)} opened"))
    return [f"  {name:<12} {text}" for name, text in shown]


def _durations(measured: Measured) -> list[str]:
    if not measured.seconds:
        return ["  Time per request: none was answered"]
    mean = math.fsum(measured.seconds) / len(measured.seconds)
    figures = [("min", measured.seconds[0]), ("mean", mean)]
    figures += [(f"{percent} %", measured.percentile(percent)) for percent in PERCENTAGES]
    width = max(len(_milliseconds(seconds)) for _, seconds in figures)
    return [
        "  Time per request in ms, from every sample",
        *(f"  {name:>8}  {_milliseconds(seconds):>{width}}" for name, seconds in figures),
    ]


def _notes(measured: Measured) -> list[str]:
    notes = []
    if measured.elapsed and measured.generator_cpu / measured.elapsed > BUSY_GENERATOR:
        share = plain(measured.generator_cpu / measured.elapsed * 100, 2)
        notes.append(
            f"The generator was busy for {share} % of the time: the service may be faster than this says."
        )
    if measured.note:
        notes.append(measured.note)
    return ["", *(f"  {note}" for note in notes)] if notes else []


def _judged(judgements: Sequence[Judgement]) -> list[str]:
    if not judgements:
        return []
    return [
        "",
        *(
            f"  {judgement.status:<7}  {_in_words(judgement.limit)}: {judgement.reason}"
            for judgement in judgements
        ),
    ]


def _in_words(limit: Limit) -> str:
    name = "error rate" if limit.kind is Kind.ERROR_RATE else limit.kind.value
    return f"{name} ≤ {limit.written}"


def _milliseconds(seconds: float) -> str:
    return "no answer" if math.isinf(seconds) else f"{seconds * 1000:.3f}"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else plain(number)
