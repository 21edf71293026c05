"""Tasks of the group /api/v1/auth."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import Any

from locust import task

from scenarios.metrics.service_user import MetricsUser, Unexpected


class AuthTasks(MetricsUser):
    """Who am I, and staying logged in."""

    abstract = True

    @task(1)
    def who_am_i(self) -> None:
        """GET /auth/me."""
        self.ask_who_i_am()

    @task(1)
    def renew_token(self) -> None:
        """POST /auth/refresh."""
        self.renew()

    def ask_who_i_am(self) -> bool:
        """GET /auth/me; whether the service knows."""
        return bool(self.read("/api/v1/auth/me", "/api/v1/auth/me", self._is_me))

    def _is_me(self, document: Any) -> bool:
        if document["email"] != self.account.email:
            raise Unexpected("/api/v1/auth/me is somebody else")
        return True


class LoginTasks(AuthTasks):
    """Logging in and out beside the rest."""

    abstract = True

    @task(2)
    def log_in_anew(self) -> None:
        """POST /auth/logout, POST /auth/login."""
        self.log_out()
        self.log_in()
