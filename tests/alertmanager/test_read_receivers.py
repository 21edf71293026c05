import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from swarmscope.alerting.receivers import Email, PagerDuty, Receivers, Slack, Sns, Webhook
from swarmscope.edge.alertmanager import main, read_receivers, write_alertmanager_config
from swarmscope.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = str(ROOT / "alerts" / "templates" / "*.tmpl")
ARN = "arn:aws:sns:eu-west-1:123456789012:load-tests"
MAIL = {"SMTP_SMARTHOST": "mail:587", "SMTP_FROM": "a@example.com", "SMTP_TO": "b@example.com"}


@pytest.fixture(name="secret")
def secret_file(tmp_path):
    def write(content, name="secret"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


def problems(environ):
    with pytest.raises(ConfigurationError) as caught:
        read_receivers(environ)
    return str(caught.value)


def test_an_empty_environment_tells_nobody():
    assert read_receivers({}) == Receivers()
    assert read_receivers({"SLACK_CHANNEL": " ", "SMTP_TO": ""}) == Receivers()


def test_everybody_at_once(secret):
    url = secret("https://hooks.example.com/services/x\n", "url")
    key = secret("key", "key")
    assert read_receivers(
        {
            "SLACK_API_URL_FILE": url,
            "SLACK_CHANNEL": "#load",
            "PAGERDUTY_ROUTING_KEY_FILE": key,
            **MAIL,
            "SMTP_AUTH_USERNAME": "u",
            "SMTP_AUTH_PASSWORD_FILE": key,
            "SMTP_REQUIRE_TLS": "false",
            "SNS_TOPIC_ARN": ARN,
            "WEBHOOK_URL_FILE": url,
            "WEBHOOK_TOKEN_FILE": key,
        }
    ) == Receivers(
        slack=Slack(url, "#load"),
        pagerduty=PagerDuty(key),
        email=Email("mail:587", "a@example.com", "b@example.com", "u", key, require_tls=False),
        sns=Sns(ARN, "eu-west-1"),
        webhook=Webhook(url, "https://hooks.example.com/services/x", key),
    )


def test_mail_without_a_login_and_pagerduty_in_europe(secret):
    url = "https://events.eu.pagerduty.com/v2/enqueue"
    receivers = read_receivers({**MAIL, "PAGERDUTY_ROUTING_KEY_FILE": secret("key"), "PAGERDUTY_URL": url})
    assert receivers.email == Email("mail:587", "a@example.com", "b@example.com")
    assert receivers.pagerduty.url == url


def test_a_relative_secret_becomes_absolute_for_alertmanager_runs_elsewhere(secret, tmp_path, monkeypatch):
    secret("key", "key")
    monkeypatch.chdir(tmp_path)
    assert read_receivers({"PAGERDUTY_ROUTING_KEY_FILE": "key"}).pagerduty == PagerDuty(str(tmp_path / "key"))


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            {"SLACK_CHANNEL": "#load"},
            "environment: SLACK_API_URL_FILE: is missing, while SLACK_CHANNEL is set",
        ),
        (
            {"SMTP_TO": "b@example.com", "SMTP_AUTH_USERNAME": "u"},
            "environment: SMTP_SMARTHOST: is missing, while SMTP_TO is set\n"
            "environment: SMTP_FROM: is missing, while SMTP_TO is set",
        ),
        (
            {"SMTP_AUTH_USERNAME": "u"},
            "environment: SMTP_SMARTHOST: is missing, while SMTP_AUTH_USERNAME is set",
        ),
        (
            {**MAIL, "SMTP_AUTH_USERNAME": "u"},
            "environment: SMTP_AUTH_PASSWORD_FILE: is missing, while SMTP_AUTH_USERNAME is set",
        ),
        (
            {**MAIL, "SMTP_SMARTHOST": "mail"},
            'environment: SMTP_SMARTHOST: expected host:port, got "mail"\n  hint: smtp.example.org:587',
        ),
        (
            {**MAIL, "SMTP_REQUIRE_TLS": "maybe"},
            'environment: SMTP_REQUIRE_TLS: expected true or false, got "maybe"',
        ),
        (
            {"SNS_REGION": "eu-west-1"},
            "environment: SNS_TOPIC_ARN: is missing, while SNS_REGION is set",
        ),
        (
            {"SNS_TOPIC_ARN": "load-tests"},
            'environment: SNS_TOPIC_ARN: expected the ARN of a topic, got "load-tests"\n'
            "  hint: arn:aws:sns:eu-west-1:123456789012:load-tests",
        ),
        (
            {"SNS_TOPIC_ARN": ARN, "SNS_REGION": "us-east-1"},
            'environment: SNS_REGION: is "us-east-1", but the topic is in "eu-west-1"\n  hint: leave it out',
        ),
        (
            {"PAGERDUTY_URL": "eu"},
            "environment: PAGERDUTY_ROUTING_KEY_FILE: is missing, while PAGERDUTY_URL is set\n"
            'environment: PAGERDUTY_URL: expected an address, got "eu"\n'
            "  hint: https://events.eu.pagerduty.com/v2/enqueue",
        ),
        (
            {"PAGERDUTY_ROUTING_KEY_FILE": "/nowhere/key"},
            "environment: PAGERDUTY_ROUTING_KEY_FILE: there is no file /nowhere/key\n"
            "  hint: the variable names a file that holds the secret, not the secret",
        ),
        (
            {"PAGERDUTY_ROUTING_KEY_FILE": "/"},
            "environment: PAGERDUTY_ROUTING_KEY_FILE: cannot read /: Is a directory",
        ),
    ],
)
def test_what_is_wrong_is_said(environ, message):
    assert problems(environ) == message


@pytest.mark.parametrize("value", ["https://hooks.slack.com/services/T0/B0/secret", "abc123"])
def test_a_secret_that_was_put_into_the_variable_itself_is_not_repeated(value):
    said = problems({"SLACK_API_URL_FILE": value, "SLACK_CHANNEL": "#load"})
    assert said == (
        "environment: SLACK_API_URL_FILE: names no file that is here\n"
        "  hint: the variable names a file that holds the secret, not the secret"
    )


def test_an_empty_secret_is_no_secret(secret):
    path = secret("\n")
    assert problems({"WEBHOOK_URL_FILE": path}) == f"environment: WEBHOOK_URL_FILE: {path} is empty"


def test_what_a_secret_file_holds_is_never_shown(secret):
    said = problems({"WEBHOOK_URL_FILE": secret("s3cret token")})
    assert said == (
        "environment: WEBHOOK_URL_FILE: holds no address\n  hint: the file must hold an http or https address"
    )


def test_a_mail_password_with_a_newline_is_refused_since_alertmanager_would_send_it(secret):
    path = secret("password\n")
    said = problems({**MAIL, "SMTP_AUTH_USERNAME": "u", "SMTP_AUTH_PASSWORD_FILE": path})
    assert said == (
        f"environment: SMTP_AUTH_PASSWORD_FILE: {path} ends with a newline, which would be sent as part of the "
        f'password\n  hint: printf %s "$PASSWORD" > {path}'
    )


def test_every_problem_of_every_receiver_is_said_at_once():
    environ = {"SLACK_CHANNEL": "#x", "SNS_REGION": "x", "WEBHOOK_URL_FILE": "/nowhere/url", "SMTP_TO": "a@b"}
    assert problems(environ).count("environment: ") == 5


def test_the_file_is_its_owners_only_and_replaces_an_open_one(tmp_path):
    path = tmp_path / "config" / "alertmanager.yml"
    for _ in range(2):
        write_alertmanager_config(
            path, Receivers(), receiver_url="http://127.0.0.1:9095", template_glob=TEMPLATES, version=(0, 25)
        )
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)
    assert [each.name for each in path.parent.iterdir()] == ["alertmanager.yml"]


@pytest.mark.parametrize(
    ("version", "inline"), [((0, 25, 0), True), ((0, 26, 0), False), ((0, 28, 1), False)]
)
def test_the_webhooks_address_is_in_the_file_only_where_alertmanager_needs_it(tmp_path, version, inline):
    path = tmp_path / "alertmanager.yml"
    write_alertmanager_config(
        path,
        Receivers(webhook=Webhook("/s", "https://hooks.example.com/x")),
        receiver_url="http://127.0.0.1:9095",
        template_glob=TEMPLATES,
        version=version,
    )
    assert ("hooks.example.com" in path.read_text()) is inline


def test_templates_that_are_not_there_are_a_clear_message(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        write_alertmanager_config(
            tmp_path / "a.yml",
            Receivers(),
            receiver_url="http://127.0.0.1:9095",
            template_glob="nowhere/*.tmpl",
            version=(0, 25),
        )
    assert str(caught.value) == "nowhere/*.tmpl: there are no message templates"


def test_the_command_writes_a_file_that_alertmanager_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    path = tmp_path / "alertmanager.yml"
    assert main(["--output", str(path), "--receiver-url", "http://receiver:9095"]) == 0
    check = subprocess.run(
        ["amtool", "check-config", path], check=False, capture_output=True, text=True, timeout=30
    )
    assert check.returncode == 0, check.stderr


def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path):
    path = tmp_path / "alertmanager.yml"
    answer = subprocess.run(
        [sys.executable, "-m", "swarmscope.edge.alertmanager", "--output", str(path)],
        cwd=ROOT,
        check=False,
        env={**os.environ, "WEBHOOK_URL_FILE": "/nowhere/url"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.returncode == 20
    assert answer.stderr == (
        "environment: WEBHOOK_URL_FILE: there is no file /nowhere/url\n"
        "  hint: the variable names a file that holds the secret, not the secret\n"
    )
    assert not path.exists()
