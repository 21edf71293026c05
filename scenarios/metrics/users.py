"""Users of the metrics service: a mix of everything, whole visits, administrators, and one class per group of the API.

Also runs in plain Locust: `locust -f scenarios/metrics/users.py ApiUser JourneyUser --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

from typing import Any

from locust import between

from scenarios.metrics.admin import AdminTasks
from scenarios.metrics.auth_load import AuthTasks, LoginTasks
from scenarios.metrics.dashboards import DashboardTasks

# Users of the database itself and over WebSockets: Locust finds them here, like those below.
from scenarios.metrics.database_users import BatchInsertUser, InsertUser, MixedUser, QueryUser  # noqa: F401
from scenarios.metrics.ingest import QueryTasks, SendTasks
from scenarios.metrics.journeys import Journey
from scenarios.metrics.websocket_users import LiveUser  # noqa: F401

PACES: dict[str, tuple[int, tuple[float, float]]] = {
    "busy": (20, (0.2, 0.6)),
    "steady": (60, (0.5, 1.3)),
    "occasional": (20, (1.0, 3.0)),
}
"""Share of the users, and seconds that they pause: people and machines do not all work alike."""


class ApiUser(AuthTasks, SendTasks, QueryTasks, DashboardTasks):
    """Everything that a member of a tenant does, by its weights; each user keeps one of three paces."""

    weight = 80

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        (pace,) = self.random.choices(tuple(PACES), [share for share, _ in PACES.values()])
        self._pause = PACES[pace][1]

    def wait_time(self) -> float:
        """Seconds until the next task."""
        return self.random.uniform(*self._pause)


class JourneyUser(Journey):
    """Visits from login to logout, one after the other."""

    weight = 15
    wait_time = between(0.5, 2)


class AdminUser(AdminTasks):
    """Looks after a tenant."""

    weight = 5
    wait_time = between(1, 3)


class AuthUser(LoginTasks):
    """Only the group auth: logs in and out."""

    weight = 1
    wait_time = between(0.2, 1)


class IngestUser(SendTasks):
    """Only sends, with hardly a pause: for the greatest throughput."""

    weight = 1
    wait_time = between(0.05, 0.25)


class DashboardUser(DashboardTasks, QueryTasks):
    """Only looks: dashboards and queries."""

    weight = 1
    wait_time = between(0.2, 1)
