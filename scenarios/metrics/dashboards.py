"""Tasks of the group /api/v1/dashboard."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

from locust import task

from scenarios.metrics.service_user import MetricsUser, Unexpected

BASE = "/api/v1/dashboard"
ONE, WIDGETS, SUMMARY = f"{BASE}/{{id}}", f"{BASE}/{{id}}/widgets", f"{BASE}/summary"
VISITS_TITLE = "Load test: a visit"
"""Of the dashboards that journeys make and delete: others do not open them."""


class DashboardTasks(MetricsUser):
    """Looking at dashboards."""

    abstract = True

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.dashboards: list[str] = []

    @task(1)
    def list_dashboards(self) -> None:
        """GET /dashboard."""
        self.find_dashboards()

    @task(1)
    def open_dashboard(self) -> None:
        """GET /dashboard/{id}."""
        if dashboard := self.some_dashboard():
            self.open(dashboard)

    @task(3)
    def watch_dashboard(self) -> None:
        """GET /dashboard/{id}/widgets."""
        if dashboard := self.some_dashboard():
            self.watch(dashboard)

    @task(1)
    def glance(self) -> None:
        """GET /dashboard/summary."""
        self.read(SUMMARY, SUMMARY, lambda document: document["metrics"])

    def find_dashboards(self) -> bool:
        """GET /dashboard; whether there is any that lasts."""
        found = self.read(BASE, BASE, lambda document: document["dashboards"])
        lasting = [one["id"] for one in found or () if one["title"] != VISITS_TITLE]
        self.dashboards = lasting or self.dashboards
        return bool(lasting)

    def some_dashboard(self) -> str:
        """The id of one of the tenant's dashboards, which may first have to be listed; "" when there is none."""
        if not self.dashboards:
            self.find_dashboards()
        return self.random.choice(self.dashboards) if self.dashboards else ""

    def open(self, dashboard: str) -> bool:
        """GET /dashboard/{id}; whether it was this one."""
        return bool(self.read(f"{BASE}/{dashboard}", ONE, lambda document: _is(document, dashboard)))

    def watch(self, dashboard: str) -> Any:
        """GET /dashboard/{id}/widgets; its widgets."""
        path = f"{BASE}/{dashboard}/widgets"
        return self.read(path, WIDGETS, lambda document: _is(document, dashboard) and document["widgets"])


def _is(document: Any, dashboard: str) -> bool:
    if document["id"] != dashboard:
        raise Unexpected("the service answered with another dashboard")
    return True
