"""All users of the Access Management API; each kind lives in the file named for what it does.

Also runs in plain Locust: `locust -f scenarios/access/users.py AuthorizerUser --host http://127.0.0.1:8000`.
"""

from __future__ import annotations

from scenarios.access.audit_queries import AuditQueryUser
from scenarios.access.authorizer_load import AuthorizerUser
from scenarios.access.invitation_flow import InvitationFlowUser
from scenarios.access.mixed_workload import MixedWorkloadUser
from scenarios.access.permission_crud import PermissionServiceUser
from scenarios.access.team_operations import TeamServiceUser

__all__ = [
    "AuditQueryUser",
    "AuthorizerUser",
    "InvitationFlowUser",
    "MixedWorkloadUser",
    "PermissionServiceUser",
    "TeamServiceUser",
]
