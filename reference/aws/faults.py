"""Faults on command: what goes wrong with which API, and how often. Values and decisions only, no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

ANY = "*"
REPORT = "ReportInvocations"
"""The name, as an API, of what the reference services report."""
LONGEST_MS = 3_600_000


class Kind(StrEnum):
    """What a fault does to a call that it hits."""

    THROTTLE = "throttle"
    """Answers as AWS does to who calls too often."""
    ERROR_500 = "error_500"
    """Answers with an internal error; nothing was done."""
    APPLIED_THEN_500 = "applied_then_500"
    """Does what was asked, and answers with an internal error."""
    DELAY = "delay"
    """Answers delay_ms later; what was asked is done after the delay."""
    DROP = "drop"
    """Cuts the connection; nothing was done."""
    APPLIED_THEN_DROP = "applied_then_drop"
    """Does what was asked, and cuts the connection."""
    REFUSE_CREDENTIALS = "refuse_credentials"
    """Answers as AWS does to an access key that it does not know."""
    ACCESS_DENIED = "access_denied"
    """Answers as AWS does to an identity without the permission."""
    LATE = "late"
    """What the call puts becomes visible delay_ms later than it would, and is overtaken by what others put."""
    PARTIAL_DATA = "partial_data"
    """GetMetricData: half of the datapoints are missing, and each result says PartialData."""
    INTERNAL_ERROR = "internal_error"
    """GetMetricData: each result says InternalError and has no datapoints."""
    EMPTY_PAGE = "empty_page"
    """FilterLogEvents: a page without events, with a token for the next one."""


_ONLY_FOR = {
    Kind.PARTIAL_DATA: ("GetMetricData",),
    Kind.INTERNAL_ERROR: ("GetMetricData",),
    Kind.EMPTY_PAGE: ("FilterLogEvents",),
    Kind.LATE: ("PutMetricData", "PutLogEvents", REPORT),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, as asked for."""

    api: str
    kind: Kind
    times: int | None = None
    """How many calls it hits; None until it is replaced."""
    delay_ms: float = 1000.0

    def hits(self, api: str) -> bool:
        """Whether it is meant for this API."""
        return self.api in (api, ANY) and api in _ONLY_FOR.get(self.kind, (api,))


class Faults:
    """The faults that are active now."""

    def __init__(self) -> None:
        self._left: list[tuple[Fault, float]] = []

    def put(self, faults: Iterable[Fault]) -> None:
        """Replace all faults by these."""
        self._left = [(fault, math.inf if fault.times is None else fault.times) for fault in faults]

    def hit(self, api: str) -> dict[Kind, Fault]:
        """What happens to one call, and one time less for each of them."""
        hits: dict[Kind, Fault] = {}
        kept: list[tuple[Fault, float]] = []
        for fault, left in self._left:
            taken = fault.kind not in hits and fault.hits(api)
            if taken:
                hits[fault.kind] = fault
            if left - taken > 0:
                kept.append((fault, left - taken))
        self._left = kept
        return hits

    def describe(self) -> list[dict[str, Any]]:
        """The active faults as JSON, with what is left of their times."""
        return [
            asdict(fault) | {"times": None if left == math.inf else int(left)} for fault, left in self._left
        ]


def parse_faults(document: Any) -> list[Fault]:
    """JSON (a list of faults) as faults; raises ValueError with every problem."""
    if not isinstance(document, list):
        raise ValueError(
            'expected a list such as [{"api": "PutMetricData", "kind": "throttle", "times": 20}]'
        )
    problems: list[str] = []
    faults = [_parse(each, f"[{index}]", problems) for index, each in enumerate(document)]
    if problems:
        raise ValueError("; ".join(problems))
    return [fault for fault in faults if fault is not None]


def _parse(item: Any, where: str, problems: list[str]) -> Fault | None:
    if not isinstance(item, dict):
        problems.append(f"{where}: expected an object")
        return None
    before = len(problems)
    known = ("api", "kind", "times", "delay_ms")
    problems.extend(
        f"{where}.{name}: unknown; known are {', '.join(known)}" for name in item if name not in known
    )
    api, kind = item.get("api"), item.get("kind")
    times, delay = item.get("times"), item.get("delay_ms", 1000.0)
    if not isinstance(api, str) or not api:
        problems.append(f"{where}.api: expected the name of an API, such as PutMetricData, or *")
    if kind not in list(Kind):
        problems.append(f"{where}.kind: expected one of {', '.join(Kind)}, got {kind!r}")
    elif api != ANY and api not in _ONLY_FOR.get(Kind(kind), (api,)):
        problems.append(f"{where}.kind: {kind} is for {', '.join(_ONLY_FOR[Kind(kind)])} only")
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        problems.append(f"{where}.times: expected a whole number from 1, got {times!r}")
    if isinstance(delay, bool) or not isinstance(delay, int | float) or not 0 <= delay <= LONGEST_MS:
        problems.append(f"{where}.delay_ms: expected a number from 0 to {LONGEST_MS}, got {delay!r}")
    if len(problems) > before:
        return None
    return Fault(item["api"], Kind(item["kind"]), times, float(delay))
