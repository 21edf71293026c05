"""What every server of the reference does alike: it listens, says where, and ends in good time."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Any

import uvicorn

from swarmscope.errors import ExitCode

GRACE_SECONDS = 2
"""What unanswered requests get when the service is told to stop; a hung one is cut off after it."""
KEEP_ALIVE_SECONDS = 75
"""Longer than any user of a scenario rests: a connection that the server closes just as it is used is a failure."""
OPTIONS: dict[str, Any] = {
    "loop": "asyncio",
    "lifespan": "off",
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": GRACE_SECONDS,
}
"""For uvicorn.Config."""


class AnnouncedServer(uvicorn.Server):
    """Says where it serves once it does."""

    def __init__(self, config: uvicorn.Config, notice: str, url: str) -> None:
        super().__init__(config)
        self._announcement = f"{notice}\n{url}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print what the server is and its URL."""
        await super().startup(sockets)
        print(self._announcement, flush=True)


def listening(host: str, port: int) -> tuple[socket.socket, str] | ExitCode:
    """A listening socket and its URL; where there can be none, what is said on stderr and the exit code."""
    try:
        listener = _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            print(f"Port {port} is in use; choose another with --port.", file=sys.stderr)
            return ExitCode.PORT_TAKEN
        print(f"Cannot listen on {host}:{port}: {error.strerror or error}", file=sys.stderr)
        return ExitCode.BAD_CONFIGURATION
    shown = f"[{host}]" if ":" in host else host
    return listener, f"http://{shown}:{listener.getsockname()[1]}"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio switches Nagle's algorithm off only where it reads TCP here, and with it
    # on, every answer that leaves in two parts waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.set_inheritable(False)
    except BaseException:
        listener.close()
        raise
    return listener
