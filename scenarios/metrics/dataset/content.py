"""The rows of the load-tested database: the same for the same seed, whatever order they are made in. No I/O.

Tenants are Zipf distributed (the largest of a thousand has 13 % of the events), so are the metrics; an event belongs to
a session that had begun; the last 30 days have their nights and their peak hours; values are lognormal.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import accumulate
from random import Random

BLOCK = 1000
"""Events that are made together; every block depends only on the seed and its number."""
DAYS = 30
MOST_TENANTS = 1000
USERS_PER_TENANT = 10
DASHBOARDS_PER_TENANT = 3
WIDGETS_PER_DASHBOARD = 6
EVENTS_PER_SESSION = 100
SESSIONS_AT_ONCE = 20
"""Sessions that send at the same time."""
VALUES = 65_536
"""Different values; what is drawn from them is drawn anew for every event."""

METRICS = tuple(
    (f"{group}.{name}", unit)
    for group, unit, names in (
        ("http", "ms", ("latency", "time_to_first_byte", "dns", "tls", "upload")),
        ("page", "ms", ("load", "first_paint", "interactive", "layout", "blocked")),
        ("app", "1", ("clicks", "errors", "retries", "searches", "checkouts")),
        ("host", "MB", ("memory", "disk_read", "disk_write", "network_in", "network_out")),
    )
    for name in names
)
"""Name and unit; ids count from 1."""
PLANS = ("free", "team", "business", "enterprise")
ROLES = ("viewer", "viewer", "viewer", "editor", "editor", "admin")
COUNTRIES = ("US", "DE", "GB", "IN", "BR", "JP", "FR", "AU")
COUNTRY_WEIGHTS = (35, 15, 12, 12, 8, 7, 6, 5)
KINDS = ("line", "bar", "number", "heatmap")
HOUR_WEIGHTS = (3, 2, 2, 2, 2, 3, 5, 8, 12, 15, 16, 15, 14, 15, 16, 16, 15, 13, 11, 9, 8, 7, 5, 4)
"""How busy each hour of a day (UTC) is."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # where PostgreSQL's binary times begin
_HEAD = struct.Struct("!hiqiq")  # 6 fields; id, recorded_at
_VALUE = struct.Struct("!id")
_SESSION = struct.Struct("!iiii")  # tenant_id, session_id
_METRIC = struct.Struct("!ih")

Row = tuple[object, ...]


@dataclass(frozen=True)
class Content:
    """The rows of a database with so many events, ending at `until`."""

    rows: int
    seed: int
    until: datetime

    @property
    def tenants(self) -> int:
        """How many tenants there are; ids count from 1."""
        return min(MOST_TENANTS, max(10, self.rows // 1000))

    @property
    def sessions(self) -> int:
        """How many sessions there are; ids count from 1."""
        return max(1, -(-self.rows // EVENTS_PER_SESSION))

    @property
    def dashboards(self) -> int:
        """How many dashboards there are; ids count from 1, and follow their tenants."""
        return self.tenants * DASHBOARDS_PER_TENANT

    @property
    def blocks(self) -> int:
        """How many blocks hold all events."""
        return -(-self.rows // BLOCK)

    @cached_property
    def session_tenants(self) -> Sequence[int]:
        """Each session's tenant, in the order of the sessions: few tenants have many."""
        ids = range(1, self.tenants + 1)
        return self._random("sessions").choices(ids, cum_weights=list(_zipf(self.tenants)), k=self.sessions)

    def tenant_rows(self) -> Iterator[Row]:
        """Id, name, plan."""
        for tenant in range(1, self.tenants + 1):
            yield tenant, f"tenant-{tenant:04}", PLANS[tenant % len(PLANS)]

    def user_rows(self) -> Iterator[Row]:
        """Id, tenant, e-mail, role."""
        for user in range(1, self.tenants * USERS_PER_TENANT + 1):
            tenant = (user - 1) // USERS_PER_TENANT + 1
            yield user, tenant, f"user-{user}@tenant-{tenant:04}.example", ROLES[user % len(ROLES)]

    def metric_rows(self) -> Iterator[Row]:
        """Id, name, unit."""
        for number, (name, unit) in enumerate(METRICS, start=1):
            yield number, name, unit

    def session_rows(self) -> Iterator[Row]:
        """Id, tenant, user, country, start."""
        random = self._random("visitors")
        countries = random.choices(COUNTRIES, COUNTRY_WEIGHTS, k=self.sessions)
        for number, tenant in enumerate(self.session_tenants):
            user = (tenant - 1) * USERS_PER_TENANT + random.randrange(USERS_PER_TENANT) + 1
            started = _EPOCH + timedelta(microseconds=self.time_of(number * EVENTS_PER_SESSION))
            yield number + 1, tenant, user, countries[number], started

    def dashboard_rows(self) -> Iterator[Row]:
        """Id, tenant, owner, title."""
        for dashboard in range(1, self.dashboards + 1):
            tenant = self.tenant_of_dashboard(dashboard)
            owner = (tenant - 1) * USERS_PER_TENANT + dashboard % USERS_PER_TENANT + 1
            yield dashboard, tenant, owner, f"Dashboard {dashboard}"

    def widget_rows(self) -> Iterator[Row]:
        """Id, dashboard, tenant, metric, kind."""
        random = self._random("widgets")
        for widget in range(1, self.dashboards * WIDGETS_PER_DASHBOARD + 1):
            dashboard = (widget - 1) // WIDGETS_PER_DASHBOARD + 1
            metric = random.randrange(len(METRICS)) + 1
            yield widget, dashboard, self.tenant_of_dashboard(dashboard), metric, random.choice(KINDS)

    @staticmethod
    def tenant_of_dashboard(dashboard: int) -> int:
        """The tenant whose dashboard this is."""
        return (dashboard - 1) // DASHBOARDS_PER_TENANT + 1

    @staticmethod
    def dashboards_of(tenant: int) -> range:
        """The ids of a tenant's dashboards."""
        first = (tenant - 1) * DASHBOARDS_PER_TENANT + 1
        return range(first, first + DASHBOARDS_PER_TENANT)

    def block(self, number: int) -> bytes:
        """Events of a block, in COPY's binary format, without its head and its tail."""
        first = number * BLOCK
        size = min(BLOCK, self.rows - first)
        random = self._random(f"block {number}")
        # Only sessions that have begun by then send events; each has begun with an event of its own number.
        newest = first // EVENTS_PER_SESSION
        sessions = self._session_fields(max(0, newest - SESSIONS_AT_ONCE + 1), newest + 1)
        begins, ends = self.time_of(first), self.time_of(first + size)
        step = (ends - begins) / size
        head, chosen = _HEAD.pack, random.choices
        return b"".join(
            [
                b"%b%b%b%b" % (head(6, 8, first + i + 1, 8, begins + int(step * i)), value, session, metric)
                for i, (value, metric), session in zip(
                    range(size), chosen(self._values, k=size), chosen(sessions, k=size), strict=True
                )
            ]
        )

    def time_of(self, event: int) -> int:
        """When an event happened, in microseconds since 2000: busy hours hold more events than nights."""
        hours, busy = self._hours
        wanted = event / self.rows * busy[-1]
        hour = min(bisect_right(busy, wanted), len(busy) - 1)
        before = busy[hour - 1] if hour else 0
        within = (wanted - before) / (busy[hour] - before)
        return hours + int((hour + within) * 3_600_000_000)

    @cached_property
    def _hours(self) -> tuple[int, Sequence[int]]:
        """The first hour, in microseconds since 2000, and the weights of all hours, added up."""
        since = self.until - timedelta(days=DAYS)
        weights = (HOUR_WEIGHTS[(since.hour + hour) % 24] for hour in range(DAYS * 24))
        return int((since - _EPOCH).total_seconds()) * 1_000_000, list(accumulate(weights))

    @cached_property
    def _values(self) -> Sequence[tuple[bytes, bytes]]:
        random = self._random("values")
        metrics = random.choices(range(1, len(METRICS) + 1), cum_weights=list(_zipf(len(METRICS))), k=VALUES)
        return [
            (_VALUE.pack(8, round(random.lognormvariate(1 + metric / 4, 0.6), 3)), _METRIC.pack(2, metric))
            for metric in metrics
        ]

    def _session_fields(self, start: int, stop: int) -> Sequence[bytes]:
        tenants = self.session_tenants[start:stop]
        return [_SESSION.pack(4, tenant, 4, number + 1) for number, tenant in enumerate(tenants, start=start)]

    def _random(self, purpose: str) -> Random:
        return Random(f"{self.seed} {self.rows} {purpose}")


def _zipf(count: int) -> Iterator[float]:
    """Cumulative weights 1, 1 + 1/2, 1 + 1/2 + 1/3 …"""
    return accumulate(1 / rank for rank in range(1, count + 1))
