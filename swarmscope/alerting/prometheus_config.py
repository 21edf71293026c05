"""Renders prometheus.yml for given addresses: what is scraped, how often, which rules, who is told. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from swarmscope.alerting.rule_file import INTERVAL, as_yaml
from swarmscope.document import origin
from swarmscope.names import Job

COMPOSE_TARGETS: Mapping[str, Sequence[str]] = {
    Job.LOCUST: ("locust-master:9646", "locust-headless:9646"),
    Job.SERVICE: ("reference:8000",),
    Job.PROMETHEUS: ("localhost:9090",),
    Job.ALERTMANAGER: ("alertmanager:9093",),
    Job.RECEIVER: ("receiver:9095",),
    Job.NODE: ("node-exporter:9100",),
    Job.POSTGRESQL: ("postgres-exporter:9187",),
    Job.CLOUDWATCH: ("cloudwatch-exporter:9106",),
}
"""Job → addresses as docker-compose.yml names them."""

COMES_AND_GOES = frozenset({Job.LOCUST})
"""Jobs of the compose stack whose containers need not be there: a run without the web UI, or only the web UI. DNS
says which are, so that one that was never started is not down."""

_REMARK = """\
Every page is scraped and every rule evaluated once a second: the times in docs/alerting.md are made of it."""


def prometheus_config(
    targets: Mapping[str, Sequence[str]],
    alertmanagers: Sequence[str],
    rule_files: Sequence[str],
    *,
    looked_up: Collection[str] = (),
    remote_write: Sequence[str] = (),
    external_labels: Mapping[str, str] | None = None,
    source: str = "",
) -> str:
    """The text of prometheus.yml.

    `targets` maps job names to `host:port` addresses (a job without addresses is left out), `rule_files` are globs,
    relative ones being relative to the file. The addresses of jobs that are `looked_up` are names in DNS, of which any
    may be absent. `remote_write` are URLs of stores that the team already has. `source` says
    what a text that is not committed was made from.
    """
    config: dict[str, Any] = {
        "global": {
            "scrape_interval": INTERVAL,
            # Not more than the interval; two scrapes that fail in a row are bridged by the rules.
            "scrape_timeout": INTERVAL,
            "evaluation_interval": INTERVAL,
            **({"external_labels": dict(external_labels)} if external_labels else {}),
        },
        "rule_files": list(rule_files),
        "scrape_configs": [
            (_lookup if job in looked_up else _scrape)(job, addresses)
            for job, addresses in targets.items()
            if addresses
        ],
    }
    if alertmanagers:
        config["alerting"] = {
            "alertmanagers": [{"timeout": "5s", "static_configs": [{"targets": list(alertmanagers)}]}]
        }
    if remote_write:
        config["remote_write"] = [{"url": url} for url in remote_write]
    header = (
        f"Made from {source}; edits are lost."
        if source
        else origin("swarmscope/alerting/prometheus_config.py")
    )
    return as_yaml(config, header, _REMARK)


def compose_config() -> str:
    """The prometheus.yml of docker-compose.yml, with the rules of every system mounted beside it."""
    return prometheus_config(
        COMPOSE_TARGETS,
        COMPOSE_TARGETS[Job.ALERTMANAGER],
        # As docker-compose.yml mounts them: prometheus/ and alerts/ of the checkout side by side.
        ("rules/*.generated.yml", "../alerts/*.generated.yml"),
        looked_up=COMES_AND_GOES,
    )


def _scrape(job: str, addresses: Sequence[str]) -> dict[str, Any]:
    return {"job_name": job, "static_configs": [{"targets": list(addresses)}]}


def _lookup(job: str, addresses: Sequence[str]) -> dict[str, Any]:
    by_port: dict[int, list[str]] = {}
    for address in addresses:
        name, _, port = address.rpartition(":")
        by_port.setdefault(int(port), []).append(name)
    return {
        "job_name": job,
        "dns_sd_configs": [
            {"names": names, "type": "A", "port": port, "refresh_interval": INTERVAL}
            for port, names in by_port.items()
        ],
    }
