"""The realistic mix over the whole API: of five calls, four read and one writes.

Exactly: the operations are dealt from a shuffled deck, not drawn by chance, so that the ratio is 80:20 after every
deck, and never further off than the part of a deck that is still to be dealt.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random

from locust import between, task

from scenarios.access.operations import AccessOperations

READS = {
    "list_permissions": 4,
    "get_permission": 4,
    "list_teams": 3,
    "get_team": 2,
    "list_members": 2,
    "query_audit": 1,
}
WRITES = {"create_permission": 1, "update_permission": 1, "delete_permission": 1, "add_member": 1}


class Deck:
    """Deals cards in random order, each as often as it is in the deck before any comes again."""

    def __init__(self, cards: Iterable[str], random: Random) -> None:
        self._cards, self._random = tuple(cards), random
        self._left: deque[str] = deque()

    def deal(self) -> str:
        """The next card."""
        if not self._left:
            self._left.extend(self._random.sample(self._cards, len(self._cards)))
        return self._left.popleft()


def operations() -> list[str]:
    """The cards: each operation as often as it is meant to be done."""
    return [name for mix in (READS, WRITES) for name, times in mix.items() for _ in range(times)]


class MixedWorkloadUser(AccessOperations):
    """Reads and writes, 80 to 20, over permissions, teams and the audit."""

    pause = staticmethod(between(0.2, 0.8))
    # One deck for the whole process: with one per user, each would leave a part of a deck undealt at the end.
    deck = Deck(operations(), Random())

    @task
    def next_operation(self) -> None:
        """What the deck says: one request."""
        getattr(self, self.deck.deal())()
