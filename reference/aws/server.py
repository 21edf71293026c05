"""Serves the stand-in on a port: uvicorn, with a protocol whose connections can be cut."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from contextlib import suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference.aws.app import ABORT, NOTICE
from reference.service import GRACE_SECONDS, KEEP_ALIVE_SECONDS, listen
from swarmscope.errors import ExitCode


class _Protocol(HttpToolsProtocol):
    """One connection, which the application can cut without an answer, as a broken network does."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {ABORT: self.transport.abort}


class _Server(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(NOTICE, self._url, sep="\n", flush=True)


def serve(app: ASGIApp, host: str, port: int) -> int:
    """Serve until told to stop; returns the exit code."""
    try:
        listener = listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            print(f"Port {port} is in use; choose another with --port.", file=sys.stderr)
            return ExitCode.PORT_TAKEN
        print(f"Cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    shown = f"[{host}]" if ":" in host else host
    server = _Server(config, f"http://{shown}:{listener.getsockname()[1]}")
    with listener, suppress(KeyboardInterrupt):
        asyncio.run(server.serve([listener]))
    return ExitCode.PASS
