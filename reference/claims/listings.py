"""The lists that the Claims API offers: their columns, filters and SQL, as data. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reference.claims.sample_data import SEVERITIES

DEFAULT_PAGE_SIZE, MOST_PAGE_SIZE = 25, 100
LONGEST_TEXT = 100
"""Of a filter or search text."""
CPT = re.compile(r"[0-9A-Z][0-9]{3}[0-9A-Z]")

Condition = tuple[str, str]
"""SQL after AND, with one parameter, and the parameter's value."""


class Unusable(ValueError):
    """A filter's text makes no sense; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: a table, what is shown of a row, and the query parameters that narrow it down."""

    table: str
    columns: tuple[str, ...]
    filters: Mapping[str, Callable[[str], Condition]] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Every query parameter that is understood."""
        return (*self.filters, "page", "page_size")

    def select(self, where: str) -> str:
        """A page of rows, newest first; `where` is made of this module's own conditions."""
        shown = ", ".join(self.columns)
        return (
            f"SELECT {shown} FROM {self.table} WHERE customer_id = ?{where} "  # noqa: S608  # our own words
            "ORDER BY id DESC LIMIT ? OFFSET ?"
        )

    def count(self, where: str) -> str:
        """How many rows there are on all pages."""
        return f"SELECT COUNT(*) FROM {self.table} WHERE customer_id = ?{where}"  # noqa: S608  # our own words


def _payer(text: str) -> Condition:
    return " AND payer = ?", _text(text)


def _search(text: str) -> Condition:
    """A CPT code, or the beginning of a claim number, in capitals or not."""
    wanted = _text(text).upper()
    if CPT.fullmatch(wanted):
        return " AND cpt = ?", wanted
    literal = re.sub(r"([!%_])", r"!\1", wanted)
    return " AND claim_number LIKE ? ESCAPE '!'", f"{literal}%"


def _severity(text: str) -> Condition:
    if text not in SEVERITIES:
        raise Unusable(f"expected one of {', '.join(SEVERITIES)}")
    return " AND severity = ?", text


def _text(text: str) -> str:
    # No database takes a NUL in a text, and the others are slips.
    if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable():
        raise Unusable(f"expected 1 to {LONGEST_TEXT} printable characters")
    return text


CLAIMS = Listing(
    "claims",
    (
        "id", "claim_number", "payer", "cpt", "outcome", "denial_reason", "billed_cents", "allowed_cents",
        "paid_cents", "submitted_on", "decision_days", "upload_id",
    ),
    {"payer": _payer, "search": _search},
)  # fmt: skip
DRIFT_EVENTS = Listing(
    "drift_events",
    ("id", "payer", "cpt", "drift_type", "severity", "baseline", "current", "detected_on", "status"),
    {"severity": _severity},
)
UPLOADS = Listing("uploads", ("id", "filename", "status", "row_count", "uploaded_on"))
REPORTS = Listing("reports", ("id", "kind", "status", "period_start", "period_end"))
