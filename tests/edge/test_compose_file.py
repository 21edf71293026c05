"""docker-compose.yml by what it says; scripts/try-compose.sh runs it."""

import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from swarmscope.alerting.prometheus_config import COMPOSE_TARGETS
from swarmscope.edge.environment import read_dotenv

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
TIMED_OUT = 128 + signal.SIGALRM
"""What bash's `read -t` leaves."""
OURS = [name for name, service in SERVICES.items() if service["image"] == "swarmscope:local"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_port_is_on_loopback_unless_the_settings_say_otherwise(name):
    for port in SERVICES[name].get("ports", ()):
        assert re.fullmatch(
            r"\$\{SWARMSCOPE_BIND:-127\.0\.0\.1\}:\$\{SWARMSCOPE_[A-Z_]+_PORT:-\d+\}:\d+", port
        )


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name):
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["mem_limit"]
    assert service["restart"] in ("unless-stopped", "no")
    assert not service.get("privileged")
    assert "container_name" not in service  # it could not be scaled
    assert service["pids_limit"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    if name != "postgres":  # its entrypoint makes its folder its own before it leaves root
        assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_of_the_machine_is_mounted_but_configuration_to_read(name):
    for volume in SERVICES[name].get("volumes", ()):
        source, _, rest = volume.rpartition(":/")
        if source in COMPOSE["volumes"]:
            continue
        assert source.startswith(("./", "${")), volume
        assert rest.endswith(":ro"), volume


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned(name):
    image = SERVICES[name]["image"]
    assert re.fullmatch(r"[a-z0-9./-]+:(v?\d[\w.]*|local)", image), image


def test_our_image_runs_as_nobody_in_particular():
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert all("user" not in SERVICES[name] for name in OURS)
    for line in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE):
        assert re.search(r":\d", line), f"{line} is not pinned"
    assert not re.search(r"^(ARG|ENV).*(PASSWORD|TOKEN|SECRET|KEY)", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_in_the_environment(name):
    for variable, value in (SERVICES[name].get("environment") or {}).items():
        if re.search(r"PASSWORD|TOKEN|SECRET", variable):
            assert variable.endswith(("_FILE", "__FILE", "PASS_FILE")), (
                f"{variable} would show in docker inspect"
            )
        assert not re.search(r"://[^/@$]*:[^/@$]+@", str(value)), f"{variable} holds a password"


def test_every_service_that_is_waited_for_can_say_that_it_is_healthy():
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            assert wait["condition"] in ("service_healthy", "service_completed_successfully"), name
            if wait["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"


@pytest.mark.parametrize("name", SERVICES)
def test_what_goes_on_says_whether_it_is_healthy(name):
    runs_once = name in ("secrets", "locust-headless")
    assert runs_once or "healthcheck" in SERVICES[name]


def test_the_healthcheck_of_our_image_tells_a_page_that_is_served_from_one_that_is_not(served):
    answers = ROOT / "scripts" / "answers.sh"
    assert "COPY scripts/answers.sh /usr/local/bin/answers" in DOCKERFILE
    assert "!scripts/answers.sh" in (ROOT / ".dockerignore").read_text()

    def code(port, path):
        while True:
            done = subprocess.run([answers, str(port), path], check=False, capture_output=True)
            if done.returncode != TIMED_OUT:  # as on a machine that stood still: no answer either way
                return done.returncode

    assert code(served, "/health") == 0
    assert code(served, "/other") == 1
    assert code(1, "/health") == 1


@pytest.fixture
def served():
    """The port of a server that knows /health."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_credentials_reach_containers_by_a_file_only():
    readers = [
        name for name, service in SERVICES.items() if "with_credentials" in str(service.get("entrypoint"))
    ]
    assert readers == [
        "reference",
        "locust-master",
        "locust-worker",
        "locust-headless",
        "cloudwatch-exporter",
    ]
    for name in readers:
        assert "${CREDENTIALS_FILE:-/dev/null}:/run/given-credentials:ro" in SERVICES[name]["volumes"]
        assert not re.search(r"\$\{(LOCUST_API_KEY|DATABASE_URL)", str(SERVICES[name].get("environment")))


def test_prometheus_scrapes_what_there_is():
    for job, addresses in COMPOSE_TARGETS.items():
        for address in addresses:
            host = address.partition(":")[0]
            assert host in SERVICES or host == "localhost", f"{job} scrapes {host}"


def test_every_volume_that_is_named_is_there_and_used():
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not volume.startswith((".", "/", "$"))
    }
    assert used == set(COMPOSE["volumes"])


def test_every_setting_that_is_read_is_in_the_example():
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    chosen_by_hand = {"SYSTEM", "PROFILE", "ENVIRONMENT", "HOST", "PROCESSES"}
    for variable in set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text)) - chosen_by_hand:
        assert re.search(rf"^# {variable}=", example, re.MULTILINE), variable
    assert read_dotenv(ROOT / ".env.example") == {}
