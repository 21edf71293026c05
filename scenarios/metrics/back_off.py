"""How long to stay away from a service that ends or refuses connections. No I/O."""

from __future__ import annotations

from random import Random

FIRST_SECONDS, LONGEST_SECONDS = 0.5, 10.0


def rest(failures: int, random: Random) -> float:
    """Seconds after so many failures in a row: doubled each time, and half of it by chance, so that no waves come."""
    longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(max(failures - 1, 0), 20))
    return longest / 2 + random.uniform(0, longest / 2)
