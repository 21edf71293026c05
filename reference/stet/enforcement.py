"""Enforcement: what each system says it enforces, who has fallen behind or silent, and how urgent that is."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from reference.database import Database
from reference.stet.corrections import CorrectionStore
from reference.stet.reading import written

MOST_SYSTEMS = 1000
"""On one page, and the default."""
SILENT_MS = 5 * 60_000
"""Without a heartbeat for so long a system counts as silent."""
BEHIND_MS = 60_000
"""Corrections may be so much newer than what a system enforces before it counts as behind."""
WARNING_MS = 5 * 60_000
CRITICAL_MS = 15 * 60_000

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS enforcement (
        tenant TEXT NOT NULL,
        system_id TEXT NOT NULL,
        enforced_version BIGINT NOT NULL,
        seen_at BIGINT NOT NULL,
        PRIMARY KEY (tenant, system_id)
    )""",
)
FORGET = ("DROP TABLE IF EXISTS enforcement",)


class EnforcementStore:
    """Heartbeats in the database, and what follows from them. Every operation sees one tenant only."""

    def __init__(self, database: Database, corrections: CorrectionStore, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._corrections = corrections
        self._now_ms = now_ms

    async def beat(self, tenant: str, system_id: str, enforced_version: int) -> str:
        """Remember what a system enforces; it may be older than before, since systems are restored from backups."""
        seen_at = self._now_ms()
        await self._database.write(
            "upsert_heartbeat",
            """INSERT INTO enforcement (tenant, system_id, enforced_version, seen_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (tenant, system_id) DO UPDATE
            SET enforced_version = excluded.enforced_version, seen_at = excluded.seen_at""",
            tenant, system_id, enforced_version, seen_at,
        )  # fmt: skip
        return json.dumps(
            {
                "system_id": system_id,
                "enforced_correction_version": written(enforced_version),
                "received_at": written(seen_at),
            }
        )

    async def status(self, tenant: str, limit: int, after: str) -> str:
        """Every system of the tenant with its state, by id, as JSON."""
        latest = await self._corrections.latest(tenant)
        rows = await self._database.fetch(
            "list_enforcement",
            """SELECT system_id, enforced_version, seen_at FROM enforcement
            WHERE tenant = ? AND system_id > ? ORDER BY system_id LIMIT ?""",
            tenant, after, limit + 1,
        )  # fmt: skip
        now = self._now_ms()
        return json.dumps(
            {
                "latest_correction_version": None if latest is None else written(latest),
                "systems": [_system(row, latest, now) for row in rows[:limit]],
                "next_cursor": rows[limit - 1][0] if len(rows) > limit else None,
            }
        )

    async def escalation(self, tenant: str) -> str:
        """The systems that are so far behind or so long silent that somebody must act, the worst first, as JSON."""
        latest, now = await self._corrections.latest(tenant), self._now_ms()
        rows = await self._database.fetch(
            "list_escalations",
            """SELECT system_id, enforced_version, seen_at FROM enforcement
            WHERE tenant = ? AND (seen_at <= ? OR enforced_version <= ?) ORDER BY system_id LIMIT ?""",
            tenant, now - WARNING_MS, (latest or 0) - WARNING_MS, MOST_SYSTEMS,
        )  # fmt: skip
        systems = [_system(row, latest, now) for row in rows]
        worst_first = sorted(systems, key=lambda each: (-_worst(each), each["system_id"]))
        return json.dumps(
            {
                "escalations": [
                    {**each, "level": "critical" if _worst(each) * 1000 >= CRITICAL_MS else "warning"}
                    for each in worst_first
                ]
            }
        )


def _worst(system: dict[str, Any]) -> float:
    return float(max(system["lag_seconds"], system["silent_seconds"]))


def _system(row: Any, latest: int | None, now: int) -> dict[str, Any]:
    system_id, enforced_version, seen_at = row
    lag = max(0, (latest or enforced_version) - enforced_version)
    silent = max(0, now - seen_at)
    state = "silent" if silent >= SILENT_MS else "behind" if lag >= BEHIND_MS else "enforcing"
    return {
        "system_id": system_id,
        "state": state,
        "enforced_correction_version": written(enforced_version),
        "last_heartbeat_at": written(seen_at),
        "lag_seconds": lag / 1000,
        "silent_seconds": silent / 1000,
    }
