"""The realistic mix over the whole API: of five calls, four read and one writes."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from random import Random

from locust import between, task

from scenarios.access.deck import Deck, operations
from scenarios.access.operations import AccessOperations


class MixedWorkloadUser(AccessOperations):
    """Reads and writes, 80 to 20, over permissions, teams and the audit."""

    pause = staticmethod(between(0.2, 0.8))
    # One deck for the whole process: with one per user, each would leave a part of a deck undealt at the end.
    deck = Deck(operations(), Random())

    @task
    def next_operation(self) -> None:
        """What the deck says: one request."""
        getattr(self, self.deck.deal())()
