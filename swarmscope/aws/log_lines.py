"""Reads cold starts from Lambda's log lines, and nothing else that looks like one. No I/O.

Accepted are `REPORT RequestId: …` lines as Lambda writes them, with `Init Duration` or (SnapStart) `Restore Duration`,
and Lambda's JSON records `{"type": "platform.report", "record": {"metrics": {"initDurationMs": …}}}`. INIT_REPORT and
RESTORE_REPORT tell of the same start a second time; an application's own text may hold the same words anywhere.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from swarmscope.aws.insights_query import MARKS

FILTER_PATTERN = " ".join(f'?"{mark}"' for mark in MARKS)
"""What FilterLogEvents is asked for: lines with any of these. What comes back is judged here again."""
LONGEST_LINE = 10_000
"""Characters; a report has some 300, an application's line may have a million."""

_REPORT = "REPORT RequestId: "
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MILLISECONDS = re.compile(r"(\d{1,12}(?:\.\d{1,9})?) ms")
_ALWAYS = ("Duration", "Billed Duration", "Memory Size", "Max Memory Used")
"""Fields that every report has."""


class ColdStart(NamedTuple):
    """A new instance's start."""

    request_id: str
    seconds: Decimal
    restored: bool
    """Whether it was restored from a snapshot rather than initialised."""


def read_cold_start(message: str) -> ColdStart | None:
    """The cold start that a log line tells of; None for every other line."""
    if len(message) > LONGEST_LINE:
        return None
    if message.startswith(_REPORT):
        return _text_report(message)
    return _json_report(message) if message.startswith("{") else None


def _text_report(message: str) -> ColdStart | None:
    # A report may be followed by X-Ray's line; what stands before it would make it text of the application.
    first, *rest = message.rstrip().split("\n")
    if any(not line.startswith("XRAY TraceId: ") for line in rest):
        return None
    request, *parts = first.rstrip("\t\r ").split("\t")
    request_id = request.removeprefix(_REPORT).strip()
    fields: dict[str, str] = {}
    for part in parts:
        if not part.strip():
            continue
        name, colon, value = part.strip().partition(": ")
        if not colon or name in fields:
            return None
        fields[name] = value
    if not _REQUEST_ID.fullmatch(request_id) or any(name not in fields for name in _ALWAYS):
        return None
    for name in ("Init Duration", "Restore Duration"):
        if name in fields:
            match = _MILLISECONDS.fullmatch(fields[name])
            return match and _cold_start(request_id, Decimal(match[1]), restored=name.startswith("Restore"))
    return None


def _json_report(message: str) -> ColdStart | None:
    try:
        document = json.loads(message, parse_float=Decimal, parse_int=Decimal, parse_constant=str)
    except (ValueError, InvalidOperation, RecursionError):
        return None
    # Only at the top: an application that logs JSON has Lambda's records, if anything, inside of its own.
    if not isinstance(document, dict) or document.get("type") != "platform.report":
        return None
    record: Any = document.get("record")
    metrics: Any = record.get("metrics") if isinstance(record, dict) else None
    if not isinstance(metrics, dict) or not isinstance(metrics.get("durationMs"), Decimal):
        return None
    request_id = record.get("requestId")
    for name in ("initDurationMs", "restoreDurationMs"):
        milliseconds = metrics.get(name)
        if isinstance(milliseconds, Decimal) and isinstance(request_id, str):
            return _cold_start(request_id, milliseconds, restored=name.startswith("restore"))
    return None


def _cold_start(request_id: str, milliseconds: Decimal, *, restored: bool) -> ColdStart | None:
    if not milliseconds.is_finite() or not 0 <= milliseconds < 10**9:
        return None
    # Decimal: 3000.00 ms is exactly 3 s, and so at, not above, a limit of 3 s.
    return ColdStart(request_id, milliseconds / 1000, restored)
