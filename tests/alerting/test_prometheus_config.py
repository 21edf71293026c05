"""prometheus.yml for given addresses."""

from __future__ import annotations

import yaml

from swarmscope.alerting.prometheus_config import compose_config, prometheus_config


def test_addresses_rules_and_alertmanager_are_the_given_ones():
    text = prometheus_config(
        {"locust": ["127.0.0.1:1"], "service": ["127.0.0.1:2", "127.0.0.1:3"]},
        ["127.0.0.1:4"],
        ["/rules/*.yml"],
        source="this test",
    )
    assert text.splitlines()[0] == "# Made from this test; edits are lost."
    assert yaml.safe_load(text) == {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["/rules/*.yml"],
        "scrape_configs": [
            {"job_name": "locust", "static_configs": [{"targets": ["127.0.0.1:1"]}]},
            {"job_name": "service", "static_configs": [{"targets": ["127.0.0.1:2", "127.0.0.1:3"]}]},
        ],
        "alerting": {
            "alertmanagers": [{"timeout": "5s", "static_configs": [{"targets": ["127.0.0.1:4"]}]}],
        },
    }


def test_a_job_without_addresses_is_left_out_so_that_it_is_never_down():
    config = yaml.safe_load(prometheus_config({"locust": ["127.0.0.1:1"], "service": []}, [], []))
    assert [scraped["job_name"] for scraped in config["scrape_configs"]] == ["locust"]
    assert "alerting" not in config


def test_what_comes_and_goes_is_looked_up_so_that_it_is_never_down():
    config = yaml.safe_load(
        prometheus_config({"locust": ["a:1", "b:1", "c:2"], "service": ["d:3"]}, [], [], looked_up={"locust"})
    )
    assert config["scrape_configs"] == [
        {
            "job_name": "locust",
            "dns_sd_configs": [
                {"names": ["a", "b"], "type": "A", "port": 1, "refresh_interval": "1s"},
                {"names": ["c"], "type": "A", "port": 2, "refresh_interval": "1s"},
            ],
        },
        {"job_name": "service", "static_configs": [{"targets": ["d:3"]}]},
    ]


def test_a_teams_own_store_is_written_to():
    config = yaml.safe_load(
        prometheus_config({}, [], [], remote_write=["http://mimir/push"], external_labels={"site": "lab"})
    )
    assert config["remote_write"] == [{"url": "http://mimir/push"}]
    assert config["global"]["external_labels"] == {"site": "lab"}


def test_every_variant_is_valid(promtool):
    text = prometheus_config(
        {"locust": ["127.0.0.1:1"]},
        ["127.0.0.1:4"],
        ["rules/*.yml"],
        remote_write=["http://127.0.0.1:9/push"],
        external_labels={"site": "lab"},
    )
    for config in (text, compose_config()):
        done = promtool({"prometheus.yml": config}, "check", "config", "prometheus.yml")
        assert done.returncode == 0, done.stderr
