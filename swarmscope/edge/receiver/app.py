"""The receiver's HTTP side: takes Alertmanager's webhook, serves the page, the API and its own metrics. I/O."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from swarmscope.edge.receiver.metrics import ReceiverMetrics
from swarmscope.edge.receiver.page import PAGE_HEADERS, render_page
from swarmscope.edge.receiver.payload import BadPayload, Notification, parse_payload, read_kept
from swarmscope.edge.receiver.stop import Post, RunStopper, StopOutcome, StopRequest
from swarmscope.edge.receiver.store import NotificationStore

MAX_BODY_BYTES = 1024 * 1024
"""A message of 1,000 alerts is about half of it."""
RESUME_WITHIN = timedelta(minutes=5)
"""How old a breach may be whose stop a restarted receiver takes up again."""
MOST_RECORDS = 1000
"""Records in one answer of the API, the newest."""

_FINAL = {outcome.value for outcome in StopOutcome if outcome.is_final}


def receiver_app(
    store: NotificationStore,
    *,
    post: Post | None = None,
    grace_seconds: float = 5.0,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The receiver as an ASGI application; `post` asks Locust to stop, None leaves every run alone."""
    receiver = _Receiver(store, post, grace_seconds, now)
    return Starlette(
        routes=[
            Route("/", receiver.page),
            Route("/alerts", receiver.alerts, methods=["POST"]),
            Route("/watchdog", receiver.watchdog, methods=["POST"]),
            Route("/api/notifications", receiver.notifications),
            Route("/-/healthy", receiver.healthy),
            Route("/metrics", receiver.metrics_page),
        ],
        lifespan=receiver.lifespan,
    )


class _Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, reason: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.reason = reason
        self.why = why


class _Receiver:
    """What the routes share."""

    def __init__(
        self, store: NotificationStore, post: Post | None, grace_seconds: float, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._now = now
        self._metrics = ReceiverMetrics(store)
        self._stopper = RunStopper(post, self._keep_stop, grace_seconds)
        self._watchdog_at: datetime | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Take up what an earlier process left; call off what waits at the end."""
        self._resume()
        yield
        await self._stopper.close()

    async def alerts(self, request: Request) -> Response:
        """Keep one notification, and see whether a run is to stop."""
        try:
            notification = await self._read(request)
        except _Refused as refused:
            return self._refuse(refused)
        now = self._now()
        record = self._store.append(
            {"kind": "notification", "received_at": _in_ms(now), **notification.as_json()}
        )
        self._metrics.received(notification, now)
        self._stopper.consider(notification)
        return JSONResponse({"id": record["id"]})

    async def watchdog(self, request: Request) -> Response:
        """Remember that the path from rule to receiver works; nothing is kept of it."""
        try:
            await self._read(request)
        except _Refused as refused:
            return self._refuse(refused)
        self._watchdog_at = self._now()
        self._metrics.watchdog.set(self._watchdog_at.timestamp())
        return JSONResponse({})

    async def notifications(self, request: Request) -> Response:
        """What was kept, oldest first: of one run, since a time, after an id; the newest 1,000 of it."""
        run = request.query_params.get("run")
        try:
            since = _moment(request.query_params.get("since"))
            after = int(request.query_params.get("after", "0"))
        except ValueError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        chosen: list[dict[str, Any]] = []
        truncated = False
        for record in self._store.newest_first():
            if record["id"] <= after:
                break
            if (run is not None and not _is_about(record, run)) or (since and record["received_at"] <= since):
                continue
            if len(chosen) == MOST_RECORDS:
                truncated = True
                break
            chosen.append(record)
        chosen.reverse()
        return JSONResponse(
            {
                "now": _in_ms(self._now()),
                "watchdog_at": _in_ms(self._watchdog_at) if self._watchdog_at else None,
                "truncated": truncated,
                "notifications": chosen,
            }
        )

    async def page(self, _request: Request) -> Response:
        """The page for people."""
        html = render_page(
            self._store.newest_first(),
            total=len(self._store),
            now=self._now(),
            watchdog_at=self._watchdog_at,
            disk_error=self._store.last_error,
        )
        return HTMLResponse(html, headers=PAGE_HEADERS)

    async def healthy(self, _request: Request) -> Response:
        """200 while the receiver runs."""
        return PlainTextResponse("OK\n")

    async def metrics_page(self, _request: Request) -> Response:
        """The receiver's own series for Prometheus."""
        return Response(
            generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def _read(self, request: Request) -> Notification:
        # Asking for JSON keeps other sites' forms out: a browser sends it only after asking us, and we say no.
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise _Refused(415, "type", "expected application/json")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise _Refused(413, "size", f"larger than {MAX_BODY_BYTES} bytes")
        try:
            return parse_payload(bytes(body))
        except BadPayload as error:
            raise _Refused(400, "payload", f"not a message of Alertmanager's webhook: {error}") from None

    def _refuse(self, refused: _Refused) -> Response:
        self._metrics.rejected.labels(refused.reason).inc()
        # The rest of an oversized body is not read: the connection cannot be used again.
        headers = {"Connection": "close"} if refused.status == 413 else None
        return JSONResponse({"error": refused.why}, status_code=refused.status, headers=headers)

    def _keep_stop(self, request: StopRequest, outcome: StopOutcome, detail: str) -> None:
        if outcome is not StopOutcome.REQUESTED:
            self._metrics.stops.labels(outcome.value).inc()
        self._store.append(
            {
                "kind": "stop",
                "received_at": _in_ms(self._now()),
                "status": outcome.value,
                "run": request.run,
                "system": request.system,
                "target": request.target,
                "reason": request.reason,
                "detail": detail,
            }
        )

    def _resume(self) -> None:
        newest: dict[str, Notification] = {}
        oldest = _in_ms(self._now() - RESUME_WITHIN)
        for record in self._store:
            if record.get("kind") == "stop":
                if record["status"] in _FINAL:
                    self._stopper.settle(record["run"])
                continue
            try:
                notification = read_kept(record)
            except BadPayload:
                continue  # written by another version
            self._metrics.remember(notification)
            if record["received_at"] >= oldest:
                newest[notification.group_key] = notification
        for notification in newest.values():
            self._stopper.consider(notification)


def _is_about(record: dict[str, Any], run: str) -> bool:
    alerts = record.get("alerts", ())
    return record["run"] == run or any(alert["labels"].get("run") == run for alert in alerts)


def _in_ms(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(written: str | None) -> str:
    """A time of the query (Unix seconds, or ISO 8601) as it is kept, so that text compares as time does."""
    if not written:
        return ""
    try:
        # In a query string + is a space.
        return _in_ms(datetime.fromisoformat(written.replace(" ", "+")))
    except ValueError:
        pass
    try:
        return _in_ms(datetime.fromtimestamp(float(written), UTC))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f'since: expected Unix seconds or an ISO 8601 time, got "{written}"') from None
