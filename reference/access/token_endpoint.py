"""POST /v1/tokens: a token for whoever asks. Exists only in a service that was started with --local-key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from reference.access.answers import USER, body_of, invalid, only
from reference.access.callers import Role
from reference.tokens import Tokens

LONGEST_TOKEN_SECONDS = 24 * 3600
DEFAULT_TOKEN_SECONDS = 3600


async def issue_token(tokens: Tokens, request: Request) -> Response:
    """A token for any user of any organisation."""
    document = await body_of(request)
    problems: list[str] = []
    only(document, ("organisation", "user", "role", "expires_in"), problems)
    names = {name: document.get(name) for name in ("organisation", "user")}
    problems += [
        f"{name}: expected an id of letters, digits and . _ @ + -"
        for name, value in names.items()
        if not (isinstance(value, str) and USER.fullmatch(value))
    ]
    role, seconds = document.get("role", Role.ADMIN), document.get("expires_in", DEFAULT_TOKEN_SECONDS)
    if role not in list(Role):
        problems.append(f"role: expected one of {', '.join(Role)}")
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_TOKEN_SECONDS:
        problems.append(f"expires_in: expected a whole number of seconds from 1 to {LONGEST_TOKEN_SECONDS}")
    if problems:
        raise invalid(*problems)
    claims = {"org": names["organisation"], "role": str(role)}
    token = tokens.issue(str(names["user"]), seconds, claims)
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": seconds}, 201)
