"""Serves the Prometheus page, the live JSON and the stop endpoint from inside the load generator.

Runs in greenlets of its own on the generator's hub: it goes on while the main greenlet waits and after Locust's
own greenlets were killed, so that the last state can be held until Prometheus has scraped it.

    GET /metrics     Prometheus text format
    GET /live        all runs on the page as JSON, newest first (`exporters.live`)
    POST /stop       stop a run: {"run": "…", "reason": "…", "target": "…"}
    GET /-/healthy   200 while the server runs
"""

from __future__ import annotations

import errno
import html
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import gevent
from gevent import socket
from gevent.pool import Pool
from gevent.pywsgi import WSGIServer

from exporters.accept_encoding import accepts_gzip
from exporters.live import SCHEMA, LiveHistory, live
from exporters.page import CONTENT_TYPE, Page
from exporters.run_view import ExporterCounters, RunView
from exporters.scrape_watch import ScrapeWatch
from exporters.shared_pages import PAUSE_SECONDS, SharedPages
from exporters.stop_request import LARGEST_BODY, BadStopRequest, StopAnswer, is_authorized, parse_stop
from swarmscope.errors import ComponentFailed, PortTaken

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.02
_PARTS_PER_PAUSE = 32
_BACKLOG = 64
_JSON = "application/json"

Environ = dict[str, Any]
StartResponse = Callable[..., object]


class ExporterServer:
    """The exporter's HTTP server.

    `views` gives the runs to show at this moment; `on_stop(run, reason, target)` starts to stop a run and answers
    at once with a value of `StopAnswer`. With a `token`, POST /stop wants it as `Authorization: Bearer`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        views: Callable[[], Sequence[RunView]],
        counters: ExporterCounters,
        on_stop: Callable[[str, str, str], str],
        *,
        token: str = "",
    ) -> None:
        self.host = host
        self.port = port
        self._views = views
        self._counters = counters
        self._on_stop = on_stop
        self._token = token
        self._watch = ScrapeWatch()
        self._histories: dict[str, LiveHistory] = {}
        self._page = Page()
        self._pages = SharedPages(self._render)
        self._scrape_seconds = 0.0
        self._scrapes = 0
        self._server: WSGIServer | None = None
        self._routes: dict[str, tuple[str, Callable[[Environ, StartResponse], Iterable[bytes]]]] = {
            "/metrics": ("GET", self._metrics),
            "/live": ("GET", self._live),
            "/stop": ("POST", self._stop),
            "/-/healthy": ("GET", self._healthy),
            "/": ("GET", self._index),
        }

    # --- its life ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen; port 0 picks a free one (see `port`). Raises PortTaken, or ComponentFailed for a bad address."""
        try:
            listener = _listener(self.host, self.port)
        except OSError as error:
            where = f"{self.host}:{self.port}"
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(
                    f"the exporter cannot listen on {where}: the port is in use",
                    "end the process that listens there, or choose another port with SWARMSCOPE_EXPORTER_PORT",
                ) from error
            raise ComponentFailed(
                f"the exporter cannot listen on {where}: {error.strerror or error}",
                "SWARMSCOPE_BIND must be an address of this machine, and a port below 1024 needs privileges",
            ) from error
        self.port = listener.getsockname()[1]
        self._server = WSGIServer(listener, self.application, spawn=Pool(), log=None, error_log=None)
        self._server.start()

    def stop(self, grace: float = 0.2) -> None:
        """Stop listening and end what is still open after `grace` seconds."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(timeout=grace)

    @property
    def url(self) -> str:
        """Where it can be reached from this machine."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::", "*") else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    # --- who has scraped it -----------------------------------------------------------------------------------

    def scraper_seen(self) -> bool:
        """Whether any Prometheus has ever scraped the page to its end."""
        return self._watch.seen

    def scrape_interval(self) -> float | None:
        """Seconds between Prometheus' scrapes as observed; None before the second."""
        return self._watch.interval()

    def wait_until_scraped(self, timeout: float) -> bool:
        """Wait until every Prometheus that scrapes this page has got a page begun after this call.

        False after `timeout` seconds, or as soon as nobody can be expected to come any more.
        """
        called = time.monotonic()
        while (now := time.monotonic()) - called < timeout and self._watch.alive(now):
            if self._watch.has_state_of(called, now):
                return True
            gevent.sleep(_POLL_SECONDS)
        return self._watch.anyone_has_state_of(called)

    def wait_for_first_scrape(self, timeout: float) -> bool:
        """Wait until a Prometheus has got a page begun after this call, also if none was ever seen before.

        Called before the first request of a run, so that its series are in Prometheus at 0.
        """
        called = time.monotonic()
        while not self._watch.anyone_has_state_of(called):
            if time.monotonic() - called >= timeout:
                return False
            gevent.sleep(_POLL_SECONDS)
        return True

    # --- what it answers --------------------------------------------------------------------------------------

    def application(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The WSGI application. An error of ours is a 500, a log line and a count, never the end of the server."""
        path = environ.get("PATH_INFO", "/")
        if path not in self._routes:
            return _answer(start_response, "404 Not Found", "not found\n")
        method, handler = self._routes[path]
        if environ["REQUEST_METHOD"] != method:
            allow = [("Allow", method)]
            return _answer(start_response, "405 Method Not Allowed", f"use {method}\n", headers=allow)
        try:
            return handler(environ, start_response)
        except Exception:
            return self._failed(path, start_response)

    def _failed(self, path: str, start_response: StartResponse) -> Iterable[bytes]:
        self._counters.listener_errors += 1
        _log.exception("the exporter could not answer %s", path)
        return _answer(
            start_response, "500 Internal Server Error", "internal error; see the generator's log\n"
        )

    def _render(self) -> Iterator[str]:
        return self._page.render(self._views(), self._counters, self._scrape_seconds, self._scrapes)

    def _metrics(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        """A generator to its end, so that its `finally` runs whenever the scraper goes away."""
        began = time.monotonic()
        scrape = self._watch.began(
            environ.get("REMOTE_ADDR", ""),
            environ.get("HTTP_USER_AGENT", ""),
            began,
            _seconds(environ.get("HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", "")),
        )
        compressed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        sent = False
        try:
            try:
                page = self._pages.get(compressed)
            except Exception:
                yield from self._failed("/metrics", start_response)
                return
            headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(page.length))]
            if compressed:
                headers.append(("Content-Encoding", "gzip"))
            start_response("200 OK", headers)
            for index, part in enumerate(page.parts, start=1):
                yield part
                if index % _PARTS_PER_PAUSE == 0:
                    gevent.sleep(PAUSE_SECONDS)
            sent = True
            self._scrapes += 1
            self._scrape_seconds = time.monotonic() - began
        finally:
            if scrape is not None:
                self._watch.ended(scrape, time.monotonic(), sent)

    def _live(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        now = time.time()
        views = sorted(self._views(), key=lambda view: view.started or now, reverse=True)
        self._histories = {view.run: self._histories.get(view.run) or LiveHistory() for view in views}
        runs = [live(view, now, self._histories[view.run]) for view in views]
        return _answer_json(start_response, "200 OK", {"schema": SCHEMA, "now": now, "runs": runs})

    def _stop(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if not is_authorized(environ.get("HTTP_AUTHORIZATION", ""), self._token):
            headers = [("WWW-Authenticate", "Bearer")]
            wanted = {"error": "Authorization: Bearer with the stop token is needed"}
            return _answer_json(start_response, "401 Unauthorized", wanted, headers)
        try:
            asked = parse_stop(environ.get("CONTENT_TYPE", ""), environ["wsgi.input"].read(LARGEST_BODY + 1))
        except BadStopRequest as error:
            return _answer_json(start_response, "400 Bad Request", {"error": str(error)})
        answer = StopAnswer(self._on_stop(asked.run, asked.reason, asked.target))
        return _answer_json(start_response, answer.status, {"run": asked.run, "answer": answer})

    def _healthy(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return _answer(start_response, "200 OK", "healthy\n")

    def _index(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        rows = "".join(
            f"<li>{html.escape(f'{view.run}: {view.state}, {view.phase}')}</li>" for view in self._views()
        )
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Swarmscope exporter</title>'
            '<h1>Swarmscope exporter</h1><p><a href="/metrics">Metrics</a> · <a href="/live">Live JSON</a></p>'
            f"<ul>{rows or '<li>No run yet.</li>'}</ul></html>\n"
        )
        return _answer(start_response, "200 OK", page, "text/html; charset=utf-8")


def _listener(host: str, port: int) -> Any:
    # Not left to WSGIServer: it leaks the socket when the address cannot be bound.
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _answer(
    start_response: StartResponse,
    status: str,
    body: str,
    content_type: str = "text/plain; charset=utf-8",
    headers: Sequence[tuple[str, str]] = (),
) -> list[bytes]:
    data = body.encode("utf-8", "replace")
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(data))), *headers])
    return [data]


def _answer_json(
    start_response: StartResponse, status: str, document: object, headers: Sequence[tuple[str, str]] = ()
) -> list[bytes]:
    return _answer(start_response, status, json.dumps(document, allow_nan=False) + "\n", _JSON, headers)


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
