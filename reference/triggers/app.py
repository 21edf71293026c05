"""The Triggers API's routes: authentication, rate limit, then the event's own business."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.json_bodies import NotJSON, TooLarge, body_within
from reference.server_metrics import Counter
from reference.service import Service
from reference.triggers import events, keys
from reference.triggers.events import EVENT_ID, EventStore, Invalid, parse_event
from reference.triggers.keys import ApiKey, KeyStore, Role
from reference.triggers.openapi import document
from reference.triggers.rate_limit import RateLimiter

Handler = Callable[[Request, ApiKey], Awaitable[Response]]


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class TriggersAPI:
    """Handlers, and the stores behind them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.keys = KeyStore(service.database, time.monotonic, now_ms)
        self.events = EventStore(service.database, now_ms)
        self.limits = RateLimiter(time.monotonic)
        self.stored = Counter("triggers_events_stored_total", "Events stored.")
        self.acknowledged = Counter(
            "triggers_events_acknowledged_total", "Acknowledgements, repeated ones included."
        )
        self.rate_limited = Counter("triggers_rate_limited_total", "Requests refused with 429.")
        self.refused = Counter(
            "triggers_refused_total",
            "Requests refused for their API key, by reason.",
            ("reason",),
            [("missing",), ("unknown",), ("role",)],
        )
        service.metrics.register(self.stored, self.acknowledged, self.rate_limited, self.refused)

    async def open_state(self, *, local_key: bool = False, empty: bool = False) -> None:
        """Open the database, and make it what the command line asks for."""
        forget = events.FORGET if empty else ()
        await self.service.database.open((*keys.SCHEMA, *forget, *events.SCHEMA))
        if local_key:
            await self.keys.create(
                "local-load-test",
                "load-test@localhost",
                rate_limit=keys.LOCAL_KEY_PER_MINUTE,
                key=keys.LOCAL_KEY,
            )

    def application(self, *, faults_may_be_switched: bool = False) -> ASGIApp:
        """The ASGI application."""
        routes = [
            self._route("POST", "/events", self._create, writes=True),
            self._route("GET", "/inbox", self._inbox),
            self._route("GET", "/events/{event_id}", self._get),
            self._route("POST", "/events/{event_id}/acknowledge", self._acknowledge, writes=True),
        ]
        return self.service.application(
            routes,
            document(self.service.notice),
            {"/events": (201,)},
            faults_may_be_switched=faults_may_be_switched,
        )

    def _route(self, method: str, path: str, handler: Handler, *, writes: bool = False) -> Route:
        return Route(path, partial(self._authorised, handler, writes), methods=[method])

    async def _authorised(self, handler: Handler, writes: bool, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            self.refused.add("missing")
            return _unauthorised("Send your API key as 'Authorization: Bearer <key>'.")
        key = await self.keys.find(token.strip())
        if key is None:
            self.refused.add("unknown")
            return _unauthorised("The API key is unknown or revoked.")
        admission = self.limits.admit(key.id, key.rate_limit)
        if not admission.admitted:
            self.rate_limited.add()
            detail = f"More than {key.rate_limit} requests per minute."
            response: Response = JSONResponse({"code": "rate_limited", "detail": detail}, 429)
            response.headers["Retry-After"] = str(admission.retry_after)
        elif writes and key.role is not Role.CREATOR:
            self.refused.add("role")
            response = JSONResponse({"code": "forbidden", "detail": "This API key may only read."}, 403)
        else:
            response = await handler(request, key)
        response.headers["X-RateLimit-Limit"] = str(key.rate_limit)
        response.headers["X-RateLimit-Remaining"] = str(admission.remaining)
        return response

    async def _create(self, request: Request, key: ApiKey) -> Response:
        try:
            body = await body_within(request, events.MOST_BYTES)
        except TooLarge:
            detail = f"A request body may have {events.MOST_BYTES} bytes."
            return JSONResponse({"code": "too_large", "detail": detail}, 413, headers={"Connection": "close"})
        try:
            event = parse_event(body)
        except NotJSON as error:
            return JSONResponse({"code": "not_json", "detail": f"The body is not JSON: {error}"}, 400)
        except Invalid as error:
            return _invalid(*error.problems)
        stored = await self.events.add(key.user_id, event)
        self.stored.add()
        return _json(stored, 201)

    async def _inbox(self, request: Request, key: ApiKey) -> Response:
        asked = request.query_params
        limit, cursor = asked.get("limit", str(events.DEFAULT_LISTED)), asked.get("cursor", "")
        problems = []
        if not (
            limit.isascii() and limit.isdigit() and len(limit) <= 3 and 1 <= int(limit) <= events.MOST_LISTED
        ):
            problems.append(f"limit: expected a whole number from 1 to {events.MOST_LISTED}")
        if cursor and not EVENT_ID.fullmatch(cursor):
            problems.append("cursor: expected the next_cursor of an earlier answer")
        if problems:
            return _invalid(*problems)
        return _json(await self.events.inbox(key.user_id, int(limit), cursor))

    async def _get(self, request: Request, key: ApiKey) -> Response:
        return _found(
            await self.events.get(key.user_id, event_id) if (event_id := _event_id(request)) else None
        )

    async def _acknowledge(self, request: Request, key: ApiKey) -> Response:
        event_id = _event_id(request)
        event = await self.events.acknowledge(key.user_id, event_id) if event_id else None
        if event is not None:
            self.acknowledged.add()
        return _found(event)


def _event_id(request: Request) -> str:
    """The id in the path, or "" when it cannot be one (and some databases would refuse to look)."""
    event_id: str = request.path_params["event_id"]
    return event_id if EVENT_ID.fullmatch(event_id) else ""


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


def _found(text: str | None) -> Response:
    if text is not None:
        return _json(text)
    return JSONResponse({"code": "not_found", "detail": "You have no such event."}, 404)


def _invalid(*problems: str) -> Response:
    return JSONResponse({"code": "invalid", "problems": problems}, 422)


def _unauthorised(detail: str) -> Response:
    return JSONResponse(
        {"code": "unauthorised", "detail": detail}, 401, headers={"WWW-Authenticate": "Bearer"}
    )
