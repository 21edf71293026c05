"""What a failed statement is called in the statistics: the class of its SQLSTATE, never the server's words. No I/O.

The server's words quote the statement's data: each row would be a failure of its own kind.
"""

from __future__ import annotations

import psycopg

from scenarios.metrics.database_pool import PoolTimeout

# https://www.postgresql.org/docs/15/errcodes-appendix.html
_CLASSES = {
    "08": "connection exception",
    "22": "data exception",
    "23": "integrity constraint violation",
    "25": "invalid transaction state",
    "28": "invalid authorization",
    "3D": "invalid catalog name",
    "3F": "invalid schema name",
    "40": "transaction rollback",
    "42": "syntax error or access rule violation",
    "53": "insufficient resources",
    "54": "program limit exceeded",
    "55": "object not in prerequisite state",
    "57": "operator intervention",
    "58": "system error",
    "XX": "internal error",
}
_STATES = {"57014": "statement timeout", "40P01": "deadlock", "53300": "too many connections"}
"""Those that ask for something else than the rest of their class."""


class SqlFailure(Exception):
    """A statement that failed, or could not be sent."""


class TenantLeak(Exception):
    """An answer that held another tenant's rows."""


class Unanswered(Exception):
    """The server has not answered for longer than its own statement timeout allows: its connection is given up."""


def as_failure(error: Exception) -> Exception:
    """How a request event reports this error."""
    if isinstance(error, PoolTimeout):
        return SqlFailure("no free connection in the pool")
    if not isinstance(error, psycopg.Error):
        return error
    state = error.sqlstate or ""
    if state in _STATES:
        return SqlFailure(f"{_STATES[state]} (SQLSTATE {state})")
    if not state and isinstance(error, psycopg.OperationalError):
        # The driver's own: refused, reset, or closed by the server without a word.
        state = "08000"
    kind = state[:2]
    return SqlFailure(
        f"{_CLASSES.get(kind, 'another error')} (SQLSTATE class {kind})"
        if kind
        else f"driver error {type(error).__name__}"
    )
