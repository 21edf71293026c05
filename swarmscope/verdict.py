"""Judges measurements against targets: pure functions from counters to verdicts. No I/O.

The same functions give the live values of the dashboards, the final verdict and the exit code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from swarmscope.errors import ExitCode
from swarmscope.measurements import Window
from swarmscope.targets import Priority, Target


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


def judge(
    targets: Sequence[Target], window: Window, query_values: Mapping[str, QueryValue] | None = None
) -> tuple[Judgement, ...]:
    """Judge each target on the window; `query_values` maps server-side targets' ids to their answers."""
    raise NotImplementedError


def verdict_of(judgements: Sequence[Judgement], invalid: Sequence[str], gate: Priority) -> Verdict:
    """FAIL, else INVALID when there is a reason to distrust the load, else NO DATA, else PASS."""
    raise NotImplementedError
