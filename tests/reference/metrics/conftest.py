import re
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema_rs
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.metrics.population import LOCAL_PASSWORD
from reference.running import Running, running


class Client:
    """Calls the metrics service as one user, and holds every answer against the OpenAPI document."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url, token
        self.login: dict[str, Any] = {}
        self._session = requests.Session()
        self._session.trust_env = False
        self._document = self._session.get(f"{url}/openapi.json", timeout=10).json()

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers.update(options.pop("headers", {}))
        path = path if path in ("/health", "/metrics", "/faults", "/") else f"/api/v1{path}"
        answer = self._session.request(method, self.url + path, headers=headers, timeout=10, **options)
        self._check(method.lower(), path.partition("?")[0], answer)
        return answer

    def _check(self, method: str, path: str, answer: requests.Response) -> None:
        templates = sorted(self._document["paths"], key=lambda each: "{" in each)
        for template in templates:
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
                responses = self._document["paths"][template].get(method, {}).get("responses", {"405": {}})
                assert str(answer.status_code) in responses, (
                    f"{method} {template} {answer.status_code} {answer.text}"
                )
                content = responses[str(answer.status_code)].get("content")
                if content:
                    schema = {
                        **content["application/json"]["schema"],
                        "components": self._document["components"],
                    }
                    jsonschema_rs.validate(schema, answer.json())
                return

    def log_in(self, email: str, password: str = LOCAL_PASSWORD) -> requests.Response:
        answer = self("POST", "/auth/login", json={"email": email, "password": password})
        if answer.status_code == 200:
            self.login = answer.json()
            self.token = self.login["access_token"]
        return answer

    def send(self, *events: dict[str, Any]) -> dict[str, Any]:
        answer = self("POST", "/metrics/batch", json={"events": list(events)})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def receipts(self, source: str) -> tuple[Any, Any]:
        answer = self("GET", f"/metrics/receipts/{source}").json()
        return answer["stored"], answer["doubled"]

    def metric(self, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(self("GET", "/metrics").text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def close(self) -> None:
        self._session.close()


@pytest.fixture(scope="module")
def metrics_service(database_url: str) -> Iterator[Running]:
    """The metrics service, on each kind of database in turn."""
    with running("reference.metrics", "--database", database_url, "--local-key", "--faults") as service:
        yield service


@pytest.fixture
def clients(metrics_service: Running) -> Iterator[Callable[..., Client]]:
    """Makes clients: `clients("member-1", 3)` is logged in to tenant-03, `clients()` is nobody."""
    made: list[Client] = []

    def create(person: str = "", tenant: int = 1) -> Client:
        client = Client(metrics_service.url)
        made.append(client)
        if person:
            answer = client.log_in(f"{person}@tenant-{tenant:02}.local.example")
            assert answer.status_code == 200, answer.text
        return client

    yield create
    requests.delete(f"{metrics_service.url}/faults", timeout=10)
    for client in made:
        client.close()


@pytest.fixture
def new_source() -> Callable[[], str]:
    return lambda: f"s-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    def make(source: str, number: int, **changes: Any) -> dict[str, Any]:
        now = time.time_ns() // 1_000_000
        return {"id": f"{source}:{number}", "name": "api.requests", "value": 1, "at": now} | changes

    return make
