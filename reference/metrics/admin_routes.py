"""/api/v1/admin: what a tenant's administrators see and set, of their own tenant only."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference.metrics.accounts import ROLES
from reference.metrics.api import API
from reference.metrics.auth_routes import LONGEST_PASSWORD
from reference.metrics.web import EMAIL, Fields, Principal, Refused, read_object

LONGEST_RETENTION_DAYS = 3650
USAGE_SECONDS = 3600


class AdminRoutes:
    """Handlers of the group."""

    def __init__(self, api: API) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """The group's paths."""
        return [
            self._api.route("/api/v1/admin/tenants", "admin", GET=self._tenants),
            self._api.route("/api/v1/admin/users", "admin", GET=self._users, POST=self._add_user),
            self._api.route("/api/v1/admin/usage", "admin", GET=self._usage),
            self._api.route("/api/v1/admin/retention", "admin", GET=self._retention, PUT=self._set_retention),
            self._api.route("/api/v1/admin/retention/run", "admin", POST=self._expire),
        ]

    async def _tenants(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.tenant_to_read(request, who)
        # Whoever administers a tenant administers this one tenant.
        return JSONResponse({"tenants": [await self._api.accounts.tenant(tenant)]})

    async def _users(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.tenant_to_read(request, who)
        users = await self._api.accounts.users(tenant)
        return JSONResponse({"tenant_id": tenant, "users": [user.as_json() for user in users]})

    async def _add_user(self, request: Request, who: Principal) -> Response:
        fields = Fields(await read_object(request), ("email", "role", "password"), [])
        email = fields.matching("email", EMAIL, "an e-mail address in lower case")
        role = fields.one_of("role", ROLES, "member")
        password = fields.text("password", LONGEST_PASSWORD)
        if 0 < len(password) < 12:
            fields.problems.append("password: expected at least 12 characters")
        fields.check()
        user = await self._api.accounts.add_user(who.tenant_id, email, role, password)
        if user is None:
            raise Refused(409, "taken", "The e-mail address is taken.")
        return JSONResponse(user.as_json(), 201)

    async def _usage(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.tenant_to_read(request, who)
        since = time.time_ns() // 1_000_000 - USAGE_SECONDS * 1000
        usage = await self._api.events.usage(tenant, since)
        return JSONResponse({"tenant_id": tenant, "seconds": USAGE_SECONDS, **usage})

    async def _retention(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.accounts.tenant(await self._api.tenant_to_read(request, who))
        return JSONResponse({key: tenant[key] for key in ("tenant_id", "retention_days")})

    async def _set_retention(self, request: Request, who: Principal) -> Response:
        fields = Fields(await read_object(request), ("retention_days",), [])
        days = fields.whole("retention_days", 1, LONGEST_RETENTION_DAYS)
        fields.check()
        await self._api.accounts.set_retention(who.tenant_id, days)
        return JSONResponse({"tenant_id": who.tenant_id, "retention_days": days})

    async def _expire(self, _: Request, who: Principal) -> Response:
        tenant = await self._api.accounts.tenant(who.tenant_id)
        deleted = await self._api.events.delete_older(who.tenant_id, tenant["retention_days"])
        return JSONResponse({"tenant_id": who.tenant_id, "deleted": deleted})
