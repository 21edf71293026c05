"""Who talks to whom: gives each live user a number, and with it a tenant and a channel. No I/O."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

TENANTS = 10
"""Used in turn where the scenario signs its own tokens; every tenant's channels have the same names."""


@dataclass(frozen=True, slots=True)
class Place:
    """One user's place."""

    number: int
    tenant: int
    channel: str
    name: str
    """What it publishes as, before the number of its connection."""


class Numbers:
    """The lowest free number, so that users who replace others take their places, and channels stay full."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._next = 0

    def take(self) -> int:
        """A number that nobody has."""
        if self._free:
            return heapq.heappop(self._free)
        self._next += 1
        return self._next - 1

    def give_back(self, number: int) -> None:
        """It is free again."""
        heapq.heappush(self._free, number)


def place(local_number: int, subscribers: int, worker: int, processes: int) -> Place:
    """Fill channels of so many subscribers one after another.

    `worker` is this process' index, and `processes` how many there are, if that is known: then every channel has
    members in each of them. Where it is not (workers on several machines; 0), channels are within one worker.
    """
    worker = max(worker, 0)
    if worker >= processes:
        processes = 0  # several machines with several processes each: none knows how many there are in all
    number = local_number * processes + worker if processes else local_number
    tenant, channel = number // subscribers % TENANTS, number // subscribers // TENANTS
    prefix = "" if processes else f"w{worker}-"
    return Place(number, tenant, f"{prefix}live-{channel}", f"{prefix}{number}")
