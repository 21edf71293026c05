"""Whether an answer holds only the own tenant's data, told in two ways that do not depend on each other. No I/O.

Everything that the service shows names its tenant; and an aggregate of the canary metric, whose value is each tenant's
own number, must be that number, whatever the answer says of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from exporters.scenario_metrics import counter
from scenarios.metrics.sample_data import CANARY, canary

LEAKS = counter("tenant_leaks_total", "Answers that held another tenant's data.")
_OWN_VALUE = ("avg", "min", "max")


class TenantLeak(Exception):
    """An answer held another tenant's data. Says so, and quotes nothing of it."""

    def __init__(self) -> None:
        super().__init__("tenant leak: the answer holds another tenant's data")


class NotOwned(ValueError):
    """An answer that does not say whose data it is."""


def check_tenant(document: Any, tenant: str) -> None:
    """Raise TenantLeak for an answer with anything of another tenant, NotOwned for one that names no tenant."""
    owners = set(_owners(document))
    if owners - {tenant}:
        LEAKS.add()
        raise TenantLeak
    if not owners:
        raise NotOwned("the answer does not say whose data it is")
    for series in (document, *_widgets(document)):
        check_canary(series, tenant)


def check_canary(series: Any, tenant: str) -> None:
    """Raise TenantLeak for an aggregate of the canary metric that is not the tenant's own number."""
    if (
        not isinstance(series, dict)
        or series.get("name") != CANARY
        or series.get("aggregate") not in _OWN_VALUE
    ):
        return
    own = float(canary(tenant))
    if any(abs(value - own) > 1e-6 * own for _, value in series.get("points", ())):
        LEAKS.add()
        raise TenantLeak


def _owners(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "tenant_id":
                yield str(value)
            elif key != "points":
                yield from _owners(value)
    elif isinstance(document, list):
        for item in document:
            yield from _owners(item)


def _widgets(document: Any) -> list[Any]:
    widgets = document.get("widgets") if isinstance(document, dict) else None
    return widgets if isinstance(widgets, list) else []
