"""What a stack starts for AWS: the stand-in only beside the reference service, and nobody's credentials only for it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from swarmscope.edge.nobody import become_nobody
from swarmscope.edge.stack import aws
from swarmscope.edge.stack.aws import EXPORTER, STAND_IN, AwsPart
from swarmscope.edge.stack.doctor import examine
from swarmscope.edge.stack.generator import LoadRequest
from swarmscope.edge.stack.prepare import prepare
from swarmscope.settings import Settings
from swarmscope.targets.parse import parse_environments

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(cloudwatch_exporter_port=23, aws_stand_in_port=42, exporter_port=7)


@pytest.fixture
def settings(free_ports, tmp_path) -> Settings:
    names = [name for name in Settings.__slots__ if name.endswith("_port")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return Settings(**ports, state=str(tmp_path / "state"))


@pytest.fixture
def somewhere() -> Iterator[str]:
    """A service that is not the reference and answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def part(settings: Settings, system: str, **request: str) -> AwsPart | None:
    return prepare(
        ROOT,
        LoadRequest(system, "", **request),
        settings,
        {"PATH": "/usr/bin:/usr/sbin:/bin", "ACCESS_TOKEN": "x"},
        web_ui=False,
    ).plan.aws


def test_the_reference_service_of_a_system_on_aws_gets_the_stand_in(settings):
    assert part(settings, "access") == AwsPart("local", stand_in=True)
    assert part(settings, "stet") is None


def test_a_service_elsewhere_is_not_asked_about_with_the_local_section(settings, somewhere):
    assert part(settings, "access", host=somewhere) is None
    assert part(settings, "access", host=somewhere, environment="local") is None


def test_the_stand_in_is_asked_where_the_stack_starts_it():
    stand_in, exporter = aws.programs(AwsPart("local", stand_in=True), "access", SETTINGS)
    assert (stand_in.name, exporter.name) == (STAND_IN, EXPORTER)
    assert stand_in.is_optional
    assert exporter.is_optional
    assert exporter.command[-2:] == ("--stand-in", "http://127.0.0.1:42")


def test_what_could_mean_a_real_account_is_forgotten_by_who_asks_the_stand_in():
    names = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL")
    environ = {"PATH": "/bin", **dict.fromkeys(names, "real")}
    become_nobody(environ)
    assert environ["AWS_ACCESS_KEY_ID"] == environ["AWS_SECRET_ACCESS_KEY"] == "testing"
    assert environ["AWS_SHARED_CREDENTIALS_FILE"] == environ["AWS_CONFIG_FILE"] == "/dev/null"
    assert environ["PATH"] == "/bin"
    assert "real" not in environ.values()


def test_aws_itself_is_asked_with_the_users_own_credentials_and_address():
    (exporter,) = aws.programs(AwsPart("sit", stand_in=False), "access", SETTINGS)
    assert exporter.environment == {}
    assert "--stand-in" not in exporter.command
    assert "testing" not in " ".join(exporter.command)
    assert exporter.command[5:7] == ("--environment", "sit")


def test_only_the_reference_beside_the_stand_in_reports_to_it():
    assert aws.service_options(AwsPart("local", stand_in=True), SETTINGS) == ("--aws", "http://127.0.0.1:42")
    assert aws.service_options(AwsPart("sit", stand_in=False), SETTINGS) == ()
    assert aws.service_options(None, SETTINGS) == ()


def test_ports_are_wanted_for_what_is_started_only():
    assert list(aws.ports(AwsPart("local", stand_in=True), SETTINGS)) == [
        "SWARMSCOPE_CLOUDWATCH_EXPORTER_PORT",
        "SWARMSCOPE_AWS_STAND_IN_PORT",
    ]
    assert list(aws.ports(AwsPart("sit", stand_in=False), SETTINGS)) == [
        "SWARMSCOPE_CLOUDWATCH_EXPORTER_PORT"
    ]


def test_doctor_knows_the_ports_of_aws(settings):
    found = {finding.what: finding.words for finding in examine(settings, {"PATH": "/usr/bin"})}
    assert found[f"port {settings.aws_stand_in_port}"].startswith("free, for the AWS stand-in")
    assert found[f"port {settings.cloudwatch_exporter_port}"].startswith("free, for the CloudWatch exporter")


def test_the_examples_of_other_environments_are_read_when_they_are_taken_out_of_their_comments():
    for system in ("access", "triggers"):
        text = (ROOT / f"scenarios/{system}/environments.yaml").read_text(encoding="utf-8")
        lines, inside = [], False
        for line in text.splitlines():
            inside = line.strip() == "# aws:" or (inside and line.startswith("    #   "))
            lines.append(line.replace("# ", "", 1) if inside else line)
        example = "\n".join(lines).replace("<account>", "000000000000")
        found = parse_environments(example, system)
        assert [name for name, each in found.items() if each.aws is not None and name != "local"]
