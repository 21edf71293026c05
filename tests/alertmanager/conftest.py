"""A real Alertmanager with every receiver configured, each pointing at a real server on this machine."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import uvicorn

from swarmscope.edge.alertmanager import read_receivers, write_alertmanager_config
from swarmscope.edge.receiver import NotificationStore, receiver_app
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager") or ""
TEMPLATES = str(ROOT / "alerts" / "templates" / "*.tmpl")
ARN = "arn:aws:sns:eu-west-1:123456789012:load-tests"
SNS_ANSWER = (
    b'<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
    b"</PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
)


def wait_for(what: str, check: Callable[[], Any], seconds: float = 40.0) -> Any:
    """The first truthy answer of `check`; a refused connection counts as not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = check()
        except requests.ConnectionError:
            answer = None
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


class HttpSink(ThreadingHTTPServer):
    """Takes every POST and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SinkHandler)
        self.taken: list[Request] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def at(self, path: str) -> list[Request]:
        return [request for request in list(self.taken) if request.path.startswith(path)]


class _SinkHandler(BaseHTTPRequestHandler):
    server: HttpSink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.taken.append(Request(self.path, dict(self.headers), body))
        if self.path.startswith("/sns"):
            self._answer(200, SNS_ANSWER)
        elif self.path.startswith("/pagerduty"):
            self._answer(202, b'{"status": "success"}')
        else:
            self._answer(200, b"ok")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class SmtpSink(socketserver.ThreadingTCPServer):
    """As much of SMTP as it takes to be sent a mail with a password."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SmtpHandler)
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []
        self.envelopes: list[tuple[str, list[str]]] = []


class _SmtpHandler(socketserver.StreamRequestHandler):
    server: SmtpSink

    def handle(self) -> None:
        self._say("220 sink ESMTP")
        sender, recipients = "", []
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("EHLO"):
                self.wfile.write(b"250-sink\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n")
            elif verb.startswith("AUTH PLAIN"):
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                self.server.logins.append((user, password))
                self._say("235 welcome")
            elif verb.startswith("MAIL FROM"):
                sender = line.split("<")[1].split(">")[0]
                self._say("250 ok")
            elif verb.startswith("RCPT TO"):
                recipients.append(line.split("<")[1].split(">")[0])
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                mail = self._data()
                self.server.envelopes.append((sender, recipients))
                self.server.mails.append(email.message_from_bytes(mail, policy=email.policy.default))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@dataclass
class Alertmanager:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def post(self, *alerts: dict[str, Any]) -> None:
        answer = requests.post(f"{self.url}/api/v2/alerts", json=list(alerts), timeout=30)
        assert answer.status_code == 200, answer.text

    def inhibited(self) -> list[dict[str, Any]]:
        """Labels of the alerts that another one silences at this moment."""
        alerts = requests.get(f"{self.url}/api/v2/alerts", timeout=30).json()
        return [each["labels"] for each in alerts if each["status"]["inhibitedBy"]]


@contextmanager
def alertmanager(config: Path, folder: Path, **environment: str) -> Iterator[Alertmanager]:
    """Alertmanager on a free port, alone (no cluster), until the block ends."""
    port = free_port()
    log = folder / "alertmanager.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                ALERTMANAGER,
                f"--config.file={config}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for("Alertmanager", lambda: requests.get(f"{url}/-/ready", timeout=2).ok)
        yield Alertmanager(url, process, log)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


STARTED = datetime.now(UTC)


def an_alert(name: str, run: str, *, resolved: bool = False, **labels: str) -> dict[str, Any]:
    """An alert as Prometheus posts it: one that goes on ends later than it will be repeated."""
    annotations = labels.pop("annotations", {})
    now = datetime.now(UTC)
    ends = now if resolved else now + timedelta(minutes=5)
    return {
        "labels": {"alertname": name, **({"run": run, "system": "triggers"} if run else {}), **labels},
        "annotations": annotations,
        "startsAt": STARTED.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": "http://prometheus/graph",
    }


@dataclass
class Stack:
    """Alertmanager, the receiver, and everybody who is told."""

    alertmanager: Alertmanager
    receiver: str
    http: HttpSink
    smtp: SmtpSink
    config: Path
    stopped: list[str] = field(default_factory=list)

    def kept(self, run: str) -> list[dict[str, Any]]:
        """Notifications (not stops) that the local receiver has of a run."""
        return [each for each in self.api(run=run)["notifications"] if each["kind"] == "notification"]

    def api(self, **query: str) -> dict[str, Any]:
        return dict(requests.get(f"{self.receiver}/api/notifications", params=query, timeout=30).json())

    def shown_config(self) -> str:
        status = requests.get(f"{self.alertmanager.url}/api/v2/status", timeout=30).json()
        return str(status["config"]["original"])


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    stopped: list[str] = []

    def stop(request: Any) -> tuple[int, str]:
        stopped.append(request.run)
        return 202, "stopping"

    with ExitStack() as exits:
        http = exits.enter_context(serving(HttpSink()))
        smtp = exits.enter_context(serving(SmtpSink()))
        app = receiver_app(NotificationStore(folder / "receiver"), post=stop, grace_seconds=0.5)
        receiver = exits.enter_context(_served(app))
        secrets = {
            "SLACK_API_URL_FILE": f"{http.url}/slack/secret\n",
            "PAGERDUTY_ROUTING_KEY_FILE": "pagerduty-key\n",
            "SMTP_AUTH_PASSWORD_FILE": "mail-password",
            "WEBHOOK_URL_FILE": f"{http.url}/webhook/secret\n",
            "WEBHOOK_TOKEN_FILE": "webhook-token\n",
        }
        for name, secret in secrets.items():
            (folder / name).write_text(secret)
        receivers = read_receivers(
            {
                **{name: str(folder / name) for name in secrets},
                "SLACK_CHANNEL": "#load-tests",
                "PAGERDUTY_URL": f"{http.url}/pagerduty",
                "SMTP_SMARTHOST": f"127.0.0.1:{smtp.server_address[1]}",
                "SMTP_FROM": "swarmscope@example.com",
                "SMTP_TO": "team@example.com, on-call@example.com",
                "SMTP_AUTH_USERNAME": "swarmscope",
                "SMTP_REQUIRE_TLS": "false",
                "SNS_TOPIC_ARN": ARN,
                "SNS_API_URL": f"{http.url}/sns",
            }
        )
        config = folder / "alertmanager.yml"
        write_alertmanager_config(
            config, receivers, receiver_url=receiver, template_glob=TEMPLATES, version=(0, 25, 0)
        )
        running = exits.enter_context(
            alertmanager(
                config,
                folder,
                AWS_ACCESS_KEY_ID="test",
                AWS_SECRET_ACCESS_KEY="test",
                AWS_EC2_METADATA_DISABLED="true",
            )
        )
        yield Stack(running, receiver, http, smtp, config, stopped)


@contextmanager
def _served(app: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
def breach() -> Callable[..., dict[str, Any]]:
    return an_alert


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    return wait_for
