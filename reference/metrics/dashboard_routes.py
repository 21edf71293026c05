"""/api/v1/dashboard: a tenant's dashboards, what their widgets show, and the tenant at a glance."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference.metrics.api import API
from reference.metrics.dashboards import MOST_LISTED, Dashboard, parse_dashboard
from reference.metrics.web import ID, Principal, Refused, invalid, not_found, read_object, whole_parameter

MOST_DASHBOARDS = 1000
SUMMARY_SECONDS = 60
DEFAULT_RANGE_SECONDS = 300
INTERVALS = 30
"""Points that a widget has at most."""


class DashboardRoutes:
    """Handlers of the group."""

    def __init__(self, api: API) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """The group's paths."""
        base = "/api/v1/dashboard"
        return [
            self._api.route(base, GET=self._list, POST=self._create),
            self._api.route(f"{base}/summary", GET=self._summary),
            self._api.route(f"{base}/{{dashboard_id}}", GET=self._get, DELETE=self._delete),
            self._api.route(f"{base}/{{dashboard_id}}/widgets", GET=self._widgets),
        ]

    async def _list(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.tenant_to_read(request, who)
        found = await self._api.dashboards.all(tenant)
        return JSONResponse(
            {"tenant_id": tenant, "dashboards": [one.as_json() for one in found[:MOST_LISTED]]}
        )

    async def _create(self, request: Request, who: Principal) -> Response:
        title, widgets = parse_dashboard(await read_object(request))
        if await self._api.dashboards.count(who.tenant_id) >= MOST_DASHBOARDS:
            raise Refused(409, "too_many", f"A tenant may have {MOST_DASHBOARDS} dashboards.")
        made = await self._api.dashboards.add(who.tenant_id, title, widgets)
        return JSONResponse(made.as_json(), 201)

    async def _get(self, request: Request, who: Principal) -> Response:
        return JSONResponse((await self._found(request, who)).as_json())

    async def _delete(self, request: Request, who: Principal) -> Response:
        dashboard_id = request.path_params["dashboard_id"]
        if not ID.fullmatch(dashboard_id) or not await self._api.dashboards.delete(
            who.tenant_id, dashboard_id
        ):
            raise not_found("dashboard")
        return Response(status_code=204)

    async def _summary(self, request: Request, who: Principal) -> Response:
        tenant = await self._api.tenant_to_read(request, who)

        async def make() -> dict[str, Any]:
            since = time.time_ns() // 1_000_000 - SUMMARY_SECONDS * 1000
            metrics = await self._api.events.summary(tenant, since)
            return {
                "tenant_id": tenant,
                "seconds": SUMMARY_SECONDS,
                "events": sum(one["events"] for one in metrics),
                "dashboards": await self._api.dashboards.count(tenant),
                "metrics": metrics,
            }

        return JSONResponse(await self._api.cache.get(("summary", tenant), make))

    async def _widgets(self, request: Request, who: Principal) -> Response:
        problems: list[str] = []
        seconds = whole_parameter(request, "seconds", (10, 24 * 3600), DEFAULT_RANGE_SECONDS, problems)
        if problems:
            raise invalid(problems)
        dashboard = await self._found(request, who)

        async def make() -> dict[str, Any]:
            return await self._data(dashboard, seconds)

        # The tenant is part of the dashboard's row, and so is the key's.
        key = ("widgets", dashboard.tenant_id, dashboard.id, seconds)
        return JSONResponse(await self._api.cache.get(key, make))

    async def _data(self, dashboard: Dashboard, seconds: int) -> dict[str, Any]:
        interval = max(1000, seconds * 1000 // INTERVALS)
        end = time.time_ns() // 1_000_000 + 1
        begin = end - seconds * 1000
        return {
            "id": dashboard.id,
            "tenant_id": dashboard.tenant_id,
            "widgets": [
                {
                    "name": widget.name,
                    "aggregate": widget.aggregate,
                    "points": await self._api.events.aggregate(
                        dashboard.tenant_id,
                        widget.name,
                        widget.aggregate,
                        begin=begin,
                        end=end,
                        interval=interval,
                    ),
                }
                for widget in dashboard.widgets
            ],
        }

    async def _found(self, request: Request, who: Principal) -> Dashboard:
        dashboard_id = request.path_params["dashboard_id"]
        tenant = await self._api.tenant_to_read(request, who)
        if tenant != who.tenant_id:
            found = await self._api.dashboards.first(tenant)
        else:
            found = (
                await self._api.dashboards.get(tenant, dashboard_id) if ID.fullmatch(dashboard_id) else None
            )
        if found is None:
            raise not_found("dashboard")
        return found
