import contextlib
import io
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from reference.running import Running, running
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
