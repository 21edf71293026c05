import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.scenarios.locust_runs import Ran, ask, clean_environment, mother, run_until


@dataclass
class Heard:
    """One request that the fake service received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers and body; None closes the connection without an answer."""


@dataclass
class FakeService:
    """Answers as `answer` says, and remembers what it heard."""

    url: str
    answer: Callable[[Heard], Answer]
    heard: list[Heard] = field(default_factory=list)

    def has_heard(self, count: int) -> Callable[[], bool]:
        """Whether so many requests have come."""
        return lambda: len(self.heard) >= count


@pytest.fixture
def fake_service() -> Iterator[FakeService]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, self.path, headers, body)
            service.heard.append(heard)
            answer = service.answer(heard)
            if answer is None:
                self.close_connection = True
                return
            status, headers, document = answer
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_any  # noqa: N815  # http.server's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 100  # all users come at once

        def handle_error(self, *_: object) -> None:
            pass  # users that are stopped leave connections half-way

    server = Server(("127.0.0.1", 0), Handler)
    service = FakeService(f"http://127.0.0.1:{server.server_port}", lambda _: (200, {}, {}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def run_locust() -> Callable[..., Ran]:
    """Runs plain Locust in a process of its own (it patches the one that imports it)."""

    def run(
        host: str,
        *user_classes: str,
        until: Callable[[], bool] = lambda: False,
        users: int = 5,
        **variables: str,
    ) -> Ran:
        return run_until(
            until,
            "scenarios/triggers/users.py",
            *("--host", host, *user_classes),
            users=users,
            environment=clean_environment(**variables),
        )

    return run


@pytest.fixture
def ask_users() -> Callable[[str], Any]:
    """Runs a few lines of Python beside the scenario's users, in a process of its own; returns what they assign."""

    def ask_beside_users(lines: str) -> Any:
        program = (
            "import random\n"
            "from types import SimpleNamespace\n"
            "from locust.env import Environment\n"
            "from scenarios.triggers.users import *\n"
            "environment = Environment(host='http://127.0.0.1:1')\n"
            "TriggersAPIUser.host = HighThroughputUser.host = environment.host\n"
        )
        return ask(program + lines, clean_environment())

    return ask_beside_users


@pytest.fixture(scope="session", autouse=True)
def _no_mother_is_left() -> Iterator[None]:
    yield
    if mother.cache_info().currsize:
        mother().end()
