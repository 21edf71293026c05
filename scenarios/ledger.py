"""What was sent and acknowledged, so that it can be asked afterwards whether all of it is there, exactly once. No I/O.

Each writer numbers what it sends. An answer acknowledges a number; where none came (an error, a user that was killed)
nobody knows whether it was stored, so nothing is claimed about it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Writer:
    """One user's numbers."""

    id: int = field(default_factory=lambda: secrets.randbits(62))
    """Unlike any other writer's, in any process of any run."""
    sent: int = 0
    open: set[int] = field(default_factory=set)
    """Numbers that were sent and not acknowledged."""

    def send(self, count: int = 1) -> range:
        """The numbers of what is sent next."""
        numbers = range(self.sent + 1, self.sent + count + 1)
        self.sent += count
        self.open.update(numbers)
        return numbers

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """The service has said that these are stored."""
        self.open.difference_update(numbers)

    @property
    def acknowledged(self) -> int:
        """How many numbers were acknowledged."""
        return self.sent - len(self.open)


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of what was acknowledged."""

    stored: int = 0
    missing: int = 0
    doubled: int = 0
    unverified: int = 0

    @property
    def by_result(self) -> Mapping[str, int]:
        """As label values and counts."""
        return {name: getattr(self, name) for name in RESULTS}


RESULTS = ("stored", "missing", "doubled", "unverified")


class Ledger:
    """The writers of one process in one run."""

    def __init__(self) -> None:
        self.writers: list[Writer] = []

    def start_run(self) -> None:
        """Forget the previous run's writers."""
        self.writers = []

    def writer(self) -> Writer:
        """A new writer."""
        made = Writer()
        self.writers.append(made)
        return made

    @property
    def acknowledged(self) -> int:
        """How many numbers were acknowledged to all writers."""
        return sum(writer.acknowledged for writer in self.writers)

    def compare(self, found: Mapping[int, tuple[int, int]]) -> Kept:
        """`found`: per writer, how many acknowledged numbers are there once, and how many more than once."""
        once = sum(found.get(writer.id, (0, 0))[0] for writer in self.writers)
        more = sum(found.get(writer.id, (0, 0))[1] for writer in self.writers)
        return Kept(stored=once, doubled=more, missing=self.acknowledged - once - more)

    def unverified(self) -> Kept:
        """Nobody could be asked."""
        return Kept(unverified=self.acknowledged)
