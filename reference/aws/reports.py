"""What a reference service says that it did, batch by batch: the format between its reporter and the stand-in.

Rows are JSON lists in the order of the fields, because a thousand of them come each second. No I/O.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

PATH = "/_stand-in/invocations"
MOST_ROWS = 100_000
"""Of one batch."""


class Invocation(NamedTuple):
    """One request, as API Gateway and Lambda would have seen it."""

    function: str
    started: float
    """Unix seconds: when the request arrived."""
    status: int
    """0: the connection ended without an answer."""
    gateway_ms: float
    integration_ms: float
    duration_ms: float
    """Of the handler, the instance's start left out."""
    init_ms: float | None
    """How long the instance took to start; None for one that was warm."""
    concurrent: int
    """Invocations of the function that were under way when this one began, itself included."""
    request_id: str
    """Empty where the service gave none: the stand-in makes one up, which costs the service nothing."""
    instance: str
    """Name of the instance that served it; each writes a log stream of its own."""


class TableOperation(NamedTuple):
    """One operation on a table, as DynamoDB would have seen it."""

    table: str
    operation: str
    started: float
    """Unix seconds."""
    latency_ms: float
    capacity: float
    """Read or write units, as the operation is."""
    throttled: int
    """How often it was refused before it went through."""
    failed: bool


class Batch(NamedTuple):
    """What one report says."""

    system: str
    api: str
    stage: str
    invocations: list[Invocation]
    operations: list[TableOperation]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _is_text_or_empty(value: Any) -> bool:
    return value == "" or _is_text(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_time(value: Any) -> bool:
    return _is_number(value) and value < 1e11  # the year 5138


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


_INVOCATION = (
    _is_text, _is_time, _is_count, _is_number, _is_number, _is_number, _is_number_or_none, _is_count,
    _is_text_or_empty, _is_text,
)  # fmt: skip
_OPERATION = (_is_text, _is_text, _is_time, _is_number, _is_number, _is_count, _is_yes_or_no)
"""What each field of a row must be."""


def parse_batch(document: Any) -> Batch:
    """JSON as a batch; raises ValueError with the first problem."""
    if not isinstance(document, dict) or set(document) != set(Batch._fields):
        raise ValueError(f"expected an object with {', '.join(Batch._fields)}")
    for name in ("system", "api", "stage"):
        if not _is_text(document[name]):
            raise ValueError(f"{name}: expected text")
    return Batch(
        document["system"],
        document["api"],
        document["stage"],
        _rows(document["invocations"], Invocation, _INVOCATION, "invocations"),
        _rows(document["operations"], TableOperation, _OPERATION, "operations"),
    )


def _rows(rows: Any, kind: Any, checks: Sequence[Callable[[Any], bool]], where: str) -> list[Any]:
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise ValueError(f"{where}: expected a list of at most {MOST_ROWS} rows")
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(checks):
            raise ValueError(f"{where}[{index}]: expected a list of {', '.join(kind._fields)}")
        for name, check, value in zip(kind._fields, checks, row, strict=True):
            if not check(value):
                raise ValueError(f"{where}[{index}].{name}: got {value!r}")
    return [kind(*row) for row in rows]
