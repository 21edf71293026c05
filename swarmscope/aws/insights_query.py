"""The one Logs Insights query that Swarmscope asks: lines that may tell of a cold start. No I/O.

It selects generously; which of the lines really are cold starts is decided by the same strict reading as for
FilterLogEvents. The stand-in for AWS answers this query and refuses every other.
"""

from __future__ import annotations

import re

MOST_LINES = 10_000
"""That Logs Insights returns for one query."""
MARKS = ("Init Duration", "Restore Duration", "initDurationMs", "restoreDurationMs")
"""Text that a line about a cold start has: of REPORT lines, with SnapStart, and of JSON ones."""
_FORM = (
    "fields @timestamp, @logStream, @message"
    f" | filter @message like /{'|'.join(MARKS)}/"
    " | sort @timestamp asc"
    " | limit {limit}"
)
_FORM_READ = re.compile(re.escape(_FORM).replace(re.escape("{limit}"), r"(\d{1,5})"))


def cold_start_query(limit: int = MOST_LINES) -> str:
    """The query's text, for the first so many lines; raises ValueError beyond Logs Insights' limit."""
    if not 1 <= limit <= MOST_LINES:
        raise ValueError(f"expected a limit from 1 to {MOST_LINES}, got {limit}")
    return _FORM.format(limit=limit)


def limit_of(query: str) -> int | None:
    """The limit of a cold-start query; None for any other query."""
    found = _FORM_READ.fullmatch(query)
    limit = int(found[1]) if found else 0
    return limit if 1 <= limit <= MOST_LINES else None
