import contextlib
import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import websockets.sync.client
from prometheus_client.parser import text_string_to_metric_families

from reference.running import Running, running
from reference.tokens import LOCAL_SECRET, Tokens
from reference.triggers.__main__ import main


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def new_clock() -> type[FakeClock]:
    """For tests that need a clock per example."""
    return FakeClock


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(
    request: pytest.FixtureRequest,
    new_postgresql: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Where an empty database is: once of each kind."""
    if request.param == "sqlite":
        return str(tmp_path_factory.mktemp("database") / "service.sqlite3")
    return new_postgresql()


def make_key(database: str, user: str, role: str = "creator", rate_limit: int = 1_000_000) -> str:
    """A new API key, made by the command that people use."""
    out = io.StringIO()
    options = ["--user-id", user, "--user-email", f"{user}@example.com", "--role", role]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert (
            main(["keys", "create", *options, "--rate-limit", str(rate_limit), "--database", database]) == 0
        )
    return out.getvalue().strip()


class Client:
    """Calls the Triggers API as one user, and holds every answer against the OpenAPI document."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url, self.key = url, key
        self._session = requests.Session()
        self._session.trust_env = False
        self._paths = self._session.get(f"{url}/openapi.json", timeout=10).json()["paths"]

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        headers.update(options.pop("headers", {}))
        answer = self._session.request(method, self.url + path, headers=headers, timeout=10, **options)
        for template, operations in self._paths.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path.partition("?")[0]):
                documented = operations.get(method.lower(), {}).get("responses", {"405": ...})
                assert str(answer.status_code) in documented, f"{method} {template} {answer.status_code}"
                break
        return answer

    def send(self, event_type: str = "test", **payload: Any) -> str:
        """Store an event; returns its id."""
        answer = self("POST", "/events", json={"event_type": event_type, "payload": payload})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="module")
def triggers(database_url: str) -> Iterator[Running]:
    """The Triggers API, on each kind of database in turn."""
    with running("reference.triggers", "--database", database_url, "--local-key", "--faults") as service:
        yield service


@pytest.fixture
def client(triggers: Running, database_url: str) -> Iterator[Callable[..., Client]]:
    """Makes clients: of a new user, of a named one, or with a given key."""
    with contextlib.ExitStack() as stack:

        def create(user: str = "", key: str | None = None, **options: Any) -> Client:
            if key is None:
                key = make_key(database_url, user or uuid.uuid4().hex, **options)
            made = Client(triggers.url, key)
            stack.callback(made.close)
            return made

        yield create


class LiveClient:
    """One connection to /api/v1/live."""

    def __init__(self, url: str, token: str | None, query: str = "", **options: Any) -> None:
        self.socket = websockets.sync.client.connect(
            f"ws{url.removeprefix('http')}/api/v1/live{query}", compression=None, legacy=True, **options
        )
        if token is not None:
            assert self.ask(type="authenticate", token=token)["type"] == "ready"

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def next(self) -> dict[str, Any]:
        """The next message from the service."""
        return json.loads(self.socket.recv(timeout=10))

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message; returns the next one that comes."""
        self.send(**message)
        return self.next()

    def subscribe(self, channel: str = "c") -> dict[str, Any]:
        return self.ask(type="subscribe", channel=channel)

    def publish(self, sequence: int, data: Any = None, channel: str = "c") -> None:
        self.send(type="publish", channel=channel, sequence=sequence, data=data)

    def closing(self) -> tuple[int, str]:
        """Code and reason of the close frame that ends the connection, whatever comes before it."""
        with pytest.raises(websockets.ConnectionClosed) as closed:
            while True:
                self.socket.recv(timeout=15)
        assert closed.value.rcvd is not None, "the connection ended without a close frame"
        return closed.value.rcvd.code, closed.value.rcvd.reason


def live_token(tenant: Any = "tenant-a", seconds: float = 600, **claims: Any) -> str:
    return Tokens("metrics", LOCAL_SECRET).issue("someone", seconds, {"tenant": tenant, **claims})


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of live channels."""
    database = str(tmp_path_factory.mktemp("live") / "live.sqlite3")
    with running("reference.metrics.live_service", "--database", database, "--local-key", "--faults") as one:
        yield one


@pytest.fixture
def live_client(live: Running) -> Iterator[Callable[..., LiveClient]]:
    """Connects clients: of tenant-a, of another tenant, or with a token of the test's own (None: without)."""
    with contextlib.ExitStack() as stack:

        def connect(tenant: str = "tenant-a", query: str = "", **options: Any) -> LiveClient:
            token = options.pop("token", live_token(tenant))
            client = LiveClient(live.url, token, query, **options)
            stack.callback(client.socket.close)
            return client

        yield connect


@pytest.fixture
def live_client_of() -> Iterator[Callable[..., LiveClient]]:
    """Connects clients to a service of the test's own."""
    with contextlib.ExitStack() as stack:

        def connect(url: str, token: str | None = live_token()) -> LiveClient:
            client = LiveClient(url, token)
            stack.callback(client.socket.close)
            return client

        yield connect


@pytest.fixture
def live_count(live: Running) -> Callable[..., float]:
    """Reads a number of the service's page: `live_count("live_published_total")`."""

    def read(name: str, **labels: str) -> float:
        page = requests.get(f"{live.url}/metrics", timeout=10).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    return read


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until something is so."""

    def wait(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline, "what the test waits for did not happen"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def make_live_token() -> Callable[..., str]:
    return live_token
