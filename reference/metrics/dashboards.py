"""Dashboards: a tenant's named lists of widgets, each an aggregate of one metric over the last minutes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference.database import Database, Row
from reference.metrics.events import AGGREGATES
from reference.metrics.web import NAME, Fields

MOST_WIDGETS = 12
MOST_LISTED = 100

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS dashboards (
        id TEXT PRIMARY KEY,
        tenant_id TEXT NOT NULL,
        title TEXT NOT NULL,
        widgets TEXT NOT NULL,
        created_at BIGINT NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS dashboards_of_tenant ON dashboards (tenant_id, id)",
)
FORGET = ("DROP TABLE IF EXISTS dashboards",)
_SELECT = "SELECT id, tenant_id, title, widgets, created_at FROM dashboards"


@dataclass(frozen=True, slots=True)
class Widget:
    """One aggregate of one metric."""

    name: str
    aggregate: str


def parse_dashboard(document: dict[str, Any]) -> tuple[str, list[Widget]]:
    """Title and widgets of a new dashboard; raises Refused."""
    problems: list[str] = []
    fields = Fields(document, ("title", "widgets"), problems)
    title = fields.text("title", 100)
    widgets = []
    for number, item in enumerate(fields.items("widgets", MOST_WIDGETS)):
        path = f"widgets[{number}]."
        if not isinstance(item, dict):
            problems.append(f"{path[:-1]}: expected an object with name and aggregate")
            continue
        one = Fields(item, ("name", "aggregate"), problems, path)
        name = one.matching("name", NAME, "a metric's name: lower case, digits, _ and ., at most 64")
        widgets.append(Widget(name, one.one_of("aggregate", tuple(AGGREGATES))))
    fields.check()
    return title, widgets


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard, as stored."""

    id: str
    tenant_id: str
    title: str
    widgets: tuple[Widget, ...]
    created_at: int

    def as_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id,
            "tenant_id": self.tenant_id,
            "title": self.title,
            "widgets": [{"name": widget.name, "aggregate": widget.aggregate} for widget in self.widgets],
            "created_at": self.created_at,
        }


class Dashboards:
    """Dashboards in the database. Every statement names the tenant."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database, self._now_ms = database, now_ms

    async def add(
        self, tenant_id: str, title: str, widgets: list[Widget], dashboard_id: str = ""
    ) -> Dashboard:
        """A new dashboard, with an id of its own unless given."""
        made = Dashboard(
            dashboard_id or f"d-{secrets.token_hex(8)}", tenant_id, title, tuple(widgets), self._now_ms()
        )
        await self._database.write(
            "add_dashboard",
            """INSERT INTO dashboards (id, tenant_id, title, widgets, created_at) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO NOTHING""",
            made.id, tenant_id, title, json.dumps([[w.name, w.aggregate] for w in widgets]), made.created_at,
        )  # fmt: skip
        return made

    async def all(self, tenant_id: str) -> list[Dashboard]:
        """A tenant's dashboards by id: the oldest hundred of those with an id of their own."""
        rows = await self._database.fetch(
            "list_dashboards", _SELECT + " WHERE tenant_id = ? ORDER BY created_at, id LIMIT ?",
            tenant_id, MOST_LISTED,
        )  # fmt: skip
        return [_dashboard(row) for row in rows]

    async def count(self, tenant_id: str) -> int:
        """How many dashboards a tenant has."""
        ((count,),) = await self._database.fetch(
            "count_dashboards", "SELECT COUNT(*) FROM dashboards WHERE tenant_id = ?", tenant_id
        )
        return int(count)

    async def get(self, tenant_id: str, dashboard_id: str) -> Dashboard | None:
        """One dashboard of a tenant."""
        rows = await self._database.fetch(
            "get_dashboard", _SELECT + " WHERE tenant_id = ? AND id = ?", tenant_id, dashboard_id
        )
        return _dashboard(rows[0]) if rows else None

    async def first(self, tenant_id: str) -> Dashboard | None:
        """Some dashboard of a tenant: what the fault `leak` shows to others."""
        return next(iter(await self.all(tenant_id)), None)

    async def delete(self, tenant_id: str, dashboard_id: str) -> bool:
        """Delete one; False when the tenant has no such dashboard."""
        rows = await self._database.write(
            "delete_dashboard",
            "DELETE FROM dashboards WHERE tenant_id = ? AND id = ? RETURNING id",
            tenant_id, dashboard_id,
        )  # fmt: skip
        return bool(rows)


def _dashboard(row: Row) -> Dashboard:
    widgets = tuple(Widget(name, aggregate) for name, aggregate in json.loads(row[3]))
    return Dashboard(row[0], row[1], row[2], widgets, row[4])
