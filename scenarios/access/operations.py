"""Single operations of the API: one request each, on ids that are known; what needs one falls back to a list."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from scenarios.access.access_user import AccessUser, anything, id_of, ids_of

PAGE_SIZES = (10, 20, 50)
MADE_HERE = "Made by a load test"
"""Description of the permissions, and beginning of the names of the teams, that come and go with runs."""
RESOURCES = ("orders", "invoices", "customers", "reports")
ACTIONS = ("authorize", "permission.create", "team.create", "member.add", "invitation.accept")


class AccessOperations(AccessUser):
    """Reads and writes; each method sends exactly one request (a token's renewal apart)."""

    abstract = True

    def list_permissions(self) -> None:
        """GET /v1/permissions."""
        path = f"/v1/permissions?limit={self.random.choice(PAGE_SIZES)}"
        found = self.call("GET", path, "/v1/permissions", _lasting_permissions)
        self.known.permissions.extend(found or ())

    def get_permission(self) -> None:
        """GET /v1/permissions/{id}."""
        known = self.known.permissions or self.known.own_permissions
        if not known:
            return self.list_permissions()
        permission_id = self.random.choice(known)
        self.call("GET", f"/v1/permissions/{permission_id}", "/v1/permissions/{id}", id_of)

    def create_permission(self) -> None:
        """POST /v1/permissions."""
        made = self.call("POST", "/v1/permissions", "/v1/permissions", id_of, self._permission())
        if made is not None:
            self.known.own_permissions.append(made)

    def update_permission(self) -> None:
        """PUT /v1/permissions/{id}, of one that this run has made."""
        if not self.known.own_permissions:
            return self.create_permission()
        permission_id = self.random.choice(self.known.own_permissions)
        new = self._permission()
        self.call("PUT", f"/v1/permissions/{permission_id}", "/v1/permissions/{id}", id_of, new)

    def delete_permission(self) -> None:
        """DELETE /v1/permissions/{id}, of one that this run has made."""
        if not self.known.own_permissions:
            return self.create_permission()
        permission_id = self.known.own_permissions.popleft()
        self.known.deleted.append(permission_id)
        self.call("DELETE", f"/v1/permissions/{permission_id}", "/v1/permissions/{id}", anything)

    def list_teams(self) -> None:
        """GET /v1/teams."""
        path = f"/v1/teams?limit={self.random.choice(PAGE_SIZES)}"
        found = self.call("GET", path, "/v1/teams", _lasting_teams)
        self.known.teams.extend(found or ())

    def get_team(self) -> None:
        """GET /v1/teams/{id}."""
        known = self.known.teams or self.known.own_teams
        if not known:
            return self.list_teams()
        self.call("GET", f"/v1/teams/{self.random.choice(known)}", "/v1/teams/{id}", id_of)

    def list_members(self) -> None:
        """GET /v1/teams/{id}/members."""
        known = self.known.teams or self.known.own_teams
        if not known:
            return self.list_teams()
        path = f"/v1/teams/{self.random.choice(known)}/members"
        self.call("GET", path, "/v1/teams/{id}/members", lambda page: ids_of(page, "members"))

    def create_team(self) -> None:
        """POST /v1/teams."""
        made = self.call("POST", "/v1/teams", "/v1/teams", id_of, {"name": team_name()})
        if made is not None:
            self.known.own_teams.append(made)

    def add_member(self) -> None:
        """POST /v1/teams/{id}/members: somebody new to a team that this run has made."""
        if not self.known.own_teams:
            return self.create_team()
        path = f"/v1/teams/{self.random.choice(self.known.own_teams)}/members"
        self.call("POST", path, "/v1/teams/{id}/members", id_of, {"user": newcomer()})

    def query_audit(self) -> None:
        """GET /v1/audit, the last minutes, filtered by one thing or another."""
        since = datetime.now(UTC) - timedelta(minutes=self.random.choice((1, 5, 60)))
        query = f"limit={self.random.choice(PAGE_SIZES)}&from={moment(since)}"
        match self.random.randrange(3):
            case 0:
                query += f"&action={self.random.choice(ACTIONS)}"
            case 1:
                query += f"&actor=user-{self.random.randrange(50)}"
        self.call("GET", f"/v1/audit?{query}", "/v1/audit", lambda page: ids_of(page, "entries"))

    def _permission(self) -> dict[str, Any]:
        return {
            # Of nobody who calls: permissions that pile up on a caller would slow the authorizer over the run.
            "subject": f"user:{newcomer()}",
            "effect": self.random.choice(("allow", "allow", "deny")),
            "method": self.random.choice(("GET", "POST", "*")),
            "resource": f"/{self.random.choice(RESOURCES)}/*",
            "description": MADE_HERE,
        }


def newcomer() -> str:
    """A user that nobody has heard of."""
    return f"newcomer-{uuid.uuid4().hex[:12]}"


def team_name() -> str:
    """The name of a team that a load test makes."""
    return f"{MADE_HERE} {uuid.uuid4().hex[:8]}"


def _lasting_permissions(page: Any) -> list[str]:
    """Ids on a page of those that no load test made: any user, here or in another worker, may delete its own."""
    return [id_of(item) for item in page["permissions"] if item.get("description") != MADE_HERE]


def _lasting_teams(page: Any) -> list[str]:
    return [id_of(item) for item in page["teams"] if not str(item["name"]).startswith(MADE_HERE)]


def moment(when: datetime) -> str:
    """A time as it can stand in a query: no plus sign, which would be read as a space."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
