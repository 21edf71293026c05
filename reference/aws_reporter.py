"""Tells the AWS stand-in what a reference service does, so that it appears in CloudWatch as if AWS had served it.

An ASGI layer around the whole service sees each request; the database layer tells of each operation. Both append to
a bounded queue, which a task empties about once a second. Nothing here can fail a request or hold it up: what cannot
be sent is dropped and counted.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import time
import uuid
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reference.aws.reports import PATH, Invocation, TableOperation
from reference.fault_injection import QUEUED
from reference.faults import OPERATIONAL
from reference.lambda_functions import INVOKED, Invoked
from reference.server_metrics import Counter, RouteNames, ServerMetrics

STAGE = "local"
EACH_SECONDS = 1.0
MOST_QUEUED = 50_000
"""Records of each kind; at a thousand requests a second most of a minute without the stand-in."""
MOST_SENT = 5_000
"""Records of each kind in one batch, so that none holds the loop for long."""
CALL_SECONDS = 5.0
LAST_SECONDS = 3.0
"""What is left to send when the service ends gets so long."""
THROTTLED_SECONDS = 0.005
"""A request that a throttle fault held so long counts as one that DynamoDB refused at first."""

_OPERATIONS = {
    "find": "GetItem", "get": "GetItem",
    "list": "Query",
    "insert": "PutItem", "create": "PutItem", "add": "PutItem",
    "update": "UpdateItem", "acknowledge": "UpdateItem", "accept": "UpdateItem", "decline": "UpdateItem",
    "delete": "DeleteItem", "remove": "DeleteItem",
}  # fmt: skip
"""First word of a database operation's name → what DynamoDB would have been asked."""
_request: ContextVar[Scope | None] = ContextVar("request", default=None)


class AwsReporter:
    """Reports one service as functions, a table, and a stage of an API."""

    def __init__(
        self,
        url: str,
        system: str,
        table: str,
        functions: Mapping[tuple[str, str], str] | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        """`functions` names those of single routes; `without` are database operations that are not the table's."""
        self.system, self.table = system, table
        self._url = urlsplit(url)
        self._functions = dict(functions or {})
        self._without = without
        self._default = f"{system}-api"
        self._under_way: dict[str, int] = {}
        self._instance = uuid.uuid4().hex
        """Of every function that does not have instances of its own: one that never has to start."""
        self._invocations: deque[Invocation] = deque(maxlen=MOST_QUEUED)
        self._operations: deque[TableOperation] = deque(maxlen=MOST_QUEUED)
        self._sending: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.sent = Counter("aws_reporter_records_total", "Records that the AWS stand-in has taken.")
        self.dropped = Counter(
            "aws_reporter_dropped_total", "Records that did not reach the AWS stand-in, or may not have."
        )

    def register(self, metrics: ServerMetrics) -> None:
        """Publish what was sent and dropped."""
        metrics.register(self.sent, self.dropped)

    def middleware(self, app: ASGIApp, routes: RouteNames) -> ASGIApp:
        """The ASGI layer; outermost, as API Gateway is."""

        async def reported(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or (route := routes.find(scope["path"])) in OPERATIONAL:
                await app(scope, receive, send)
                return
            function = self._functions.get((scope["method"], route), self._default)
            status, answered = 0, 0.0

            async def noting(message: Message) -> None:
                nonlocal status, answered
                if message["type"] == "http.response.start":
                    status, answered = message["status"], perf_counter()
                await send(message)

            concurrent = self._under_way[function] = self._under_way.get(function, 0) + 1
            _request.set(scope)
            began, started = time.time(), perf_counter()
            try:
                await app(scope, receive, noting)
            finally:
                self._under_way[function] -= 1
                ended = perf_counter()
                self._note(function, scope, (began, started, answered or ended, ended), status, concurrent)

        return reported

    def _note(
        self,
        function: str,
        scope: Scope,
        times: tuple[float, float, float, float],
        status: int,
        concurrent: int,
    ) -> None:
        began, started, answered, ended = times
        invoked: Invoked | None = scope.get(INVOKED)
        integration = (answered - started) * 1000
        if invoked is None:
            instance, request_id, duration, init = self._instance, "", integration, None
        else:
            instance, request_id, duration = invoked.instance, invoked.request_id, invoked.seconds * 1000
            init = None if invoked.init_seconds is None else invoked.init_seconds * 1000
        self._append(
            self._invocations,
            Invocation(
                function, began, status, (ended - started) * 1000, integration, duration, init, concurrent,
                request_id, instance,
            ),
        )  # fmt: skip

    def observe(self, name: str, seconds: float, rows: int, *, failed: bool) -> None:
        """Note a database operation that has just ended."""
        operation = _OPERATIONS.get(name.partition("_")[0])
        scope = _request.get()
        if operation is None or name in self._without or scope is None:
            return
        held = scope.pop(QUEUED, 0.0)
        capacity = max(1, rows) * (0.5 if operation in ("GetItem", "Query") else 1.0)
        self._append(
            self._operations,
            TableOperation(
                self.table, operation, time.time() - seconds, seconds * 1000, capacity,
                int(held >= THROTTLED_SECONDS), failed,
            ),
        )  # fmt: skip

    def _append(self, queue: deque[Any], record: Any) -> None:
        if len(queue) == MOST_QUEUED:
            self.dropped.add()  # the oldest, which makes room
        queue.append(record)

    def start(self) -> None:
        """Begin to send; call it on the event loop."""
        self._sending = asyncio.create_task(self._send_until_stopped())

    async def stop(self) -> None:
        """Send what is left, within LAST_SECONDS."""
        self._stopping.set()
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=LAST_SECONDS)
            self._sending.cancel()
        self.dropped.add(amount=len(self._invocations) + len(self._operations))

    async def _send_until_stopped(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), EACH_SECONDS)
            left = max(len(self._invocations), len(self._operations))
            # Those of this moment: what comes while they are sent waits for the next time.
            while left > 0 and await self._send():
                left -= MOST_SENT

    async def _send(self) -> bool:
        """Send one batch; False when it did not arrive."""
        invocations, operations = _taken(self._invocations), _taken(self._operations)
        count = len(invocations) + len(operations)
        document = {
            "system": self.system,
            "api": f"{self.system}-api",
            "stage": STAGE,
            "invocations": invocations,
            "operations": operations,
        }
        # In a thread that is waited for: the service's loop goes on, and there is never more than one.
        try:
            status = await asyncio.to_thread(self._post, document)
        except ConnectionRefusedError:
            # Surely not taken, so it is kept for later, unless newer ones need the room.
            self._put_back(self._invocations, invocations)
            self._put_back(self._operations, operations)
            return False
        except (OSError, http.client.HTTPException):
            status = 0
        (self.sent if status == 200 else self.dropped).add(amount=count)
        return status == 200

    def _put_back(self, queue: deque[Any], records: list[Any]) -> None:
        room = MOST_QUEUED - len(queue)
        kept = records[len(records) - room :] if room < len(records) else records
        self.dropped.add(amount=len(records) - len(kept))
        queue.extendleft(reversed(kept))

    def _post(self, document: Mapping[str, Any]) -> int:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "127.0.0.1", self._url.port, timeout=CALL_SECONDS)
        try:
            body = json.dumps(document, separators=(",", ":")).encode()
            connection.request("POST", PATH, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def _taken(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(min(MOST_SENT, len(queue)))]
