"""The schemas of what the Access Management API takes and gives, for its OpenAPI document."""

from __future__ import annotations

from typing import Any

from reference.access.answers import LONGEST_NAME
from reference.access.audit import Action
from reference.access.callers import Role
from reference.access.invitations import DEFAULT_SECONDS, LONGEST_SECONDS, Status
from reference.access.policies import ANY, METHODS, Effect
from reference.access.teams import TeamRole
from reference.access.token_endpoint import DEFAULT_TOKEN_SECONDS, LONGEST_TOKEN_SECONDS

Schema = dict[str, Any]

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_USER = "[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}"
ID: Schema = {"type": "string", "format": "uuid"}
USER_ID: Schema = {"type": "string", "pattern": f"^{_USER}$"}
TIME: Schema = {"type": "string", "format": "date-time"}
SUBJECT: Schema = {"type": "string", "pattern": f"^(user:{_USER}|team:{_UUID})$"}
TEXT: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_NAME,
    "pattern": r"^[ -~\u00a0-\ud7ff]+$",
}
_NULLABLE_TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
_STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _closed(required: str, **properties: Schema) -> Schema:
    """What a client sends: nothing else may be in it."""
    return _object(required, **properties) | {"additionalProperties": False}


def _enum(values: Any) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values]}


def _page(name: str, item: str) -> Schema:
    following: Schema = {"type": ["string", "null"], "format": "uuid"}
    items: Schema = {"type": "array", "items": ref(item)}
    return _object(f"{name} next_cursor", **{name: items, "next_cursor": following})


def ref(name: str) -> Schema:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


_PERMISSION: dict[str, Schema] = {
    "subject": SUBJECT,
    "effect": _enum(Effect),
    "method": _enum((*METHODS, ANY)),
    "resource": {"type": "string", "pattern": "^/[A-Za-z0-9._~/{}*-]{0,199}$"},
}
_TEAM: dict[str, Schema] = {"id": ID, "name": {"type": "string"}, "created_at": TIME, "updated_at": TIME}
_INVITATION: dict[str, Schema] = {
    "id": ID,
    "team_id": ID,
    "invitee": {"type": "string"},
    "role": _enum(TeamRole),
    "status": _enum(Status),
    "invited_by": {"type": "string"},
    "created_at": TIME,
    "expires_at": TIME,
    "answered_by": {"type": ["string", "null"]},
    "answered_at": _NULLABLE_TIME,
}
_INVITED = "id team_id invitee role status invited_by created_at expires_at answered_by answered_at"

SCHEMAS: dict[str, Schema] = {
    "AuthorizerEvent": _closed(
        "type authorizationToken methodArn",
        type={"const": "TOKEN"},
        authorizationToken={"type": "string", "examples": ["Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"]},
        methodArn={
            "type": "string",
            "examples": ["arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/GET/orders/7"],
        },
    ),
    "Policy": _object(
        "principalId policyDocument context",
        principalId={"type": "string"},
        policyDocument=_object(
            "Version Statement",
            Version={"const": "2012-10-17"},
            Statement={
                "type": "array",
                "minItems": 1,
                "items": _object(
                    "Action Effect Resource",
                    Action={"const": "execute-api:Invoke"},
                    Effect={"enum": ["Allow", "Deny"]},
                    Resource={"type": "string"},
                ),
            },
        ),
        context=_STRINGS,
    ),
    "NewPermission": _closed(
        "subject effect method resource",
        **_PERMISSION,
        description={**TEXT, "minLength": 0, "pattern": r"^[ -~\u00a0-\ud7ff]*$"},
    ),
    "Permission": _object(
        "id subject effect method resource description created_at updated_at",
        id=ID,
        **_PERMISSION,
        description={"type": "string"},
        created_at=TIME,
        updated_at=TIME,
    ),
    "Permissions": _page("permissions", "Permission"),
    "NewTeam": _closed("name", name=TEXT),
    "Team": _object("id name created_at updated_at", **_TEAM),
    "TeamWithMembers": _object(
        "id name created_at updated_at members", **_TEAM, members={"type": "integer", "minimum": 0}
    ),
    "Teams": _page("teams", "Team"),
    "NewMember": _closed("user", user=USER_ID, role=_enum(TeamRole)),
    "Member": _object(
        "id user role joined_at", id=ID, user={"type": "string"}, role=_enum(TeamRole), joined_at=TIME
    ),
    "Members": _page("members", "Member"),
    "NewInvitation": _closed(
        "invitee",
        invitee=USER_ID,
        role=_enum(TeamRole),
        expires_in={
            "type": "integer", "minimum": 1, "maximum": LONGEST_SECONDS, "default": DEFAULT_SECONDS,
        },
    ),
    "Invitation": _object(_INVITED, **_INVITATION),
    "InvitationWithCode": _object(f"{_INVITED} code", **_INVITATION, code={"type": "string"}),
    "Invitations": _page("invitations", "Invitation"),
    "Acceptance": _closed("", user=USER_ID),
    "AuditEntry": _object(
        "id at actor action resource outcome detail",
        id=ID,
        at=TIME,
        actor={"type": "string"},
        action=_enum(Action),
        resource={"type": "string"},
        outcome={"enum": ["success", "allow", "deny"]},
        detail=_STRINGS,
    ),
    "AuditEntries": _page("entries", "AuditEntry"),
    "NewToken": _closed(
        "organisation user",
        organisation=USER_ID,
        user=USER_ID,
        role=_enum(Role),
        expires_in={
            "type": "integer", "minimum": 1, "maximum": LONGEST_TOKEN_SECONDS, "default": DEFAULT_TOKEN_SECONDS,
        },
    ),
    "Token": _object(
        "access_token token_type expires_in",
        access_token={"type": "string"},
        token_type={"const": "Bearer"},
        expires_in={"type": "integer"},
    ),
    "Error": _object(
        "code",
        code={"type": "string"},
        detail={"type": "string"},
        problems={"type": "array", "items": {"type": "string"}},
    ),
}  # fmt: skip
