import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 90


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


def clean_environment(**variables: str) -> dict[str, str]:
    """This process' environment without what Locust would read from it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST")}
    return kept | {"PYTHONPATH": str(ROOT)} | variables


@dataclass
class Ran:
    """What a finished Locust left."""

    code: int
    stats: dict[str, dict[str, Any]]
    """`METHOD name` → Locust's own statistics."""
    log: str
    output: str
    """Everything that it printed."""


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
        # Ended by what has happened, not by time: on a busy machine a second may hold no request at all.
        command = [
            sys.executable, "-m", "locust", "-f", "scenarios/triggers/users.py", "--headless", "--json",
            "--host", host, "-u", str(users), "-r", str(users), *user_classes,
        ]  # fmt: skip
        with subprocess.Popen(
            command,
            cwd=ROOT, env=clean_environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                deadline = time.monotonic() + PATIENCE_SECONDS
                while process.poll() is None and not until():
                    assert time.monotonic() < deadline, "what the test waits for did not happen"
                    time.sleep(0.05)
                process.terminate()
                output, log = process.communicate(timeout=PATIENCE_SECONDS)
            finally:
                process.kill()
        entries = json.loads(output[output.index("[") :]) if "[" in output else []
        stats = {f"{entry['method']} {entry['name']}": entry for entry in entries}
        return Ran(process.returncode, stats, log, output + log)

    return run


@pytest.fixture
def ask_users() -> Callable[[str], Any]:
    """Runs a few lines of Python beside the scenario's users, in a process of its own; returns what they assign."""

    def ask(lines: str) -> Any:
        program = (
            "import json, random, sys\n"
            "from types import SimpleNamespace\n"
            "from locust.env import Environment\n"
            "from scenarios.triggers.users import *\n"
            "environment = Environment(host='http://127.0.0.1:1')\n"
            "TriggersAPIUser.host = HighThroughputUser.host = environment.host\n"
            f"{lines}\n"
            "print(json.dumps(answer))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask
