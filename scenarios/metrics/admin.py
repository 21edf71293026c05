"""Tasks of the group /api/v1/admin."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from locust import task

from scenarios.metrics.accounts import ADMINS
from scenarios.metrics.service_user import MetricsUser

BASE = "/api/v1/admin"
TENANTS, USERS, USAGE, RETENTION = (f"{BASE}/{what}" for what in ("tenants", "users", "usage", "retention"))
RETENTION_DAYS = (30, 60, 90)
"""All far longer than a run: what is sent now is never deleted by them."""


class AdminTasks(MetricsUser):
    """Looking after a tenant."""

    abstract = True
    account_kind = ADMINS

    @task(3)
    def look_at_usage(self) -> None:
        """GET /admin/usage."""
        self.read(USAGE, USAGE, lambda document: document["events"])

    @task(2)
    def list_users(self) -> None:
        """GET /admin/users."""
        self.read(USERS, USERS, lambda document: document["users"])

    @task(1)
    def list_tenants(self) -> None:
        """GET /admin/tenants."""
        self.read(TENANTS, TENANTS, lambda document: document["tenants"])

    @task(1)
    def read_retention(self) -> None:
        """GET /admin/retention."""
        self.read(RETENTION, RETENTION, lambda document: document["retention_days"])

    @task(1)
    def set_retention(self) -> None:
        """PUT /admin/retention."""
        days = self.random.choice(RETENTION_DAYS)
        self.call(
            "PUT",
            RETENTION,
            RETENTION,
            lambda document: document["retention_days"] == days,
            {"retention_days": days},
        )
