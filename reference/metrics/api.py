"""The stores of the metrics service, and what every handler goes through: who asks, and may they?"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference.fault_injection import is_asked_for
from reference.faults import Kind
from reference.metrics import accounts
from reference.metrics.accounts import Accounts
from reference.metrics.cache import Cache
from reference.metrics.dashboards import Dashboards
from reference.metrics.events import EventStore
from reference.metrics.population import LOCAL_DOMAIN
from reference.metrics.sessions import Sessions
from reference.metrics.web import Principal, Refused, unauthorised
from reference.server_metrics import Counter, Gauge
from reference.service import Service
from reference.tokens import Tokens

ISSUER = "metrics"
ACTIVE_SECONDS = 60.0
"""A tenant that asked for something in this time is active."""

Handler = Callable[[Request, Principal], Awaitable[Response]]
OpenHandler = Callable[[Request], Awaitable[Response]]


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class API:
    """What the groups of handlers share."""

    def __init__(self, service: Service, secret: str) -> None:
        """`secret` signs the access tokens."""
        self.service = service
        self.tokens = Tokens(ISSUER, secret)
        database = service.database
        self.accounts = Accounts(database, now_ms)
        self.sessions = Sessions(database, self.tokens, now_ms)
        self.events = EventStore(database, now_ms)
        self.dashboards = Dashboards(database, now_ms)
        self.cache = Cache(time.monotonic)
        self._chance = Random()
        self.local = False
        """Whether load tests of this machine are let in by their public accounts."""
        self._seen: dict[str, float] = {}
        self.refused = Counter(
            "metrics_refused_total",
            "Requests refused for who sent them, by reason.",
            ("reason",),
            [("missing",), ("token",), ("role",), ("password",), ("refresh_token",)],
        )
        self.stored = Counter(
            "metrics_events_total",
            "Events by what became of them: stored, or known already by their id.",
            ("result",),
            [("stored",), ("duplicate",)],
        )
        tenants = Gauge(
            "metrics_active_tenants",
            f"Tenants that asked for something in the last {ACTIVE_SECONDS:.0f} seconds.",
            (),
            self._active_tenants,
        )
        service.metrics.register(self.refused, self.stored, self.cache.requests, tenants)

    def open_route(self, path: str, **handlers: OpenHandler) -> Route:
        """A path that needs no token, with a handler per method."""
        return Route(path, partial(self._answer, handlers), methods=list(handlers))

    def route(self, path: str, least_role: str = "viewer", **handlers: Handler) -> Route:
        """A path with a handler per method; reading needs `least_role`, everything else a member at least."""
        rank = accounts.ROLES.index(least_role)
        guarded = {
            method: partial(self._authorised, handler, rank if method == "GET" else max(rank, 1))
            for method, handler in handlers.items()
        }
        return self.open_route(path, **guarded)

    async def _answer(self, handlers: dict[str, OpenHandler], request: Request) -> Response:
        # Starlette answers HEAD wherever GET is.
        handler = handlers["GET" if request.method == "HEAD" else request.method]
        try:
            return await handler(request)
        except Refused as refused:
            return refused.response()

    async def _authorised(self, handler: Handler, rank: int, request: Request) -> Response:
        who = self.principal(request)
        if accounts.ROLES.index(who.role) < rank:
            self.refused.add("role")
            raise Refused(403, "forbidden", f"This needs the role {accounts.ROLES[rank]}.")
        return await handler(request, who)

    def principal(self, request: Request) -> Principal:
        """Who is asking; raises Refused. Its tenant counts as active."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            self.refused.add("missing")
            raise unauthorised("Send your access token as 'Authorization: Bearer <token>'.")
        try:
            who = self.sessions.read(token.strip())
            if who.role not in accounts.ROLES:
                raise unauthorised("This is no access token.")
        except Refused:
            self.refused.add("token")
            raise
        self._seen[who.tenant_id] = time.monotonic()
        return who

    def may_enter(self, email: str) -> bool:
        """Whether a user of this address is let in: the public ones only where load tests are local."""
        return self.local or not email.endswith(LOCAL_DOMAIN)

    async def tenant_to_read(self, request: Request, who: Principal) -> str:
        """The tenant whose rows answer a read: the asker's own, unless the fault `leak` says otherwise."""
        if is_asked_for(Kind.LEAK, request):
            others = await self.accounts.tenants(but=who.tenant_id)
            return self._chance.choice(others) if others else who.tenant_id
        return who.tenant_id

    def _active_tenants(self) -> dict[tuple[str, ...], float]:
        since = time.monotonic() - ACTIVE_SECONDS
        self._seen = {tenant: seen for tenant, seen in self._seen.items() if seen > since}
        return {(): float(len(self._seen))}
