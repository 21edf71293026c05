"""`python -m swarmscope.edge.receiver`: the local receiver as a process. I/O."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn
from prometheus_client import disable_created_metrics

from swarmscope.edge.receiver.app import receiver_app
from swarmscope.edge.receiver.stop import post_to
from swarmscope.edge.receiver.store import NotificationStore
from swarmscope.edge.stop_token import VARIABLE, stop_token
from swarmscope.errors import ComponentFailed, PortTaken, SwarmscopeError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; the exit code is errors.ExitCode's."""
    parser = argparse.ArgumentParser(
        prog="python -m swarmscope.edge.receiver",
        description="Keeps the notifications that Alertmanager sends, shows them on a page, and stops a run "
        f'when an alert with abort="true" goes on. {VARIABLE} is sent along to Locust where it is set.',
    )
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9095, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps the notifications")
    parser.add_argument(
        "--locust",
        action="append",
        default=[],
        help="Locust's exporter, http://127.0.0.1:9646, or several: who knows a run stops it; without: no stops",
    )
    parser.add_argument(
        "--grace", type=_seconds, default=5.0, help="seconds until a breach stops its run (default: 5)"
    )
    options = parser.parse_args(arguments)
    try:
        store = NotificationStore(options.state)
        token = stop_token(os.environ)
        listener = _listen(options.bind, options.port)
    except SwarmscopeError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    disable_created_metrics()  # type: ignore[no-untyped-call]
    post = post_to(options.locust, token) if options.locust else None
    app = receiver_app(store, post=post, grace_seconds=options.grace)
    host, port = listener.getsockname()[:2]
    print(f"receiver: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    # uvicorn ends cleanly on SIGTERM, then raises it again: to have been told to end is no failure.
    signal.signal(signal.SIGTERM, _end)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=3,
    )
    with listener, contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        return socket.create_server((bind, port), family=family, backlog=128)
    except OverflowError:
        raise PortTaken(f"there is no port {port}", "--port takes 0 to 65535") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"port {port} on {bind} is in use; the receiver cannot listen there",
                "--port takes another one",
            ) from None
        raise ComponentFailed(f"the receiver cannot listen on {bind}: {error.strerror or error}") from None


def _seconds(written: str) -> float:
    seconds = float(written)
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"expected 0 to 3600, got {written}")
    return seconds


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
