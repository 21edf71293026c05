"""JSON Web Tokens of the reference services: signed, with an expiry, and read only when both hold.

PyJWT does the cryptography; what is fixed here is the algorithm, so that a token cannot choose its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

ALGORITHM = "HS256"
LOCAL_SECRET = "swarmscope-local-load-test-secret-key"  # noqa: S105  # public, documented: for this machine only
"""Signs the tokens of a service that was started with --local-key; load generators on this machine may sign, too."""
MOST_CHARACTERS = 8192
"""Of a token; longer ones are refused unread."""


class TokenProblem(ValueError):
    """A token that must not be accepted; the message says why, without quoting it."""


class Tokens:
    """Issues and reads the tokens of one service (the issuer)."""

    def __init__(self, issuer: str, secret: str, now: Callable[[], float] = time.time) -> None:
        """`now` is Unix seconds. Raises ValueError for a secret of fewer than 32 characters (RFC 7518, 3.2)."""
        if len(secret) < 32:
            raise ValueError("the secret that signs tokens needs at least 32 characters")
        self._issuer, self._secret, self._now = issuer, secret, now

    def __repr__(self) -> str:
        return f"Tokens({self._issuer!r})"

    def issue(self, subject: str, seconds: float, claims: Mapping[str, Any] | None = None) -> str:
        """A signed token for a subject that is valid for so many seconds; claims of our own win over `claims`."""
        now = self._now()
        own = {"iss": self._issuer, "sub": subject, "iat": int(now), "exp": int(now + seconds)}
        return jwt.encode({**(claims or {}), **own}, self._secret, algorithm=ALGORITHM)

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token; raises TokenProblem for one that is forged, expired, of another issuer or no token."""
        if len(token) > MOST_CHARACTERS:
            raise TokenProblem("the token is too long")
        if not token.isascii():
            raise TokenProblem("this is no token")
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                # The clock is ours, so the times are compared below.
                options={"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise TokenProblem(_words(error)) from None
        expires = claims["exp"]
        if isinstance(expires, bool) or not isinstance(expires, int | float) or expires <= self._now():
            raise TokenProblem("the token has expired")
        return dict(claims)


def _words(error: jwt.InvalidTokenError) -> str:
    match error:
        case jwt.InvalidSignatureError():
            return "the token's signature is wrong"
        case jwt.InvalidIssuerError():
            return "the token is of another issuer"
        case jwt.MissingRequiredClaimError():
            return f"the token has no {error.claim}"
    return "this is no token"
