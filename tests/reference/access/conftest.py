import contextlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from reference.running import Running, running
from reference.tokens import LOCAL_SECRET, Tokens

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/prod"
TOKENS = Tokens("access", LOCAL_SECRET)


class Client:
    """Calls the API as one user of one organisation, and holds every answer against the OpenAPI document."""

    def __init__(self, url: str, organisation: str, user: str, role: str) -> None:
        self.url, self.organisation, self.user = url, organisation, user
        self.token = TOKENS.issue(user, 600, {"org": organisation, "role": role})
        self._session = requests.Session()
        self._session.trust_env = False
        self._paths = self._session.get(f"{url}/openapi.json", timeout=10).json()["paths"]

    def __call__(self, method: str, path: str, token: str | None = None, **options: Any) -> requests.Response:
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers.update(options.pop("headers", {}))
        answer = self._session.request(method, self.url + path, headers=headers, timeout=10, **options)
        for template, operations in self._paths.items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path.partition("?")[0]):
                documented = operations.get(method.lower(), {}).get("responses", {"405": ...})
                assert str(answer.status_code) in documented, f"{method} {template} {answer.status_code}"
                break
        return answer

    def make(self, path: str, **fields: Any) -> dict[str, Any]:
        """POST something that must be created."""
        answer = self("POST", path, json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def permit(self, subject: str, method: str, resource: str, effect: str = "allow") -> str:
        """Create a permission; returns its id."""
        fields = {"subject": subject, "effect": effect, "method": method, "resource": resource}
        return self.make("/v1/permissions", **fields)["id"]

    def authorize(self, method: str, resource: str, token: str | None = None) -> requests.Response:
        """Ask the authorizer, by default for this client itself."""
        event = {
            "type": "TOKEN",
            "authorizationToken": f"Bearer {self.token if token is None else token}",
            "methodArn": f"{ARN}/{method}{resource}",
        }
        return self("POST", "/authorize", token="", json=event)

    def effect(self, method: str, resource: str) -> str:
        """Allow or Deny."""
        answer = self.authorize(method, resource)
        assert answer.status_code == 200, answer.text
        return answer.json()["policyDocument"]["Statement"][0]["Effect"]

    def audit(self, query: str = "") -> list[dict[str, Any]]:
        """Entries, the newest first."""
        answer = self("GET", f"/v1/audit?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()["entries"]

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def access(
    request: pytest.FixtureRequest,
    new_postgresql: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """The Access Management API, on each kind of database in turn; starting instances takes it a moment."""
    if request.param == "sqlite":
        database = str(tmp_path_factory.mktemp("access") / "access.sqlite3")
    else:
        database = new_postgresql()
    options = ["--local-key", "--faults", "--init-ms", "20", "--init-jitter-ms", "0"]
    with running("reference.access", "--database", database, *options) as service:
        yield service


@pytest.fixture
def client(access: Running) -> Iterator[Callable[..., Client]]:
    """Makes clients: of a new organisation, or of a given one."""
    with contextlib.ExitStack() as stack:

        def create(organisation: str = "", user: str = "ann", role: str = "admin") -> Client:
            made = Client(access.url, organisation or f"org-{uuid.uuid4().hex}", user, role)
            stack.callback(made.close)
            return made

        yield create
