"""/api/v1/metrics: events in, one or many; usage sessions in; receipts and aggregates out."""

from __future__ import annotations

import time
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference.fault_injection import is_asked_for
from reference.faults import Kind
from reference.metrics.api import API
from reference.metrics.events import (
    AGGREGATES,
    LARGEST_SEQUENCE,
    MOST_POINTS,
    MOST_RECEIPTS,
    SOURCE,
    Event,
    parse_batch,
    parse_event,
    parse_session,
)
from reference.metrics.web import (
    EARLIEST_MS,
    LATEST_MS,
    NAME,
    Principal,
    invalid,
    not_found,
    read_object,
    whole_parameter,
)

STORED, DUPLICATE = "stored", "duplicate"


class EventRoutes:
    """Handlers of the group."""

    def __init__(self, api: API) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """The group's paths."""
        return [
            self._api.route("/api/v1/metrics/events", POST=self._one),
            self._api.route("/api/v1/metrics/batch", POST=self._batch),
            self._api.route("/api/v1/metrics/sessions", POST=self._session),
            self._api.route("/api/v1/metrics/query", GET=self._query),
            self._api.route("/api/v1/metrics/receipts/{source}", GET=self._receipts),
        ]

    async def _one(self, request: Request, who: Principal) -> Response:
        document = await read_object(request)
        problems: list[str] = []
        event = parse_event(document, _now_ms(), problems)
        if event is None:
            raise invalid(problems[:100])
        (result,) = await self._store(request, who, [event])
        return JSONResponse({"id": document["id"], "result": result}, 201 if result == STORED else 200)

    async def _batch(self, request: Request, who: Principal) -> Response:
        document = await read_object(request)
        events = parse_batch(document, _now_ms())
        results = await self._store(request, who, events)
        return JSONResponse(
            {
                STORED: results.count(STORED),
                DUPLICATE: results.count(DUPLICATE),
                "results": [
                    {"id": item["id"], "result": result}
                    for item, result in zip(document["events"], results, strict=True)
                ],
            }
        )

    async def _store(self, request: Request, who: Principal, events: Sequence[Event]) -> list[str]:
        """What became of each event; a repeated one within a batch is a duplicate of its first."""
        if is_asked_for(Kind.LOSE, request):
            fresh = {event.key for event in events}
        else:
            fresh = await self._api.events.add(who.tenant_id, who.user_id, events)
        if is_asked_for(Kind.DOUBLE, request):
            await self._api.events.add(who.tenant_id, who.user_id, events, copy=1)
        results = []
        for event in events:
            results.append(STORED if event.key in fresh else DUPLICATE)
            fresh.discard(event.key)
        self._api.stored.add(STORED, amount=results.count(STORED))
        self._api.stored.add(DUPLICATE, amount=results.count(DUPLICATE))
        return results

    async def _session(self, request: Request, who: Principal) -> Response:
        document = await read_object(request)
        session = parse_session(document, _now_ms())
        lost = is_asked_for(Kind.LOSE, request)
        stored = lost or await self._api.events.add_session(who.tenant_id, who.user_id, session)
        return JSONResponse({"id": session.id, "result": STORED if stored else DUPLICATE})

    async def _query(self, request: Request, who: Principal) -> Response:
        asked, problems = request.query_params, list[str]()
        name, aggregate = asked.get("name", ""), asked.get("aggregate", "avg")
        if not NAME.fullmatch(name):
            problems.append("name: expected a metric's name")
        if aggregate not in AGGREGATES:
            problems.append(f"aggregate: expected one of {', '.join(AGGREGATES)}")
        begin = whole_parameter(request, "from", (EARLIEST_MS, LATEST_MS), None, problems)
        end = whole_parameter(request, "to", (EARLIEST_MS, LATEST_MS), None, problems)
        span = max(1, end - begin)
        least = -(-span // MOST_POINTS)
        interval = max(least, whole_parameter(request, "interval", (1, LATEST_MS), span, problems))
        if problems:
            raise invalid(problems)
        tenant = await self._api.tenant_to_read(request, who)
        points = await self._api.events.aggregate(
            tenant, name, aggregate, begin=begin, end=end, interval=interval
        )
        return JSONResponse({"tenant_id": tenant, "name": name, "aggregate": aggregate, "points": points})

    async def _receipts(self, request: Request, who: Principal) -> Response:
        source, problems = request.path_params["source"], list[str]()
        first = whole_parameter(request, "first", (0, LARGEST_SEQUENCE), 0, problems)
        furthest = min(first + MOST_RECEIPTS - 1, LARGEST_SEQUENCE)
        last = min(furthest, whole_parameter(request, "last", (0, LARGEST_SEQUENCE), furthest, problems))
        if problems:
            raise invalid(problems)
        if not SOURCE.fullmatch(source):
            raise not_found("source")
        tenant = await self._api.tenant_to_read(request, who)
        return JSONResponse(await self._api.events.receipts(tenant, source, first, last))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
