"""/api/v1/auth: log in, stay logged in, log out, who am I."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference.metrics.api import API
from reference.metrics.web import EMAIL, Fields, Principal, read_object, unauthorised

LONGEST_PASSWORD = 200


class AuthRoutes:
    """Handlers of the group."""

    def __init__(self, api: API) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """The group's paths."""
        return [
            self._api.open_route("/api/v1/auth/login", POST=self._log_in),
            self._api.open_route("/api/v1/auth/refresh", POST=self._refresh),
            # Whoever is logged in may log out, a viewer too.
            self._api.open_route("/api/v1/auth/logout", POST=self._log_out),
            self._api.route("/api/v1/auth/me", GET=self._me),
        ]

    async def _log_in(self, request: Request) -> Response:
        fields = Fields(await read_object(request), ("email", "password"), [])
        email = fields.matching("email", EMAIL, "an e-mail address in lower case")
        password = fields.text("password", LONGEST_PASSWORD)
        fields.check()
        user = await self._api.accounts.log_in(email, password)
        if user is None or not self._api.may_enter(email):
            self._api.refused.add("password")
            raise unauthorised("E-mail address or password is wrong.")
        return JSONResponse(await self._api.sessions.begin(user))

    async def _refresh(self, request: Request) -> Response:
        fields = Fields(await read_object(request), ("refresh_token",), [])
        token = fields.text("refresh_token", 200)
        fields.check()
        exchanged = await self._api.sessions.refresh(token)
        user = await self._api.accounts.get(exchanged[0]) if exchanged else None
        if exchanged is None or user is None or not self._api.may_enter(user.email):
            self._api.refused.add("refresh_token")
            raise unauthorised("The refresh token is wrong, was used before, or its session has ended.")
        return JSONResponse(self._api.sessions.answer(user, exchanged[1], exchanged[2]))

    async def _log_out(self, request: Request) -> Response:
        await self._api.sessions.end(self._api.principal(request).session_id)
        return Response(status_code=204)

    async def _me(self, _: Request, who: Principal) -> Response:
        return JSONResponse(
            {"user_id": who.user_id, "tenant_id": who.tenant_id, "email": who.email, "role": who.role}
        )
