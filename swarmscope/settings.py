"""Ports, addresses and folders of the local stack: one frozen value with the usual defaults. No I/O.

`swarmscope.edge.environment.read_settings` fills it from SWARMSCOPE_* variables.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the parts of the stack listen and where they keep things. Everything binds loopback by default."""

    bind: str = "127.0.0.1"
    service_port: int = 8000
    locust_port: int = 8089
    exporter_port: int = 9646
    prometheus_port: int = 9090
    alertmanager_port: int = 9093
    receiver_port: int = 9095
    grafana_port: int = 3000
    postgresql_port: int = 5433
    """Of the stack's own PostgreSQL; Debian's listens on 5432."""
    node_exporter_port: int = 9100
    postgres_exporter_port: int = 9187
    cloudwatch_exporter_port: int = 9106
    aws_stand_in_port: int = 4566
    reports: str = "reports"
    """Folder for reports/<run>/."""
    state: str = ".swarmscope"
    """Folder for logs, Prometheus' data and the receiver's notifications."""
    retention: str = "30d"
    """How long the local Prometheus keeps runs; its data survives between them."""
    service_metrics: str = ""
    """`host:port` of the /metrics page of a service that is not the reference; empty scrapes none."""
    remote_write: str = ""
    """Where Prometheus also writes to: the address of a store that the team already has; several with commas."""
    runbook_url: str = "alerts/runbook.md"
    """Where alerts' runbook links point."""

    def url(self, port: int) -> str:
        """The address of a part of the stack, as seen from this machine."""
        host = "127.0.0.1" if self.bind in ("0.0.0.0", "::", "*") else self.bind  # noqa: S104
        return f"http://{host}:{port}"
