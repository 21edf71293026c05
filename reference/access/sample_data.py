"""What --local-key puts into an empty organisation, so that a load test has somebody to authorize and lists to read."""

from __future__ import annotations

from reference.access.answers import Page
from reference.access.callers import Caller, Role
from reference.access.permissions import NewPermission, PermissionStore
from reference.access.policies import Effect
from reference.access.teams import TeamRole, TeamStore

ORGANISATION = "local-load-test"
USERS = 50
"""user-0 to user-49; the scenario's users call by these names."""
TEAMS = 10
RESOURCES = ("orders", "invoices", "customers", "reports", "settings")


async def prepare(permissions: PermissionStore, teams: TeamStore) -> None:
    """Teams with members and permissions; nothing when the organisation has teams already."""
    if await teams.listing(ORGANISATION, Page(1, "")):
        return
    admin = Caller("setup", ORGANISATION, Role.ADMIN)
    for number in range(TEAMS):
        team = await teams.create(admin, f"Team {number}")
        for user in range(number, USERS, TEAMS):
            await teams.add_member(admin, team["id"], f"user-{user}", TeamRole.MEMBER)
        subject = f"team:{team['id']}"
        for resource in RESOURCES:
            await permissions.create(admin, _permission(subject, Effect.ALLOW, "GET", f"/{resource}/*"))
        await permissions.create(admin, _permission(subject, Effect.DENY, "*", "/settings/billing*"))
    for user in range(USERS):
        await permissions.create(
            admin, _permission(f"user:user-{user}", Effect.ALLOW, "POST", f"/{RESOURCES[user % 4]}/*")
        )


def _permission(subject: str, effect: Effect, method: str, resource: str) -> NewPermission:
    return NewPermission(subject, effect, method, resource, "")
