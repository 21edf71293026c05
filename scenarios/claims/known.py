"""What users have seen in the service's answers, so that they ask for what exists; shared by all of a process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

REMEMBERED = 2000
MOST_TEXTS = 100
"""Of payers and CPT codes: a service that invents new ones all the time must not fill the memory."""


class Known:
    """Ids, payers, CPT codes and claim numbers that lists have shown."""

    def __init__(self) -> None:
        self.claim_ids: deque[str] = deque(maxlen=REMEMBERED)
        self.claim_numbers: deque[str] = deque(maxlen=REMEMBERED)
        self.payers: list[str] = []
        self.cpts: list[str] = []
        self.counts: dict[str, int] = {}
        """Payer ("" for all) → how many claims there are, so that only pages that exist are asked for."""

    def add(self, claims: Iterable[Mapping[str, Any]]) -> None:
        """Remember the claims of a page; raises KeyError when one has no id."""
        for claim in claims:
            self.claim_ids.append(str(claim["id"]))
            if number := claim.get("claim_number"):
                self.claim_numbers.append(str(number))
            _note(self.payers, claim.get("payer"))
            _note(self.cpts, claim.get("cpt"))

    def search_text(self, random: Random) -> str:
        """What a person types: a CPT code, a whole claim number, or its beginning."""
        kind = random.random()
        if kind < 0.5 or not self.claim_numbers:
            return random.choice(self.cpts or ["99213"])
        number = random.choice(self.claim_numbers)
        return number if kind < 0.8 else number[: max(4, len(number) - 2)]


def _note(texts: list[str], text: Any) -> None:
    if isinstance(text, str) and text and text not in texts and len(texts) < MOST_TEXTS:
        texts.append(text)
