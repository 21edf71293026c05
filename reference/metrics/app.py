"""The metrics service put together: its tables, its paths, its application."""

from __future__ import annotations

from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from reference.metrics import accounts, dashboards, events, sessions
from reference.metrics.admin_routes import AdminRoutes
from reference.metrics.api import API
from reference.metrics.auth_routes import AuthRoutes
from reference.metrics.dashboard_routes import DashboardRoutes
from reference.metrics.event_routes import EventRoutes
from reference.metrics.live import live_routes
from reference.metrics.openapi import document
from reference.metrics.population import populate


class MetricsAPI(API):
    """The whole service."""

    async def open_state(self, *, local: bool = False, empty: bool = False) -> None:
        """Open the database, and make it what the command line asks for."""
        forget = (*events.FORGET, *dashboards.FORGET) if empty else ()
        await self.service.database.open(
            (*accounts.SCHEMA, *sessions.SCHEMA, *forget, *events.SCHEMA, *dashboards.SCHEMA)
        )
        await self.sessions.open()
        self.local = local
        if local:
            await populate(self.accounts, self.dashboards)

    def application(self, *, faults_may_be_switched: bool = False) -> ASGIApp:
        """The ASGI application."""
        return self.service.application(
            self.routes(),
            document(self.service.notice),
            {
                "/api/v1/auth/logout": (204,),
                "/api/v1/metrics/events": (200, 201),
                "/api/v1/dashboard": (200, 201),
                "/api/v1/dashboard/{dashboard_id}": (200, 204),
                "/api/v1/admin/users": (200, 201),
            },
            faults_may_be_switched=faults_may_be_switched,
        )

    def routes(self) -> list[Route | WebSocketRoute]:
        """Every path of the API."""
        groups = (AuthRoutes(self), EventRoutes(self), DashboardRoutes(self), AdminRoutes(self))
        return [
            *(route for group in groups for route in group.routes()),
            *live_routes(self.service, self.tokens),
        ]
