"""The customers' data in the database. Every query names its customer: there is none that could leak."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from reference.claims import sample_data
from reference.claims.listings import CLAIMS, Condition, Listing
from reference.database import Database, Row

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS customers (
        id BIGINT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        claim_count BIGINT NOT NULL
    )""",
    # Which customers' data is complete: one that was interrupted while it was written is written again.
    "CREATE TABLE IF NOT EXISTS filled_customers (customer_id BIGINT PRIMARY KEY)",
    """CREATE TABLE IF NOT EXISTS claims (
        id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, claim_number TEXT NOT NULL, payer TEXT NOT NULL,
        cpt TEXT NOT NULL, outcome TEXT NOT NULL, denial_reason TEXT, billed_cents BIGINT NOT NULL,
        allowed_cents BIGINT, paid_cents BIGINT, submitted_on TEXT NOT NULL, decision_days BIGINT, upload_id BIGINT
    )""",
    """CREATE TABLE IF NOT EXISTS drift_events (
        id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, payer TEXT NOT NULL, cpt TEXT NOT NULL,
        drift_type TEXT NOT NULL, severity TEXT NOT NULL, baseline DOUBLE PRECISION NOT NULL,
        current DOUBLE PRECISION NOT NULL, detected_on TEXT NOT NULL, status TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS uploads (
        id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, filename TEXT NOT NULL, status TEXT NOT NULL,
        row_count BIGINT NOT NULL, uploaded_on TEXT NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS reports (
        id BIGINT PRIMARY KEY, customer_id BIGINT NOT NULL, kind TEXT NOT NULL, status TEXT NOT NULL,
        period_start TEXT NOT NULL, period_end TEXT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS claims_newest ON claims (customer_id, id)",
    "CREATE INDEX IF NOT EXISTS claims_by_payer ON claims (customer_id, payer, id)",
    "CREATE INDEX IF NOT EXISTS claims_by_cpt ON claims (customer_id, cpt, id)",
    "CREATE INDEX IF NOT EXISTS claims_by_number ON claims (customer_id, claim_number)",
    # Holds all that the payer summary and the dashboard add up, so that neither reads the table itself.
    """CREATE INDEX IF NOT EXISTS claims_amounts
    ON claims (customer_id, payer, outcome, billed_cents, allowed_cents, paid_cents, decision_days)""",
    "CREATE INDEX IF NOT EXISTS drift_newest ON drift_events (customer_id, id)",
    "CREATE INDEX IF NOT EXISTS uploads_newest ON uploads (customer_id, id)",
    "CREATE INDEX IF NOT EXISTS reports_newest ON reports (customer_id, id)",
)
_TABLES = ("claims", "drift_events", "uploads", "reports")
FORGET = tuple(f"DROP TABLE IF EXISTS {table}" for table in (*_TABLES, "filled_customers"))
"""Before SCHEMA; customers and users are kept, and the customers' data is made anew."""

MOST_PARAMETERS = 30_000
"""Of one INSERT; SQLite takes 32,766 and PostgreSQL 65,535."""

_PAYER_SUMMARY = """SELECT payer, COUNT(*),
    CAST(SUM(CASE WHEN outcome = 'paid' THEN 1 ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN outcome = 'denied' THEN 1 ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN outcome = 'pending' THEN 1 ELSE 0 END) AS BIGINT),
    CAST(SUM(billed_cents) AS BIGINT), CAST(COALESCE(SUM(allowed_cents), 0) AS BIGINT),
    CAST(COALESCE(SUM(paid_cents), 0) AS BIGINT), CAST(COALESCE(SUM(decision_days), 0) AS BIGINT)
    FROM claims WHERE customer_id = ? GROUP BY payer ORDER BY payer"""
_CLAIM = f"SELECT {', '.join(CLAIMS.columns)} FROM claims WHERE id = ? AND customer_id = ?"  # noqa: S608  # our own words


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    count: int
    """Of all pages together."""
    results: list[dict[str, Any]]


class ClaimStore:
    """Reads what the API shows, and fills new customers with invented data."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, listing: Listing, customer: int, conditions: Iterable[Condition], number: int, size: int
    ) -> Page | None:
        """A page (the first is 1), newest first; None when there is no such page."""
        conditions = tuple(conditions)
        where = "".join(sql for sql, _ in conditions)
        values = [value for _, value in conditions]
        operation = f"list_{listing.table}"
        ((count,),) = await self._database.fetch(
            f"count_{listing.table}", listing.count(where), customer, *values
        )
        skipped = (number - 1) * size
        if skipped and skipped >= count:
            return None
        rows = await self._database.fetch(operation, listing.select(where), customer, *values, size, skipped)
        return Page(count, [dict(zip(listing.columns, row, strict=True)) for row in rows])

    async def claim(self, customer: int, claim_id: int) -> dict[str, Any] | None:
        """One claim; None when the customer has none of that id."""
        rows = await self._database.fetch("get_claim", _CLAIM, claim_id, customer)
        return dict(zip(CLAIMS.columns, rows[0], strict=True)) if rows else None

    async def payer_summary(self, customer: int) -> list[dict[str, Any]]:
        """What each payer was billed, paid and denied, by name."""
        rows = await self._database.fetch("payer_summary", _PAYER_SUMMARY, customer)
        return [_summary(row) for row in rows]

    async def dashboard(self, customer: int) -> dict[str, Any]:
        """The figures of the first page that people see."""
        payers = await self.payer_summary(customer)
        severities = await self._database.fetch(
            "dashboard_drift",
            "SELECT severity, COUNT(*) FROM drift_events WHERE customer_id = ? AND status = 'open' GROUP BY severity",
            customer,
        )
        ((last_upload,),) = await self._database.fetch(
            "dashboard_uploads", "SELECT MAX(uploaded_on) FROM uploads WHERE customer_id = ?", customer
        )
        keys = ("claims", "paid", "denied", "pending", "billed_cents", "paid_cents")
        totals = {key: sum(payer[key] for payer in payers) for key in keys}
        found: dict[str, int] = dict(severities)
        return {
            **totals,
            "denial_rate": _share(totals["denied"], totals["paid"] + totals["denied"]),
            "payers": len(payers),
            "open_drift_events": {severity: found.get(severity, 0) for severity in sample_data.SEVERITIES},
            "last_upload_on": last_upload,
        }

    async def add_customer(self, name: str, claim_count: int, customer: int | None = None) -> int:
        """The number of the customer of this name, made if there is none."""
        await self._database.write(
            "create_customer",
            """INSERT INTO customers (id, name, claim_count)
            VALUES (COALESCE(?, (SELECT COALESCE(MAX(id), 99) + 1 FROM customers WHERE id >= 100)), ?, ?)
            ON CONFLICT DO NOTHING""",
            customer, name, claim_count,
        )  # fmt: skip
        rows = await self._database.fetch("find_customer", "SELECT id FROM customers WHERE name = ?", name)
        return int(rows[0][0])

    async def fill_customers(self) -> None:
        """Give every customer its data that has none yet, or only a part of it."""
        missing = await self._database.fetch(
            "find_unfilled",
            """SELECT id, claim_count FROM customers
            WHERE id NOT IN (SELECT customer_id FROM filled_customers) ORDER BY id""",
        )
        for customer, claim_count in missing:
            for table in _TABLES:
                await self._database.write(
                    "clear_customer",
                    f"DELETE FROM {table} WHERE customer_id = ?",  # noqa: S608  # our own words
                    customer,
                )
            await self._insert("claims", sample_data.claims(customer, claim_count))
            if claim_count:
                await self._insert("drift_events", sample_data.drift_events(customer))
                await self._insert("uploads", sample_data.uploads(customer, claim_count))
                await self._insert("reports", sample_data.reports(customer))
            await self._database.write(
                "customer_filled", "INSERT INTO filled_customers (customer_id) VALUES (?)", customer
            )

    async def _insert(self, table: str, rows: Iterator[Row]) -> None:
        while first := next(rows, None):
            more = islice(rows, MOST_PARAMETERS // len(first) - 1)
            chunk = [first, *more]
            marks = f"({', '.join('?' * len(first))})"
            await self._database.write(
                f"fill_{table}",
                f"INSERT INTO {table} VALUES {', '.join([marks] * len(chunk))}",  # noqa: S608  # our own words
                *(value for row in chunk for value in row),
            )


def _summary(row: Row) -> dict[str, Any]:
    payer, claims, paid, denied, pending, billed, allowed, paid_cents, days = row
    return {
        "payer": payer,
        "claims": claims,
        "paid": paid,
        "denied": denied,
        "pending": pending,
        "denial_rate": _share(denied, paid + denied),
        "billed_cents": billed,
        "allowed_cents": allowed,
        "paid_cents": paid_cents,
        "average_decision_days": round(days / (paid + denied), 2) if paid + denied else None,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
