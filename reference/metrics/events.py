"""Metric events: what a valid one is, stored exactly once, receipts of what was stored, aggregates over time.

An event's id is made by its sender, `source:number`: sending it again changes nothing, and what a sender was told is
stored can be checked by asking for the receipts of its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reference.database import Database
from reference.metrics.web import EARLIEST_MS, LABEL, LATEST_MS, NAME, Fields, json_number

MOST_IN_BATCH = 500
EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}:[0-9]{1,12}")
SOURCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
LARGEST_SEQUENCE = 10**12 - 1
MOST_RECEIPTS = 100_000
"""Numbers that one question for receipts may span."""
MOST_POINTS = 1000
AGGREGATES = {
    "sum": "SUM(value)", "avg": "AVG(value)", "min": "MIN(value)", "max": "MAX(value)", "count": "COUNT(*)",
}  # fmt: skip
NO_REGION = "none"
_DAY_MS = 24 * 3600 * 1000

SCHEMA = (
    # copy is always 0, unless the fault `double` is asked for: it is what makes a second one possible at all.
    """CREATE TABLE IF NOT EXISTS events (
        tenant_id TEXT NOT NULL,
        source TEXT NOT NULL,
        sequence BIGINT NOT NULL,
        copy INTEGER NOT NULL,
        name TEXT NOT NULL,
        value DOUBLE PRECISION NOT NULL,
        at BIGINT NOT NULL,
        region TEXT NOT NULL,
        user_id TEXT NOT NULL,
        PRIMARY KEY (tenant_id, source, sequence, copy)
    )""",
    # With the value in it, aggregates never leave the index.
    "CREATE INDEX IF NOT EXISTS events_by_name ON events (tenant_id, name, at, value)",
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (tenant_id, at, name, value)",
    """CREATE TABLE IF NOT EXISTS usage_sessions (
        tenant_id TEXT NOT NULL,
        id TEXT NOT NULL,
        app TEXT NOT NULL,
        started_at BIGINT NOT NULL,
        duration_ms BIGINT NOT NULL,
        events BIGINT NOT NULL,
        region TEXT NOT NULL,
        user_id TEXT NOT NULL,
        PRIMARY KEY (tenant_id, id)
    )""",
)
FORGET = ("DROP TABLE IF EXISTS events", "DROP TABLE IF EXISTS usage_sessions")
_COLUMNS = "tenant_id, source, sequence, copy, name, value, at, region, user_id"


@dataclass(frozen=True, slots=True)
class Event:
    """A valid event, as a client sent it."""

    source: str
    sequence: int
    name: str
    value: float
    at: int
    region: str

    @property
    def key(self) -> tuple[str, int]:
        """What makes it the same event as another."""
        return self.source, self.sequence


@dataclass(frozen=True, slots=True)
class UsageSession:
    """One stretch of use of an app, as a client reports it when it is over."""

    id: str
    app: str
    started_at: int
    duration_ms: int
    events: int
    region: str


def parse_event(document: Any, now_ms: int, problems: list[str], path: str = "") -> Event | None:
    """Read one event; adds to `problems` and returns None when it is not valid."""
    if not isinstance(document, dict):
        problems.append(f"{path or 'body'}: expected an object with id, name and value")
        return None
    before = len(problems)
    fields = Fields(document, ("id", "name", "value", "at", "region"), problems, path)
    event_id = fields.matching("id", EVENT_ID, "source:number, such as collector-7:42")
    name = fields.matching("name", NAME, "a metric's name: lower case, digits, _ and ., at most 64")
    value = fields.number("value")
    at = fields.whole("at", EARLIEST_MS, LATEST_MS, now_ms)
    region = fields.matching("region", LABEL, "lower-case letters, digits and -, at most 32", NO_REGION)
    if len(problems) > before:
        return None
    source, _, number = event_id.partition(":")
    return Event(source, int(number), name, value, at, region)


def parse_batch(document: dict[str, Any], now_ms: int) -> list[Event]:
    """The events of a batch; raises Refused with every problem, and then none is stored."""
    problems: list[str] = []
    fields = Fields(document, ("events",), problems)
    items = fields.items("events", MOST_IN_BATCH)
    events = [parse_event(item, now_ms, problems, f"events[{i}].") for i, item in enumerate(items)]
    fields.check()
    return [event for event in events if event is not None]


def parse_session(document: dict[str, Any], now_ms: int) -> UsageSession:
    """A usage session; raises Refused."""
    fields = Fields(document, ("id", "app", "started_at", "duration_ms", "events", "region"), [])
    session = UsageSession(
        fields.matching("id", EVENT_ID, "source:number, such as collector-7:42"),
        fields.matching("app", NAME, "an app's name: lower case, digits, _ and ., at most 64"),
        fields.whole("started_at", EARLIEST_MS, LATEST_MS, now_ms),
        fields.whole("duration_ms", 0, 30 * _DAY_MS),
        fields.whole("events", 0, 10**9, 0),
        fields.matching("region", LABEL, "lower-case letters, digits and -, at most 32", NO_REGION),
    )
    fields.check()
    return session


class EventStore:
    """Events in the database. Every statement names the tenant."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    async def add(
        self, tenant_id: str, user_id: str, events: Sequence[Event], copy: int = 0
    ) -> set[tuple[str, int]]:
        """Store what is not stored yet; returns the keys of what was. Committed on return."""
        # In one order everywhere: two batches with the same events would else wait for each other's locks.
        unique = sorted({event.key: event for event in reversed(events)}.items())
        parameters = [
            part
            for _, event in unique
            for part in (
                tenant_id, event.source, event.sequence, copy, event.name, event.value, event.at, event.region,
                user_id,
            )
        ]  # fmt: skip
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(unique))
        rows = await self._database.write(
            "insert_event" if len(unique) == 1 else "insert_batch",
            f"INSERT INTO events ({_COLUMNS}) VALUES {places} ON CONFLICT DO NOTHING RETURNING source, sequence",  # noqa: S608  # our own words
            *parameters,
        )
        return {(row[0], row[1]) for row in rows}

    async def add_session(self, tenant_id: str, user_id: str, session: UsageSession) -> bool:
        """Store a usage session; False when it is stored already."""
        rows = await self._database.write(
            "insert_session",
            """INSERT INTO usage_sessions (tenant_id, id, app, started_at, duration_ms, events, region, user_id)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id""",
            tenant_id, session.id, session.app, session.started_at, session.duration_ms, session.events,
            session.region, user_id,
        )  # fmt: skip
        return bool(rows)

    async def receipts(self, tenant_id: str, source: str, first: int, last: int) -> dict[str, Any]:
        """Which numbers of a source are stored, and which of them more than once, as ranges."""
        rows = await self._database.fetch(
            "list_receipts",
            """SELECT sequence, COUNT(*) FROM events
            WHERE tenant_id = ? AND source = ? AND sequence BETWEEN ? AND ? GROUP BY sequence ORDER BY sequence""",
            tenant_id, source, first, last,
        )  # fmt: skip
        return {
            "tenant_id": tenant_id,
            "source": source,
            "first": first,
            "last": last,
            "stored": ranges(row[0] for row in rows),
            "doubled": ranges(row[0] for row in rows if row[1] > 1),
        }

    async def aggregate(
        self, tenant_id: str, name: str, aggregate: str, *, begin: int, end: int, interval: int
    ) -> list[list[float | int | None]]:
        """One value per interval that has events: [its beginning, value]; begin included, end not."""
        value = AGGREGATES[aggregate]
        rows = await self._database.fetch(
            "aggregate_events",
            f"""SELECT (at - ?) / ? AS part, {value} FROM events
            WHERE tenant_id = ? AND name = ? AND at >= ? AND at < ? GROUP BY part ORDER BY part""",  # noqa: S608  # from AGGREGATES
            begin, interval, tenant_id, name, begin, end,
        )  # fmt: skip
        return [[begin + row[0] * interval, json_number(row[1])] for row in rows]

    async def summary(self, tenant_id: str, since: int) -> list[dict[str, Any]]:
        """Events since a moment, by metric."""
        rows = await self._database.fetch(
            "summarise_events",
            """SELECT name, COUNT(*), AVG(value), MAX(at) FROM events
            WHERE tenant_id = ? AND at >= ? GROUP BY name ORDER BY COUNT(*) DESC, name LIMIT 50""",
            tenant_id, since,
        )  # fmt: skip
        return [
            {"name": row[0], "events": row[1], "average": json_number(row[2]), "latest_at": row[3]}
            for row in rows
        ]

    async def usage(self, tenant_id: str, since: int) -> dict[str, int]:
        """How much a tenant has sent since a moment."""
        ((events,),) = await self._database.fetch(
            "count_usage", "SELECT COUNT(*) FROM events WHERE tenant_id = ? AND at >= ?", tenant_id, since
        )
        ((sessions,),) = await self._database.fetch(
            "count_sessions",
            "SELECT COUNT(*) FROM usage_sessions WHERE tenant_id = ? AND started_at >= ?",
            tenant_id, since,
        )  # fmt: skip
        return {"events": events, "sessions": sessions}

    async def delete_older(self, tenant_id: str, days: int) -> int:
        """Delete a tenant's events of before so many days; how many there were."""
        rows = await self._database.write(
            "expire_events",
            "DELETE FROM events WHERE tenant_id = ? AND at < ? RETURNING sequence",
            tenant_id, self._now_ms() - days * _DAY_MS,
        )  # fmt: skip
        return len(rows)


def ranges(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers as [first, last] of each unbroken stretch."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found
