"""Puts a reference service together (metrics around faults around routes), and serves it from the command line."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import random
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from reference.aws_reporter import AwsReporter
from reference.backends import open_backend
from reference.database import Database, DatabaseError
from reference.fault_injection import FaultInjection, faults_from_json
from reference.faults import FaultBoard, FaultError
from reference.listening import OPTIONS, AnnouncedServer, listening
from reference.server_metrics import Gauge, RouteNames, ServerMetrics
from reference.websocket_protocol import MOST_MESSAGE_BYTES, PING_SECONDS, WebSocketProtocol
from swarmscope.errors import ExitCode


class Service:
    """The parts that every reference service is made of; a system adds its routes."""

    def __init__(self, name: str, title: str, database: str) -> None:
        self.name, self.title = name, title
        self.board = FaultBoard(time.monotonic, random.Random())
        self.faults = FaultInjection(self.board)
        self.metrics = ServerMetrics()
        self.database = Database(open_backend(database, name), hold_up=self.board.query_delay)
        self.faults.register(self.metrics)
        self.database.register(self.metrics)
        self.reporter: AwsReporter | None = None

    def report_to(self, reporter: AwsReporter) -> None:
        """Let the AWS stand-in know what the service does."""
        self.reporter = reporter
        self.database.observe = reporter.observe
        reporter.register(self.metrics)

    @property
    def notice(self) -> str:
        """What the service says of itself."""
        return f"{self.title}: a reference service of Swarmscope for trying load tests out, not the real service."

    def application(
        self,
        routes: Sequence[Route | WebSocketRoute],
        openapi: Mapping[str, Any],
        statuses: Mapping[str, Sequence[int]],
        *,
        faults_may_be_switched: bool = False,
    ) -> ASGIApp:
        """The ASGI application; `statuses` are the successful ones of each path, where they are not 200."""

        async def describe(_: Request) -> Response:
            return JSONResponse({"service": self.name, "reference": True, "notice": self.notice})

        async def document(_: Request) -> Response:
            return JSONResponse(openapi)

        async def health(_: Request) -> Response:
            await self.database.fetch("health", "SELECT 1")
            return JSONResponse({"status": "ok", "database": self.database.kind})

        every: list[Route | WebSocketRoute] = [
            Route("/", describe),
            Route("/health", health),
            Route("/metrics", self.metrics.page),
            Route("/openapi.json", document),
            *(self.faults.routes() if faults_may_be_switched else []),
            *routes,
        ]
        names = RouteNames(every)
        self.metrics.declare(every, statuses)
        app = Starlette(
            routes=every,
            exception_handlers={HTTPException: _http_error, DatabaseError: _unavailable},
        )
        app.router.redirect_slashes = False
        measured = self.metrics.middleware(self.faults.middleware(app, names), names)
        return measured if self.reporter is None else self.reporter.middleware(measured, names)


async def _http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    return JSONResponse({"code": code, "detail": error.detail}, error.status_code, headers=error.headers)


async def _unavailable(_: Request, error: Exception) -> Response:
    print(f"database: {error}", file=sys.stderr, flush=True)
    return JSONResponse({"code": "unavailable", "detail": "The database did not answer."}, 503)


def add_service_options(parser: argparse.ArgumentParser, name: str, port: int = 8000) -> None:
    """The options that every reference service takes."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (default: %(default)s)")
    add_database_option(parser, name)
    parser.add_argument(
        "--empty", action="store_true", help="forget the data of earlier runs (keys are kept)"
    )
    parser.add_argument(
        "--faults", action="store_true", help="let PUT /faults, from this machine, break the service"
    )
    parser.add_argument(
        "--faults-from",
        metavar="NETWORKS",
        default="",
        type=_networks,
        help="networks, with commas between, that may switch faults, too: those of a compose stack",
    )
    parser.add_argument(
        "--fault", metavar="JSON", default="", help="faults that are active from the first request (see docs)"
    )


def _networks(written: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in written.split(",") if each.strip())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_database_option(parser: argparse.ArgumentParser, name: str, *, default: bool = True) -> None:
    """--database, with DATABASE_URL as its default; a subcommand repeats the option without the default."""
    chosen = os.environ.get("DATABASE_URL") or f".swarmscope/{name}.sqlite3"
    parser.add_argument(
        "--database",
        default=chosen if default else argparse.SUPPRESS,
        # Not %(default)s: DATABASE_URL may hold a password.
        help=f"SQLite file or postgresql:// address (default: $DATABASE_URL, else .swarmscope/{name}.sqlite3)",
    )


def add_aws_option(parser: argparse.ArgumentParser) -> None:
    """--aws, of the services that a team would run on Lambda and DynamoDB."""
    parser.add_argument(
        "--aws",
        metavar="URL",
        default=os.environ.get("AWS_STAND_IN_URL", ""),
        type=_http_url,
        help="tell the AWS stand-in (python -m reference.aws) there what this service does, so that it appears as "
        "Lambda functions, DynamoDB table and API Gateway stage in CloudWatch (default: AWS_STAND_IN_URL, else nobody)",
    )


def _http_url(written: str) -> str:
    parts = urlsplit(written)
    # The empty default is read, too, and says the same when a compose file passes it.
    if written and (parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0):
        raise argparse.ArgumentTypeError(
            f"expected an address such as http://127.0.0.1:4566, got {written!r}"
        )
    return written


def command_faults(
    service: Service,
    text: str,
    switched_from: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = (),
) -> None:
    """Activate the faults of --fault, or leave with a message; `switched_from` is what --faults-from says."""
    service.faults.switched_from = tuple(switched_from)
    if not text:
        return
    try:
        service.board.put(faults_from_json(text))
    except FaultError as error:
        for problem in error.problems:
            print(f"--fault: {problem}", file=sys.stderr)
        raise SystemExit(ExitCode.BAD_CONFIGURATION) from None


class _Server(AnnouncedServer):
    """Uvicorn around a service: says where it serves, and lets hung requests go when it stops."""

    def __init__(self, service: Service, config: uvicorn.Config, url: str) -> None:
        super().__init__(config, service.notice, url)
        self._service = service
        service.metrics.register(
            Gauge(
                "http_server_open_connections",
                "Connections of clients, idle ones and the one that asked for this page included.",
                (),
                lambda: {(): float(len(self.server_state.connections))},
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.board.clear()
        await super().shutdown(sockets)
        if self._service.reporter is not None:
            # Here and not where the database is closed: uvicorn ends the process with the signal that it was sent.
            await self._service.reporter.stop()


def serve(
    service: Service, app: ASGIApp, open_state: Callable[[], Awaitable[None]], host: str, port: int
) -> int:
    """Open the state and serve until told to stop; returns the exit code. Raises DatabaseError."""
    found = listening(host, port)
    if isinstance(found, ExitCode):
        return found
    listener, url = found
    config = uvicorn.Config(
        app,
        http="httptools",
        ws=WebSocketProtocol,
        ws_max_size=MOST_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        # Deflating every delivery anew costs several times what sending it does, and messages are short.
        ws_per_message_deflate=False,
        backlog=4096,
        **OPTIONS,
    )
    server = _Server(service, config, url)

    async def run() -> None:
        # Outside uvicorn's lifespan protocol, which turns an error's message into a traceback.
        await open_state()
        if service.reporter is not None:
            service.reporter.start()
        try:
            await server.serve([listener])
        finally:
            await service.database.close()

    with listener, suppress(KeyboardInterrupt):
        asyncio.run(run())
    return ExitCode.PASS
