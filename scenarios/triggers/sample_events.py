"""Events as integrations send them: several types, and payloads from under 100 bytes to some 20 kB. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Payload = dict[str, Any]

# Some words are not ASCII: a service must count characters and bytes apart.
_WORDS = (
    *("order", "invoice", "parcel", "ticket", "renewal", "upgrade", "refund", "customer", "please", "thanks"),
    *("checked", "shipped", "delayed", "urgent", "follow-up", "meeting", "contract", "signed", "review"),
    *("Zürich", "São Paulo", "東京"),
)


def _text(random: Random, words: int) -> str:
    return " ".join(random.choices(_WORDS, k=words))


def _contact(random: Random) -> Payload:
    number = random.randrange(100_000)
    return {
        "contact_id": number,
        "email": f"person{number}@example.com",
        "name": _text(random, 2),
        "tags": random.choices(_WORDS, k=3),
    }


def _order(random: Random) -> Payload:
    lines = [
        (f"SKU-{random.randrange(5000):04}", random.randint(1, 5), random.randint(99, 99_999))
        for _ in range(random.randint(1, 8))
    ]
    return {
        "order_id": random.randrange(10**9),
        "currency": "EUR",
        "lines": [{"sku": sku, "quantity": quantity, "cents": cents} for sku, quantity, cents in lines],
        "total_cents": sum(quantity * cents for _, quantity, cents in lines),
    }


def _payment(random: Random) -> Payload:
    return {
        "payment_id": random.randrange(10**9),
        "amount": random.randint(100, 250_000),
        "succeeded": random.random() < 0.95,
    }


def _form(random: Random) -> Payload:
    return {
        "form_id": random.randrange(500),
        "answers": {f"question_{i}": _text(random, 12) for i in range(10)},
    }


def _heartbeat(random: Random) -> Payload:
    return {"device": random.randrange(10_000), "ok": True}


def _document(random: Random) -> Payload:
    # Few, but they are what fills a queue: long texts with an exponential tail, cut at about 20 kB.
    words = min(2500, int(random.expovariate(1 / 600)) + 100)
    return {"document_id": random.randrange(10**6), "title": _text(random, 6), "body": _text(random, words)}


_KINDS: dict[str, tuple[int, Callable[[Random], Payload]]] = {
    "contact.created": (25, _contact),
    "contact.updated": (15, _contact),
    "order.created": (20, _order),
    "payment.settled": (15, _payment),
    "form.submitted": (10, _form),
    "device.heartbeat": (12, _heartbeat),
    "document.published": (3, _document),
}
_TYPES = tuple(_KINDS)
_WEIGHTS = tuple(weight for weight, _ in _KINDS.values())


def sample_event(random: Random) -> Payload:
    """One event to send: its type, and a payload of that type."""
    (event_type,) = random.choices(_TYPES, _WEIGHTS)
    return {"event_type": event_type, "payload": _KINDS[event_type][1](random)}
