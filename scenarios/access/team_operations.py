"""Load on teams: whose are there, who is in them, and now and then a new team that gains and loses members."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from locust import between, task

from scenarios.access.access_user import anything, id_of
from scenarios.access.operations import AccessOperations, newcomer, team_name


class TeamServiceUser(AccessOperations):
    """Looks at teams and members; sets up teams of its own."""

    pause = staticmethod(between(0.2, 0.8))

    @task(5)
    def list_teams(self) -> None:
        """List teams."""
        super().list_teams()

    @task(4)
    def get_team(self) -> None:
        """Read a team that is known to exist."""
        super().get_team()

    @task(4)
    def list_members(self) -> None:
        """List the members of a team."""
        super().list_members()

    @task(1)
    def set_up_a_team(self) -> None:
        """Create a team, fill it, rename it, let one member go, and delete it: its whole life."""
        team_id = self.call("POST", "/v1/teams", "/v1/teams", id_of, {"name": team_name()})
        if team_id is None:
            return
        team = f"/v1/teams/{team_id}"
        users = [newcomer() for _ in range(3)]
        for user in users:
            self.call("POST", f"{team}/members", "/v1/teams/{id}/members", id_of, {"user": user})
        self.call("PUT", team, "/v1/teams/{id}", id_of, {"name": f"{team_name()}, renamed"})
        self.call("DELETE", f"{team}/members/{users[0]}", "/v1/teams/{id}/members/{user}", anything)
        left = self.call("GET", team, "/v1/teams/{id}", lambda found: found["members"])
        if left not in (None, len(users) - 1):
            self.report_wrong("/v1/teams/{id}", f"a team of {len(users) - 1} has {left} members")
        self.call("DELETE", team, "/v1/teams/{id}", anything)
