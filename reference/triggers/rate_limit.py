"""Rate limits per API key: a token bucket each, in the memory of the one process that serves. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

SECONDS_OF_LIMIT = 60
"""Limits are written per minute."""


class Admission(NamedTuple):
    """Whether one request is let in, and what its answer's headers say."""

    admitted: bool
    remaining: int
    """Requests that would be let in right after this one."""
    retry_after: int
    """Whole seconds after which one more request is let in; 0 when one is now."""


@dataclass(slots=True)
class _Bucket:
    per_minute: int
    tokens: float
    filled_at: float


class RateLimiter:
    """A key may send its limit at once; then its bucket refills evenly, at the limit per minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def admit(self, key_id: str, per_minute: int) -> Admission:
        """Take a token of the key's bucket, if there is one; a refused request takes none."""
        now = self._clock()
        bucket = self._buckets.get(key_id)
        if bucket is None or bucket.per_minute != per_minute:
            bucket = self._buckets[key_id] = _Bucket(per_minute, float(per_minute), now)
        per_second = per_minute / SECONDS_OF_LIMIT
        bucket.tokens = min(float(per_minute), bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        admitted = bucket.tokens >= 1 - _ROUNDING
        if admitted:
            bucket.tokens -= 1
        lacking = 1 - _ROUNDING - bucket.tokens
        retry_after = 0 if lacking <= 0 else math.ceil(lacking / per_second)
        return Admission(admitted, max(0, int(bucket.tokens + _ROUNDING)), retry_after)


_ROUNDING = 1e-6
"""Tokens that repeated additions may lose: a client that waits exactly Retry-After must be let in."""
