"""The 80:20 mix as a deck of cards: operations are dealt, not drawn by chance, so that the ratio is exact. Pure.

After every deck of 20, 16 reads and 4 writes have been dealt; in between, never further off than the part of a deck
that is still to be dealt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random

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
