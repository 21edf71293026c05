"""The users of scenarios/access without their pauses: what they do, in which shares, sooner."""

from scenarios.access.users import (
    AuditQueryUser,
    AuthorizerUser,
    InvitationFlowUser,
    MixedWorkloadUser,
    PermissionServiceUser,
    TeamServiceUser,
)

for _user in (
    AuditQueryUser,
    AuthorizerUser,
    InvitationFlowUser,
    MixedWorkloadUser,
    PermissionServiceUser,
    TeamServiceUser,
):
    _user.pause = staticmethod(lambda _: 0.0)
del _user  # Locust would find the last class twice
