"""Who calls: the claims of a token that the service itself has signed, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reference.access.answers import USER
from reference.tokens import TokenProblem, Tokens


class Role(StrEnum):
    """What a caller may do within the organisation."""

    ADMIN = "admin"
    """Everything."""
    AUDITOR = "auditor"
    """Read everything, the audit included."""
    MEMBER = "member"
    """Read everything but the audit; answer invitations."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A user of an organisation."""

    user: str
    organisation: str
    role: Role


def caller_of(tokens: Tokens, token: str) -> Caller:
    """Who a token speaks for; raises TokenProblem."""
    return _caller(tokens.read(token))


def _caller(claims: Mapping[str, Any]) -> Caller:
    user, organisation, role = claims["sub"], claims.get("org"), claims.get("role")
    if not (isinstance(user, str) and USER.fullmatch(user)):
        raise TokenProblem("the token names no user")
    if not (isinstance(organisation, str) and USER.fullmatch(organisation)):
        raise TokenProblem("the token names no organisation")
    if not isinstance(role, str) or role not in list(Role):
        raise TokenProblem("the token names no role")
    return Caller(user, organisation, Role(role))
