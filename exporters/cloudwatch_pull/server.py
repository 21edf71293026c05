"""Answers Prometheus and people from memory: nothing here ever waits for AWS. I/O.

GET /metrics     the last whole state, and the exporter's own counts
GET /-/healthy   200 while the exporter runs
GET /            where to look
"""

from __future__ import annotations

import errno
import gzip
import html
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from exporters.accept_encoding import accepts_gzip
from exporters.cloudwatch_pull.page import CONTENT_TYPE
from swarmscope.errors import ComponentFailed, PortTaken

_SMALL = 1400
"""Bytes below which compressing is not worth it: it all fits into one packet."""
_INDEX = """<!doctype html><html lang="en"><meta charset="utf-8"><title>CloudWatch exporter</title>
<h1>Swarmscope's CloudWatch exporter</h1>
<p>{about}</p>
<ul><li><a href="metrics">metrics</a><li><a href="-/healthy">healthy</a></ul>
</html>
"""


class PageServer:
    """Serves a page on threads of its own."""

    def __init__(self, host: str, port: int, page: Callable[[], str], about: str) -> None:
        """Listen; port 0 takes a free one (see `port`). Raises PortTaken, or ComponentFailed for a bad address."""
        self._host = host
        try:
            self._server = _server(host, port, page, about)
        except OverflowError:
            raise PortTaken(f"there is no port {port}", "--port takes 0 to 65535") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"port {port} on {host} is in use; the CloudWatch exporter cannot listen there",
                    "--port takes another one",
                ) from None
            raise ComponentFailed(
                f"the CloudWatch exporter cannot listen on {host}: {error.strerror or error}"
            ) from None
        self.port = int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        host = "127.0.0.1" if self._host in ("", "0.0.0.0", "::", "*") else self._host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http", daemon=True).start()

    def stop(self) -> None:
        """End at once; who is being answered is cut off."""
        self._server.shutdown()
        self._server.server_close()


def _server(host: str, port: int, page: Callable[[], str], about: str) -> ThreadingHTTPServer:
    index = _INDEX.format(about=html.escape(about))

    class Handler(BaseHTTPRequestHandler):
        # Connections are kept: Prometheus scrapes once a second.
        protocol_version = "HTTP/1.1"
        timeout = 60
        # Head and body in one piece: else the second waits for the first one's acknowledgement, some 40 ms.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Answer."""
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, CONTENT_TYPE, page())
                case "/-/healthy":
                    self._answer(200, "text/plain; charset=utf-8", "healthy\n")
                case "/":
                    self._answer(200, "text/html; charset=utf-8", index)
                case _:
                    self._answer(404, "text/plain; charset=utf-8", "not found\n")

        def log_message(self, *_: object) -> None:
            """Say nothing: a line for each scrape would bury what matters."""

        def _answer(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            packs = len(body) > _SMALL and accepts_gzip(self.headers.get("Accept-Encoding", ""))
            if packs:
                body = gzip.compress(body, 1)
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            if packs:
                self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """A scraper that went away is no error of ours."""

    return Server((host, port), Handler)
