"""Load on permissions: mostly lists and reads, few are created."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from locust import between, task

from scenarios.access.operations import AccessOperations


class PermissionServiceUser(AccessOperations):
    """Lists, reads and creates permissions, 5 to 3 to 1."""

    pause = staticmethod(between(0.1, 0.5))

    @task(5)
    def list_permissions(self) -> None:
        """List permissions."""
        super().list_permissions()

    @task(3)
    def get_permission(self) -> None:
        """Read a permission that is known to exist."""
        super().get_permission()

    @task(1)
    def create_permission(self) -> None:
        """Create a permission."""
        super().create_permission()
