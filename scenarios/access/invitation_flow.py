"""Load on the invitation flow: invite somebody, look the invitation up by its code, answer it; once and no more."""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False
# (Locust, whose classes and tasks these are, is skipped.)
from __future__ import annotations

from typing import Any

from locust import between, task

from scenarios.access.access_user import id_of
from scenarios.access.operations import AccessOperations, newcomer, team_name

INVITATION = "/v1/invitations/{code}"


class InvitationFlowUser(AccessOperations):
    """Walks the whole flow; each step depends on the one before."""

    pause = staticmethod(between(0.2, 0.8))

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self.team = ""

    @task(8)
    def invite_and_accept(self) -> None:
        """Create, look up, accept: the person is a member."""
        user = newcomer()
        invitation = self._invite(user)
        if invitation is None or not self._is(invitation, "pending"):
            return
        path = f"/v1/invitations/{invitation['code']}/accept"
        status = self.call("POST", path, f"{INVITATION}/accept", _status, {"user": user})
        self._expect(f"{INVITATION}/accept", status, "accepted")

    @task(2)
    def invite_and_decline(self) -> None:
        """Create, look up, decline."""
        invitation = self._invite(newcomer())
        if invitation is None or not self._is(invitation, "pending"):
            return
        path = f"/v1/invitations/{invitation['code']}/decline"
        status = self.call("POST", path, f"{INVITATION}/decline", _status)
        self._expect(f"{INVITATION}/decline", status, "declined")

    @task(1)
    def accept_twice(self) -> None:
        """The second acceptance must be refused; that the service accepts it is a failure."""
        user = newcomer()
        invitation = self._invite(user)
        if invitation is None:
            return
        name, path = f"{INVITATION}/accept", f"/v1/invitations/{invitation['code']}/accept"
        if self.call("POST", path, name, _status, {"user": user}) == "accepted":
            # `_never` makes any success a failure; the refusal is what is expected.
            self.call("POST", path, f"{name} (again)", _never, {"user": user}, accept=(409,))

    def _invite(self, user: str) -> Any:
        """A new invitation with its code, to a team of this user's own; None when there is none."""
        if not self.team:
            self.team = self.call("POST", "/v1/teams", "/v1/teams", id_of, {"name": team_name()}) or ""
        if not self.team:
            return None
        path = f"/v1/teams/{self.team}/invitations"
        return self.call("POST", path, "/v1/teams/{id}/invitations", _invitation, {"invitee": user})

    def _is(self, invitation: Any, status: str) -> bool:
        """Look the invitation up by its code; whether it stands where it should."""
        found = self.call("GET", f"/v1/invitations/{invitation['code']}", INVITATION, _status)
        return self._expect(INVITATION, found, status)

    def _expect(self, name: str, found: str | None, status: str) -> bool:
        if found not in (None, status):
            self.report_wrong(name, f"an invitation is {found}, not {status}")
        return found == status


def _invitation(document: Any) -> Any:
    if not isinstance(document["code"], str):
        raise TypeError("a code is text")
    return document


def _status(document: Any) -> str:
    return str(document["status"])


def _never(_: Any) -> None:
    raise ValueError("this should have been refused")
