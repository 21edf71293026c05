import itertools
import subprocess
from pathlib import Path

import pytest
import yaml

from swarmscope.alerting.alertmanager_config import alertmanager_config, shipped_alertmanager_config
from swarmscope.alerting.receivers import Email, PagerDuty, Receivers, Slack, Sns, Webhook

ROOT = Path(__file__).resolve().parents[2]

EVERYBODY = {
    "webhook": Webhook("/run/secrets/webhook", "https://hooks.example.com/secret", "/run/secrets/token"),
    "slack": Slack("/run/secrets/slack", "#load-tests"),
    "email": Email("mail:587", "a@example.com", "b@example.com", "user", "/run/secrets/mail"),
    "pagerduty": PagerDuty("/run/secrets/pagerduty", "https://events.eu.pagerduty.com/v2/enqueue"),
    "sns": Sns("arn:aws:sns:eu-west-1:123456789012:load-tests", "eu-west-1"),
}


def render(receivers, **more):
    return alertmanager_config(receivers, receiver_url="http://receiver:9095/", **more)


def parsed(receivers, **more):
    return yaml.safe_load(render(receivers, **more))


def kinds(config):
    return {
        receiver["name"]: sorted(key for key in receiver if key != "name") for receiver in config["receivers"]
    }


def check_config(path):
    return subprocess.run(
        ["amtool", "check-config", path], check=False, capture_output=True, text=True, timeout=30
    )


def test_nobody_configured_leaves_the_local_receiver_and_the_watchdog():
    config = parsed(Receivers())
    assert kinds(config) == {"local": ["webhook_configs"], "watchdog": ["webhook_configs"]}
    assert config["route"]["routes"] == [
        {
            "receiver": "watchdog",
            "matchers": ['alertname="Watchdog"'],
            "group_by": ["alertname"],
            "group_interval": "10s",
            "repeat_interval": "30s",
        }
    ]


def test_everybody_is_told_by_severity():
    assert kinds(parsed(Receivers(**EVERYBODY))) == {
        "local": ["webhook_configs"],
        "watchdog": ["webhook_configs"],
        "critical": ["email_configs", "pagerduty_configs", "slack_configs", "sns_configs", "webhook_configs"],
        "warning": ["email_configs", "slack_configs", "sns_configs", "webhook_configs"],
        "info": ["slack_configs", "webhook_configs"],
    }


def test_a_severity_that_nobody_listens_to_has_no_route():
    config = parsed(Receivers(pagerduty=EVERYBODY["pagerduty"]))
    assert list(kinds(config)) == ["local", "watchdog", "critical"]
    assert [route["receiver"] for route in config["route"]["routes"]] == ["watchdog", "local", "critical"]


def test_timing_is_the_one_that_the_documentation_promises():
    route = parsed(Receivers(**EVERYBODY))["route"]
    assert (route["group_by"], route["group_wait"], route["group_interval"], route["repeat_interval"]) == (
        ["run", "system"],
        "1s",
        "3s",
        "1h",
    )
    assert {each["receiver"]: each.get("group_interval") for each in route["routes"]} == {
        "watchdog": "10s",
        "local": None,
        "critical": "10s",
        "warning": "10s",
        "info": "10s",
    }


def test_everybody_hears_of_the_end():
    config = parsed(Receivers(**EVERYBODY))
    ends = {
        (receiver["name"], kind): each["send_resolved"]
        for receiver in config["receivers"]
        for kind, configs in receiver.items()
        if kind != "name"
        for each in configs
    }
    assert all(ends.pop(key) for key in list(ends) if key[0] != "watchdog")
    assert ends == {("watchdog", "webhook_configs"): False}


@pytest.mark.parametrize("inline", [False, True])
def test_a_webhooks_address_is_written_only_for_an_alertmanager_that_cannot_read_it(inline):
    text = render(Receivers(**EVERYBODY), inline_webhook_url=inline)
    assert ("https://hooks.example.com/secret" in text) is inline
    assert ("url_file: /run/secrets/webhook" in text) is not inline
    assert "hooks.example.com" not in repr(Receivers(**EVERYBODY))


@pytest.mark.parametrize("count", range(len(EVERYBODY) + 1))
def test_alertmanager_takes_every_combination_of_receivers(tmp_path, count):
    chosen = list(itertools.combinations(EVERYBODY, count))
    for number, names in enumerate(chosen):
        text = render(Receivers(**{name: EVERYBODY[name] for name in names}), inline_webhook_url=True)
        (tmp_path / f"{number}.yml").write_text(text)
    files = sorted(str(path) for path in tmp_path.iterdir())
    answer = subprocess.run(
        ["amtool", "check-config", *files], check=False, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("SUCCESS") == 2 * len(chosen)  # the file, and its templates' pattern


def test_the_check_can_fail(tmp_path):
    (tmp_path / "bad.yml").write_text(render(Receivers(**EVERYBODY)).replace("send_resolved", "send_solved"))
    assert check_config(tmp_path / "bad.yml").returncode != 0


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (["alertname=Watchdog", "severity=none"], "watchdog"),
        (["alertname=WorkerLost", "severity=critical"], "local,critical"),
        (["alertname=WorkerLost", "severity=warning"], "local,warning"),
        (["alertname=WorkerLost", "severity=info"], "local,info"),
        (["alertname=WorkerLost"], "local,warning"),
        (["alertname=WorkerLost", "severity=none"], "local"),
    ],
)
def test_routes_as_amtool_sees_them(tmp_path, labels, receivers):
    path = tmp_path / "alertmanager.yml"
    path.write_text(render(Receivers(**EVERYBODY), inline_webhook_url=True))
    answer = subprocess.run(
        [
            "amtool",
            "config",
            "routes",
            "test",
            f"--config.file={path}",
            f"--verify.receivers={receivers}",
            *labels,
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (answer.returncode, answer.stdout.strip()) == (0, receivers), answer.stderr


def test_the_committed_file_is_the_local_receivers_and_valid():
    path = ROOT / "alerts" / "alertmanager.yml"
    assert path.read_text() == shipped_alertmanager_config()
    answer = check_config(path)
    assert answer.returncode == 0, answer.stderr
    assert "templates" in answer.stdout
