"""Serves the stand-in on a port: uvicorn, with a protocol whose connections can be cut."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference.aws.app import ABORT, NOTICE
from reference.listening import OPTIONS, AnnouncedServer, listening
from swarmscope.errors import ExitCode


class _Protocol(HttpToolsProtocol):
    """One connection, which the application can cut without an answer, as a broken network does."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)["extensions"] = {ABORT: self.transport.abort}


def serve(app: ASGIApp, host: str, port: int) -> int:
    """Serve until told to stop; returns the exit code."""
    found = listening(host, port)
    if isinstance(found, ExitCode):
        return found
    listener, url = found
    config = uvicorn.Config(app, http=_Protocol, ws="none", **OPTIONS)
    server = AnnouncedServer(config, NOTICE, url)
    with listener, suppress(KeyboardInterrupt):
        asyncio.run(server.serve([listener]))
    return ExitCode.PASS
