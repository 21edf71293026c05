"""A client of the STET API, and what it sends."""

import uuid
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families


class Client:
    """Calls the API as a tenant of its own, and holds every answer against the OpenAPI document."""

    def __init__(self, url, paths, session, tenant=None):
        self.url, self.paths, self.session = url, paths, session
        self.tenant = tenant or f"tenant-{uuid.uuid4().hex}"

    def __call__(self, method, path, **options):
        headers = {"X-Tenant-Id": self.tenant} | options.pop("headers", {})
        answer = self.session.request(method, self.url + path, headers=headers, timeout=10, **options)
        documented = self.paths[path.partition("?")[0]][method.lower()]["responses"]
        assert str(answer.status_code) in documented, f"{method} {path} {answer.status_code} {answer.text}"
        return answer

    def correct(self, **changes):
        """Send a correction; `None` leaves a member out."""
        return self("POST", "/v1/corrections", json=correction(**changes))

    def facts(self, query="", requester="bot:test"):
        answer = self("GET", f"/v1/facts?{asking(requester)}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def history(self, query="", requester="bot:test"):
        answer = self("GET", f"/v1/history?{asking(requester)}{query}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def metric(self, name, **labels):
        page = self.session.get(f"{self.url}/metrics", timeout=10).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def asking(requester):
    return f"subject_type=user&subject_id=user_7&requester_id={requester}"


def correction(**changes):
    document = {
        "subject": {"type": "user", "id": "user_7"},
        "field_key": "profile.name",
        "value": {"text": "Ada"},
        "class": "FACT",
        "permissions": {"readers": ["bot:test"]},
        "actor": {"type": "system", "id": "load-test"},
        "idempotency_key": str(uuid.uuid4()),
    } | changes
    return {name: value for name, value in document.items() if value is not None}


def beat(client, system, version=None):
    version = version or datetime.now(UTC)
    document = {"system_id": system, "enforced_correction_version": version.isoformat()}
    answer = client("POST", "/v1/enforcement/heartbeat", json=document)
    assert answer.status_code == 201, answer.text
    return answer.json()
