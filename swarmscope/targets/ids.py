"""Makes the ids of targets: stable, readable, safe as a label and in a file name. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

from swarmscope.targets.model import ALL_REQUESTS, Kind

MOST = 80


def target_id(name: str, request: str, kind: Kind, kinds: Sequence[Kind]) -> str:
    """The name where there is one (with the kind when its item has several limits), else made from the request."""
    if name:
        return name if len(kinds) == 1 else f"{name}-{_kind(kind)}"
    tail = f"-{_kind(kind)}"
    return slug(request)[: MOST - len(tail)].rstrip("-") + tail


def slug(request: str) -> str:
    """`post-events` for `POST /events`, `get-events-any` for `GET /events/*`, `all` for `*`."""
    if request == ALL_REQUESTS:
        return "all"
    words = re.findall(r"[a-z0-9]+", request.replace("*", " any ").lower())
    return "-".join(words) or "request"


def _kind(kind: Kind) -> str:
    # p99.9 keeps its dot: p999 would read as a percentile of its own.
    return kind.value.replace("_", "-")
