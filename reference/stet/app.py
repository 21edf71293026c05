"""The STET API's routes: the tenant, then the request's own parameters, then the stores."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from reference.json_bodies import NotJSON, TooLarge
from reference.server_metrics import Counter
from reference.service import Service
from reference.stet import corrections, enforcement
from reference.stet.corrections import CorrectionStore, Outcome, Question, parse_correction
from reference.stet.enforcement import EnforcementStore
from reference.stet.openapi import REPLAYED, document
from reference.stet.reading import (
    CORRECTION_ID,
    IDENTIFIER,
    MOST_BYTES,
    Invalid,
    Reader,
    read_json,
)

Handler = Callable[[Request], Awaitable[Response]]
OPERATIONS = (
    "insert_correction", "find_correction", "list_facts", "list_history", "latest_correction",
    "upsert_heartbeat", "list_enforcement", "list_escalations",
)  # fmt: skip


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class StetAPI:
    """Handlers, and the stores behind them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.corrections = CorrectionStore(service.database, now_ms)
        self.enforcement = EnforcementStore(service.database, self.corrections, now_ms)
        self.sent = Counter(
            "stet_corrections_total",
            "Corrections by what became of them: stored, replayed (same key and body), conflict (another body).",
            ("outcome",),
            [(outcome.name.lower(),) for outcome in Outcome],
        )
        service.metrics.register(self.sent)
        # At zero from the start: targets compare rates of these series.
        for operation in OPERATIONS:
            service.database.durations.declare(operation)

    async def open_state(self, *, empty: bool = False) -> None:
        """Open the database, and make it what the command line asks for."""
        forget = (*corrections.FORGET, *enforcement.FORGET) if empty else ()
        kind = self.service.database.kind
        await self.service.database.open((*forget, *corrections.schema(kind), *enforcement.SCHEMA))

    def application(self, *, faults_may_be_switched: bool = False) -> ASGIApp:
        """The ASGI application."""
        routes = [
            _route("POST", "/v1/corrections", self._correct),
            _route("GET", "/v1/facts", self._facts),
            _route("GET", "/v1/history", self._history),
            _route("POST", "/v1/enforcement/heartbeat", self._heartbeat),
            _route("GET", "/v1/enforcement/status", self._status),
            _route("GET", "/v1/enforcement/escalation", self._escalation),
        ]
        return self.service.application(
            routes,
            document(self.service.notice),
            {"/v1/corrections": (201,), "/v1/enforcement/heartbeat": (201,)},
            faults_may_be_switched=faults_may_be_switched,
        )

    async def _correct(self, request: Request) -> Response:
        reader = Reader()
        tenant = reader.tenant(request)
        correction = parse_correction(await read_json(request), reader)
        reader.end()
        assert correction is not None  # noqa: S101  # or the reader had problems
        outcome, stored = await self.corrections.add(tenant, correction)
        self.sent.add(outcome.name.lower())
        if outcome is Outcome.CONFLICT:
            detail = "The idempotency_key was used before, with another correction."
            return JSONResponse({"code": "idempotency_conflict", "detail": detail}, 409)
        response = _json(stored, 201)
        if outcome is Outcome.REPLAYED:
            response.headers[REPLAYED] = "true"
        return response

    async def _facts(self, request: Request) -> Response:
        reader = Reader()
        asked = _question(request, reader)
        limit = reader.limit(request, corrections.MOST_FACTS, corrections.MOST_FACTS)
        after = reader.cursor(request, IDENTIFIER)
        reader.end()
        return _json(await self.corrections.facts(asked, limit, after))

    async def _history(self, request: Request) -> Response:
        reader = Reader()
        asked = _question(request, reader)
        limit = reader.limit(request, corrections.MOST_HISTORY, corrections.DEFAULT_HISTORY)
        before = reader.cursor(request, CORRECTION_ID)
        reader.end()
        return _json(await self.corrections.history(asked, limit, before))

    async def _heartbeat(self, request: Request) -> Response:
        reader = Reader()
        tenant = reader.tenant(request)
        body = reader.members("", await read_json(request), ("system_id", "enforced_correction_version"))
        system_id = reader.identifier("system_id", body.get("system_id"))
        version = reader.moment("enforced_correction_version", body.get("enforced_correction_version"))
        reader.end()
        return _json(await self.enforcement.beat(tenant, system_id, version), 201)

    async def _status(self, request: Request) -> Response:
        reader = Reader()
        tenant = reader.tenant(request)
        limit = reader.limit(request, enforcement.MOST_SYSTEMS, enforcement.MOST_SYSTEMS)
        after = reader.cursor(request, IDENTIFIER)
        reader.end()
        return _json(await self.enforcement.status(tenant, limit, after))

    async def _escalation(self, request: Request) -> Response:
        reader = Reader()
        tenant = reader.tenant(request)
        reader.end()
        return _json(await self.enforcement.escalation(tenant))


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(path, partial(_refusing, handler), methods=[method])


async def _refusing(handler: Handler, request: Request) -> Response:
    """What a handler answers, or the refusal of a request that cannot be read."""
    try:
        return await handler(request)
    except TooLarge:
        detail = f"A request body may have {MOST_BYTES} bytes."
        return JSONResponse({"code": "too_large", "detail": detail}, 413, headers={"Connection": "close"})
    except NotJSON as error:
        return JSONResponse({"code": "not_json", "detail": f"The body is not JSON: {error}"}, 400)
    except Invalid as error:
        return JSONResponse({"code": "invalid", "problems": error.problems}, 422)


def _question(request: Request, reader: Reader) -> Question:
    asked = request.query_params
    return Question(
        reader.tenant(request),
        reader.identifier("subject_type", asked.get("subject_type")),
        reader.identifier("subject_id", asked.get("subject_id")),
        reader.identifier("requester_id", asked.get("requester_id")),
    )


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")
