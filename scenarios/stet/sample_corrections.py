"""Corrections and heartbeats as client systems send them: 1,000 subjects, 50 systems, 40 fields. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

SUBJECTS = 1000
SYSTEMS = 50
REQUESTER = "bot:test"
"""Who asks for facts; every correction lets it."""
STALE_SHARE = 0.1
"""Of the heartbeats: systems that are behind, so that there is something to escalate."""
STALE_MINUTES = (1, 30)

Document = dict[str, Any]

_NAMES = ("Ada", "Bjørn", "Chloé", "Dmitri", "Emeka", "Fatma", "Guðrún", "Hiroshi", "Inès", "João")
_CITIES = ("Zürich", "São Paulo", "東京", "Lagos", "Kraków", "Montréal", "Reykjavík", "Leeds")
_OTHER_READERS = ("team:support", "team:billing", "bot:crm", "bot:search", "service:exports")


def _name(random: Random) -> Any:
    return f"{random.choice(_NAMES)} {random.choice(_NAMES)}"


def _email(random: Random) -> Any:
    return f"person{random.randrange(100_000)}@example.com"


def _address(random: Random) -> Any:
    return {"street": f"{random.choice(_NAMES)} {random.randrange(200)}", "city": random.choice(_CITIES)}


def _amount(random: Random) -> Any:
    return random.randrange(1_000_000) / 100


def _flag(random: Random) -> Any:
    return random.random() < 0.5


def _note(random: Random) -> Any:
    # Most are a line; few are a page.
    words = min(400, 5 + int(random.expovariate(1 / 20)))
    return {"text": " ".join(random.choices(_NAMES + _CITIES, k=words)), "language": "en"}


_KINDS: tuple[tuple[str, Callable[[Random], Any]], ...] = (
    ("name", _name),
    ("email", _email),
    ("address", _address),
    ("amount", _amount),
    ("consent", _flag),
    ("note", _note),
    ("balance", _amount),
    ("verified", _flag),
)
_AREAS = ("profile", "billing", "shipping", "support", "marketing")
FIELDS = tuple(f"{area}.{name}" for area in _AREAS for name, _ in _KINDS)
_VALUES = {f"{area}.{name}": value for area in _AREAS for name, value in _KINDS}


def subject(random: Random) -> str:
    """One of the subjects that corrections are about."""
    return f"user_{random.randrange(SUBJECTS)}"


def system(random: Random) -> str:
    """One of the systems that enforce corrections."""
    return f"system_{random.randrange(SYSTEMS)}"


def correction(random: Random) -> Document:
    """A correction to send, with an idempotency key that no other has."""
    field = random.choice(FIELDS)
    return {
        "subject": {"type": "user", "id": subject(random)},
        "field_key": field,
        "value": _VALUES[field](random),
        "class": "FACT",
        "permissions": {"readers": [REQUESTER, *random.sample(_OTHER_READERS, random.randrange(3))]},
        "actor": {"type": "system", "id": "load-test"},
        "idempotency_key": str(UUID(int=random.getrandbits(128), version=4)),
    }


def heartbeat(random: Random, now: datetime) -> Document:
    """What a system says of itself: most have enforced everything up to now."""
    if random.random() < STALE_SHARE:
        now -= timedelta(minutes=random.uniform(*STALE_MINUTES))
    version = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"system_id": system(random), "enforced_correction_version": version}
