"""What tenants send: few tenants send most of it, few metrics are most of it, values have a long tail. No I/O.

Tenants follow Zipf's law (the second sends half of what the first does, the third a third …), values are lognormal
around a typical value per metric, and every user has a region, which it names in its events. The region is a label in
the data: nobody's packets travel further for it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

CANARY = "tenant.canary"
"""A metric whose value is always the tenant's own number: an aggregate of it that is another shows a leak."""
LARGEST_CANARY = 1_000_003
# Name → (weight, typical value, spread of its logarithm).
METRICS: dict[str, tuple[int, float, float]] = {
    "api.requests": (30, 1.0, 0.0),
    "api.latency_ms": (25, 45.0, 0.8),
    "app.clicks": (12, 3.0, 0.6),
    "queue.wait_ms": (8, 12.0, 1.2),
    "db.time_ms": (8, 4.0, 1.0),
    "app.sessions": (5, 1.0, 0.0),
    "billing.cents": (4, 1999.0, 0.9),
    "api.errors": (3, 1.0, 0.0),
    CANARY: (5, 0.0, 0.0),
}
_NAMES = tuple(METRICS)
_WEIGHTS = tuple(weight for weight, _, _ in METRICS.values())
REGIONS = {"us-east": 40, "eu-west": 30, "ap-south": 20, "sa-east": 10}
APPS = ("web", "mobile", "desktop", "embedded")
SMALLEST_BATCH, LARGEST_BATCH = 5, 50


def canary(tenant: str) -> int:
    """A tenant's own number: what its canary events hold."""
    return zlib.crc32(tenant.encode()) % LARGEST_CANARY + 1


def zipf_weights(count: int) -> list[float]:
    """How much each of so many tenants takes part, most first."""
    return [1 / rank for rank in range(1, count + 1)]


def pick_region(random: Random) -> str:
    """Where a user is."""
    (region,) = random.choices(tuple(REGIONS), tuple(REGIONS.values()))
    return region


def event(random: Random, tenant: str, event_id: str, at: int, region: str) -> dict[str, Any]:
    """One event to send."""
    (name,) = random.choices(_NAMES, _WEIGHTS)
    if name == CANARY:
        value = float(canary(tenant))
    else:
        _, typical, spread = METRICS[name]
        value = round(random.lognormvariate(math.log(typical), spread), 3) if spread else typical
    return {"id": event_id, "name": name, "value": value, "at": at, "region": region}


def batch_size(random: Random) -> int:
    """Most batches are small, some are large."""
    return max(SMALLEST_BATCH, min(LARGEST_BATCH, round(random.lognormvariate(math.log(15), 0.6))))


def usage_session(random: Random, session_id: str, now: int, region: str) -> dict[str, Any]:
    """One stretch of use of an app, of minutes with a tail of hours."""
    duration = min(int(random.lognormvariate(math.log(240_000), 1.0)), 12 * 3600 * 1000)
    return {
        "id": session_id, "app": random.choice(APPS), "started_at": now - duration, "duration_ms": duration,
        "events": random.randint(0, 200), "region": region,
    }  # fmt: skip


def pick_by_rank(random: Random, items: Sequence[str]) -> str:
    """One of these, by Zipf's law in their order."""
    (chosen,) = random.choices(items, zipf_weights(len(items)))
    return chosen
