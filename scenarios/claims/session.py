"""A user's tokens: when an access token ends, and whether a 401 means just that. No I/O.

Lifetimes are taken from the token and counted on the clock of this machine, so that clocks that differ do no harm.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

EARLY_SECONDS = 1.5
"""Tokens hold whole seconds: one may be refused so much before its time as we count it."""


class Session:
    """The access and refresh tokens of one user."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.access = ""
        self.refresh = ""
        self._ends_at: float | None = None
        self._was_accepted = False

    def __repr__(self) -> str:
        return f"Session({'logged in' if self.access else 'logged out'})"

    def renew(self, access: str, refresh: str | None = None) -> None:
        """Take a new access token; without a refresh token the old one is kept."""
        self.access = access
        if refresh is not None:
            self.refresh = refresh
        seconds = lifetime_seconds(access)
        self._ends_at = None if seconds is None else self._monotonic() + seconds
        self._was_accepted = False

    def accepted(self) -> None:
        """The service has taken the access token."""
        self._was_accepted = True

    @property
    def has_ended(self) -> bool:
        """Whether a 401 now is the access token's end and no failure.

        A token that says how long it is valid has ended when that time is over. One that does not say has, when
        it was taken before.
        """
        if self._ends_at is None:
            return self._was_accepted
        return self._monotonic() >= self._ends_at - EARLY_SECONDS

    def end(self) -> None:
        """Forget both tokens."""
        self.access = self.refresh = ""


def lifetime_seconds(token: str) -> float | None:
    """How long a JSON Web Token is valid from when it was issued; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"] - claims["iat"])
    except (ValueError, KeyError, TypeError):
        return None
