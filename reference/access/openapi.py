"""What the reference Access Management API offers, as OpenAPI 3.1; a test holds every answer against it."""

from __future__ import annotations

from typing import Any

from reference.access.answers import DEFAULT_LISTED, MOST_BYTES, MOST_LISTED
from reference.access.schemas import ID, SCHEMAS, SUBJECT, TEXT, TIME, USER_ID, Schema, ref

_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The token is missing, forged, expired or not this service's.",
    "403": "The token's role may not do this.",
    "404": "The organisation has no such thing.",
    "409": "It has been done already, or can no longer be done; the code says which.",
    "413": f"The body has more than {MOST_BYTES} bytes.",
    "422": "The body or a parameter is not valid; problems lists everything wrong.",
    "503": "The database did not answer.",
}
_COLD_START = {
    "X-Amzn-RequestId": {"description": "Id of the invocation.", "schema": {"type": "string"}},
    "X-Cold-Start": {
        "description": "There when an instance had to start first.",
        "schema": {"const": "true"},
    },
    "X-Init-Duration-Ms": {"description": "How long that took.", "schema": {"type": "number"}},
}


def document(notice: str, *, local_key: bool) -> dict[str, Any]:
    """The OpenAPI document; `notice` says that this is a reference service."""
    paths: dict[str, Any] = {
        "/authorize": {"post": _authorize()},
        "/v1/permissions": {
            "get": _operation(
                "List permissions, oldest first.", "200", "Permissions", "422", *_PAGE,
                _query("subject", SUBJECT),
            ),
            "post": _operation(
                "Create a permission.", "201", "Permission", "400 403 413 422", body="NewPermission"
            ),
        },
        "/v1/permissions/{permission_id}": {
            "get": _operation("Read a permission.", "200", "Permission", "404", _PERMISSION_ID),
            "put": _operation(
                "Put another permission in its place.", "200", "Permission", "400 403 404 413 422",
                _PERMISSION_ID, body="NewPermission",
            ),
            "delete": _operation("Delete a permission.", "204", "", "403 404", _PERMISSION_ID),
        },
        "/v1/teams": {
            "get": _operation("List teams, oldest first.", "200", "Teams", "422", *_PAGE),
            "post": _operation("Create a team.", "201", "Team", "400 403 413 422", body="NewTeam"),
        },
        "/v1/teams/{team_id}": {
            "get": _operation("Read a team.", "200", "TeamWithMembers", "404", _TEAM_ID),
            "put": _operation(
                "Rename a team.", "200", "Team", "400 403 404 413 422", _TEAM_ID, body="NewTeam"
            ),
            "delete": _operation(
                "Delete a team, its members, invitations and permissions.", "204", "", "403 404", _TEAM_ID
            ),
        },
        "/v1/teams/{team_id}/members": {
            "get": _operation("List members.", "200", "Members", "404 422", _TEAM_ID, *_PAGE),
            "post": _operation(
                "Make a user a member.", "201", "Member", "400 403 404 409 413 422", _TEAM_ID, body="NewMember"
            ),
        },
        "/v1/teams/{team_id}/members/{user_id}": {
            "delete": _operation(
                "Remove a member.", "204", "", "403 404", _TEAM_ID, _path("user_id", USER_ID)
            ),
        },
        "/v1/teams/{team_id}/invitations": {
            "get": _operation("List invitations.", "200", "Invitations", "404 422", _TEAM_ID, *_PAGE),
            "post": _operation(
                "Invite somebody; only this answer holds the code.", "201", "InvitationWithCode",
                "400 403 404 413 422", _TEAM_ID, body="NewInvitation",
            ),
        },
        "/v1/invitations/{code}": {
            "get": _operation("Look an invitation up by its code.", "200", "Invitation", "404", _CODE),
        },
        "/v1/invitations/{code}/accept": {
            "post": _operation(
                "Accept, and become a member; an administrator may name who does.", "200", "Invitation",
                "400 403 404 409 413 422", _CODE, body="Acceptance", body_needed=False,
            ),
        },
        "/v1/invitations/{code}/decline": {
            "post": _operation("Decline.", "200", "Invitation", "404 409", _CODE),
        },
        "/v1/audit": {
            "get": _operation(
                "Query the audit, newest first.", "200", "AuditEntries", "403 422", *_PAGE,
                *(_query(name, TEXT) for name in ("actor", "action", "resource")),
                _query("from", TIME, "Entries of this moment and later."),
                _query("to", TIME, "Entries before this moment."),
            ),
        },
        "/health": {"get": _health()},
    }  # fmt: skip
    if local_key:
        token = _operation("A token for whoever asks.", "201", "Token", "400 413 422", body="NewToken")
        paths["/v1/tokens"] = {"post": _public(token)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Access Management API (reference)", "version": "1.0.0", "description": notice},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": SCHEMAS,
        },
    }


def _authorize() -> dict[str, Any]:
    operation = _operation(
        "Decide whether a token may call a method of a resource, as a Lambda authorizer.",
        "200", "Policy", "400 413 422", body="AuthorizerEvent",
    )  # fmt: skip
    operation["security"] = []
    for response in operation["responses"].values():
        response["headers"] = _COLD_START
    return operation


def _public(operation: dict[str, Any]) -> dict[str, Any]:
    """An operation that needs no token."""
    operation["security"] = []
    del operation["responses"]["401"]
    return operation


def _operation(
    summary: str,
    status: str,
    schema: str,
    errors: str,
    *parameters: Schema,
    body: str = "",
    body_needed: bool = True,
) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if schema:
        success["content"] = _content(ref(schema))
    responses = {status: success}
    for error in sorted({*errors.split(), "401", "503"}):
        responses[error] = {"description": _ERRORS[error], "content": _content(ref("Error"))}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = {"required": body_needed, "content": _content(ref(body))}
    return operation


def _health() -> dict[str, Any]:
    return {
        "summary": "Whether the service and its database answer.",
        "security": [],
        "responses": {
            "200": {"description": "They do.", "content": _content({"type": "object"})},
            "503": {"description": _ERRORS["503"], "content": _content(ref("Error"))},
        },
    }


def _query(name: str, schema: Schema, description: str = "") -> Schema:
    parameter: Schema = {"name": name, "in": "query", "schema": schema}
    return parameter | {"description": description} if description else parameter


def _path(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


_PERMISSION_ID, _TEAM_ID = _path("permission_id", ID), _path("team_id", ID)
_CODE = _path("code", {"type": "string", "pattern": "^[A-Za-z0-9_-]{32}$"})
_PAGE = (
    _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LISTED}),
    _query("cursor", ID, "The next_cursor of the page before."),
)
