"""What the reference Triggers API offers, as OpenAPI 3.1; a test holds every answer against it."""

from __future__ import annotations

from typing import Any

from reference.triggers.events import DEFAULT_LISTED, LONGEST_TYPE, MOST_LISTED

_EVENT = {
    "type": "object",
    "required": ["id", "event_type", "status", "created_at", "delivered_at"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "event_type": {"type": "string"},
        "payload": {"type": "object"},
        "status": {"enum": ["undelivered", "delivered"]},
        "created_at": {"type": "string", "format": "date-time"},
        "delivered_at": {"type": ["string", "null"], "format": "date-time"},
    },
}
_ERROR = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
}
_LIMIT_HEADERS = {
    "X-RateLimit-Limit": {"description": "Requests per minute.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "Requests left right now.", "schema": {"type": "integer"}},
}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The API key is missing, unknown or revoked.",
    "403": "The API key may only read.",
    "404": "The user has no such event.",
    "413": "The body is too large.",
    "422": "The body or a parameter is not valid; problems lists everything wrong.",
    "429": "The API key's rate limit is used up.",
    "503": "The database did not answer.",
}
_EVENT_ID = {"name": "event_id", "in": "path", "required": True, "schema": {"type": "string"}}


def document(notice: str) -> dict[str, Any]:
    """The OpenAPI document; `notice` says that this is a reference service."""
    created = _operation(
        "Store an event.", {"201": ("The event, without its payload.", _ref("Event"))}, "400 403 413 422"
    )
    created["requestBody"] = {"required": True, "content": _content(_ref("NewEvent"))}
    inbox = _operation("List undelivered events, oldest first.", {"200": ("A page.", _ref("Inbox"))}, "422")
    inbox["parameters"] = [
        {
            "name": "limit",
            "in": "query",
            "schema": {"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LISTED},
        },
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
    ]
    one = _operation("Read one event.", {"200": ("The event.", _ref("Event"))}, "404")
    done = _operation(
        "Mark an event as delivered; again is no error and changes nothing.",
        {"200": ("The event, without its payload.", _ref("Event"))},
        "403 404",
    )
    one["parameters"] = done["parameters"] = [_EVENT_ID]
    health = {
        "summary": "Whether the service and its database answer.",
        "security": [],
        "responses": {
            "200": {"description": "They do.", "content": _content({"type": "object"})},
            "503": {"description": _ERRORS["503"], "content": _content(_ref("Error"))},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Triggers API (reference)", "version": "1.0.0", "description": notice},
        "security": [{"apiKey": []}],
        "paths": {
            "/events": {"post": created},
            "/inbox": {"get": inbox},
            "/events/{event_id}": {"get": one},
            "/events/{event_id}/acknowledge": {"post": done},
            "/health": {"get": health},
        },
        "components": {
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Event": _EVENT, "NewEvent": _new_event(), "Inbox": _inbox(), "Error": _ERROR},
        },
    }


def _operation(summary: str, successes: dict[str, tuple[str, dict[str, Any]]], errors: str) -> dict[str, Any]:
    responses: dict[str, Any] = {
        status: {"description": text, "headers": _LIMIT_HEADERS, "content": _content(schema)}
        for status, (text, schema) in successes.items()
    }
    for status in sorted({*errors.split(), "401", "429", "503"}):
        responses[status] = {"description": _ERRORS[status], "content": _content(_ref("Error"))}
    responses["429"]["headers"] = _LIMIT_HEADERS | _RETRY_AFTER
    return {"summary": summary, "responses": responses}


def _new_event() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["event_type", "payload"],
        "additionalProperties": False,
        "properties": {
            "event_type": {"type": "string", "minLength": 1, "maxLength": LONGEST_TYPE},
            "payload": {"type": "object"},
        },
    }


def _inbox() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["events", "next_cursor"],
        "properties": {
            "events": {"type": "array", "items": _ref("Event")},
            "next_cursor": {"type": ["string", "null"]},
        },
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
