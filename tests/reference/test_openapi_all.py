"""Every reference service survives schemathesis on its own OpenAPI document: no 500, and only documented answers.

A service is found by its folder (one that has an openapi.py) and started with --local-key. Where a signed token with
the claims below does not let a caller in, name its credentials in KEYS or its claims in CLAIMS.
"""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from reference.metrics.population import LOCAL_PASSWORD, people, tenant_id
from reference.running import running
from reference.tokens import LOCAL_SECRET, Tokens

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in (ROOT / "reference").glob("*/openapi.py"))
KEYS = {"triggers": "local-load-test"}
LOGINS = {
    "claims": ("/api/v1/auth/token/", {"username": "user_a", "password": "testpass123"}, "access"),
    "metrics": (
        "/api/v1/auth/login",
        {"email": people(tenant_id(1))[0][0], "password": LOCAL_PASSWORD},
        "access_token",
    ),
}
"""Path, body and the answer's key, where only a login lets a caller in."""
LEFT_OUT = {"metrics": "/api/v1/auth/logout"}
"""Who is logged out by the first call would be refused by all that follow."""
CLAIMS = {"access": {"org": "local-load-test", "role": "admin"}}
USUAL_CLAIMS = {"org": "local-load-test", "tenant": "local-load-test", "role": "admin"}
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)
MEMORY_BYTES = 4 << 30


def bearer(system, url):
    if system in LOGINS:
        path, body, key = LOGINS[system]
        answer = requests.post(url + path, json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()[key]
    issue = Tokens(system, LOCAL_SECRET).issue
    return KEYS.get(system) or issue("schemathesis", 3600, CLAIMS.get(system, USUAL_CLAIMS))


def schemathesis(system, url, folder, *options):
    """Call the service as its document says; the same calls each time."""
    command = [
        str(Path(sys.executable).with_name("st")), "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {bearer(system, url)}", "--checks", CHECKS, "--seed", "1",
        "--generation-deterministic", "--suppress-health-check", "all",
        "--continue-on-failure", "--no-shrink", "--no-color", "--request-timeout", "20", *options,
        *(("--exclude-path", LEFT_OUT[system]) if system in LEFT_OUT else ()),
    ]  # fmt: skip
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"NO_PROXY": "*"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def answered(url):
    """Status → answers of the service's own operations, as it counted them itself."""
    counts = {}
    for family in text_string_to_metric_families(requests.get(f"{url}/metrics", timeout=10).text):
        for sample in family.samples:
            if sample.name == "http_server_request_duration_seconds_count" and sample.labels["route"] not in (
                "/",
                "/health",
                "/metrics",
                "/openapi.json",
                "unmatched",
            ):
                status = sample.labels["status"]
                counts[status] = counts.get(status, 0) + sample.value
    return counts


def check(system, tmp_path, *options):
    with running(f"reference.{system}", "--local-key", "--database", str(tmp_path / "x.sqlite3")) as service:
        done = schemathesis(system, service.url, tmp_path, *options)
        counts = answered(service.url)
        operations = requests.get(f"{service.url}/openapi.json", timeout=10).json()["paths"]
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    tested = re.search(r"Tested: (\d+)", done.stdout)
    wanted = {path: methods for path, methods in operations.items() if path != LEFT_OUT.get(system)}
    assert int(tested[1]) == sum(len(methods.keys() - {"parameters"}) for methods in wanted.values())
    assert [status for status in counts if status.startswith("5") and counts[status]] == []
    successes = sum(count for status, count in counts.items() if status.startswith("2"))
    assert successes > 0, f"nothing was let in: name the credentials of {system} in KEYS or CLAIMS ({counts})"


def test_there_are_services_to_look_at():
    assert set(SERVICES) == {"access", "claims", "metrics", "stet", "triggers"}


@pytest.mark.parametrize("system", SERVICES)
def test_a_service_answers_as_its_openapi_document_says(system, tmp_path):
    check(system, tmp_path, "--phases", "fuzzing", "--max-examples", "2")


@pytest.mark.long
@pytest.mark.parametrize("system", SERVICES)
def test_a_service_stands_many_more_calls_and_the_edges_of_its_document(system, tmp_path):
    check(system, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "50")
