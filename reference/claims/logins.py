"""Logins and tokens: what a body must hold, and whom a token stands for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from starlette.requests import Request

from reference.claims.accounts import Accounts, User
from reference.json_bodies import NotJSON, TooLarge, body_within, parse_json
from reference.tokens import TokenProblem, Tokens

MOST_BYTES = 16 * 1024
"""Of a request body."""
LONGEST_FIELD = 1024
"""Characters of a user name or password."""
ACCESS_SECONDS, REFRESH_SECONDS = 300.0, 24 * 3600.0


class Refused(Exception):
    """A request that is answered with this status, code and what is wrong with it."""

    def __init__(self, status: int, code: str, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.status, self.code, self.problems = status, code, problems


class Use(StrEnum):
    """What a token is good for."""

    ACCESS = "access"
    REFRESH = "refresh"


class Sessions:
    """Issues access and refresh tokens, and reads them back."""

    def __init__(self, tokens: Tokens, accounts: Accounts, access_seconds: float) -> None:
        self._tokens, self._accounts, self._access_seconds = tokens, accounts, access_seconds

    def access(self, user: User) -> str:
        """A token for requests."""
        return self._tokens.issue(user.username, self._access_seconds, {"token_type": Use.ACCESS.value})

    def refresh(self, user: User) -> str:
        """A token for another access token."""
        return self._tokens.issue(user.username, REFRESH_SECONDS, {"token_type": Use.REFRESH.value})

    async def user_of(self, token: str, use: Use) -> User:
        """The user that a token stands for; raises TokenProblem."""
        claims = self._tokens.read(token)
        if claims.get("token_type") != use:
            raise TokenProblem(f"this is no {use} token")
        user = await self._accounts.find(str(claims["sub"]))
        if user is None:
            raise TokenProblem("the token's user does not exist any more")
        return user


async def read_fields(request: Request, fields: Mapping[str, int]) -> list[str]:
    """The texts that a JSON body must hold, each with its greatest length; raises Refused."""
    try:
        document = parse_json(await body_within(request, MOST_BYTES))
    except TooLarge:
        raise Refused(413, "too_large", f"A request body may have {MOST_BYTES} bytes.") from None
    except NotJSON as error:
        raise Refused(400, "not_json", f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(422, "invalid", f"body: expected an object with {' and '.join(fields)}")
    problems = [f"{key}: unknown field" for key in document if key not in fields]
    for field, longest in fields.items():
        value = document.get(field)
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            problems.append(f"{field}: expected 1 to {longest} characters")
    if problems:
        raise Refused(422, "invalid", *problems)
    return [document[field] for field in fields]
