"""What the reference STET API offers, as OpenAPI 3.1; a test holds every answer against it."""

from __future__ import annotations

from typing import Any

from reference.stet.corrections import (
    CLASS,
    DEFAULT_HISTORY,
    LONGEST_KEY,
    MOST_FACTS,
    MOST_HISTORY,
    MOST_READERS,
)
from reference.stet.enforcement import MOST_SYSTEMS
from reference.stet.reading import CORRECTION_ID, IDENTIFIER, MOMENT, TENANT

REPLAYED = "Idempotent-Replayed"
"""Header of the answer to a correction whose key and body were known already."""

_ERRORS = {
    "400": "The body is not JSON.",
    "409": "The idempotency_key was used before, with another correction.",
    "413": "The body is too large.",
    "422": "The header, a parameter or the body is not valid; problems lists everything wrong.",
    "503": "The database did not answer.",
}
_ID = {"type": "string", "pattern": IDENTIFIER}
_MOMENT = {"type": "string", "format": "date-time"}
_CORRECTION_ID = {"type": "string", "pattern": CORRECTION_ID}
_CLASS = {"type": "string", "pattern": CLASS}
_CURSOR = {"type": ["string", "null"], "description": "For the next page; null on the last."}


def document(notice: str) -> dict[str, Any]:
    """The OpenAPI document; `notice` says that this is a reference service."""
    correct = _operation(
        "Store a correction, once per idempotency_key.", 201, "Correction", "400 409 413 422"
    )
    correct["responses"]["201"]["headers"] = {
        REPLAYED: {
            "description": "true when key and body were known, and nothing new was stored.",
            "schema": {"const": "true"},
        }
    }
    correct["requestBody"] = {"required": True, "content": _content(_ref("NewCorrection"))}
    beat = _operation("Say which corrections a system enforces.", 201, "Heartbeat", "400 413 422")
    beat["requestBody"] = {"required": True, "content": _content(_ref("NewHeartbeat"))}
    facts = _operation("The newest readable correction of each field of a subject.", 200, "Facts", "422")
    facts["parameters"] += [*_SUBJECT, *_page(MOST_FACTS, MOST_FACTS, IDENTIFIER)]
    history = _operation("The readable corrections of a subject, newest first.", 200, "History", "422")
    history["parameters"] += [*_SUBJECT, *_page(MOST_HISTORY, DEFAULT_HISTORY, CORRECTION_ID)]
    status = _operation("Every system and how far it has come.", 200, "Status", "422")
    status["parameters"] += _page(MOST_SYSTEMS, MOST_SYSTEMS, IDENTIFIER)
    return {
        "openapi": "3.1.0",
        "info": {"title": "STET API (reference)", "version": "1.0.0", "description": notice},
        "paths": {
            "/v1/corrections": {"post": correct},
            "/v1/facts": {"get": facts},
            "/v1/history": {"get": history},
            "/v1/enforcement/heartbeat": {"post": beat},
            "/v1/enforcement/status": {"get": status},
            "/v1/enforcement/escalation": {
                "get": _operation(
                    "Systems that somebody must look at, the worst first.", 200, "Escalation", "422"
                )
            },
            "/health": {"get": _health()},
        },
        "components": {"schemas": _schemas()},
    }


def _operation(summary: str, status: int, answer: str, errors: str) -> dict[str, Any]:
    responses = {str(status): {"description": f"{answer}.", "content": _content(_ref(answer))}}
    for error in sorted({*errors.split(), "503"}):
        responses[error] = {"description": _ERRORS[error], "content": _content(_ref("Error"))}
    tenant = {"name": "X-Tenant-Id", "in": "header", "required": True}
    return {
        "summary": summary,
        "parameters": [tenant | {"schema": {"type": "string", "pattern": TENANT}}],
        "responses": responses,
    }


def _health() -> dict[str, Any]:
    return {
        "summary": "Whether the service and its database answer.",
        "responses": {
            "200": {"description": "They do.", "content": _content({"type": "object"})},
            "503": {"description": _ERRORS["503"], "content": _content(_ref("Error"))},
        },
    }


_SUBJECT = [
    {"name": name, "in": "query", "required": True, "schema": _ID}
    for name in ("subject_type", "subject_id", "requester_id")
]


def _page(most: int, default: int, cursor: str) -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return [
        {"name": "limit", "in": "query", "schema": limit},
        {"name": "cursor", "in": "query", "schema": {"type": "string", "pattern": cursor}},
    ]


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
        "properties": properties,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _schemas() -> dict[str, Any]:
    pair = _object({"type": _ID, "id": _ID})
    readers = _list(_ID) | {"minItems": 1, "maxItems": MOST_READERS}
    new = {
        "subject": pair,
        "field_key": _ID,
        "value": {"description": "Any JSON value."},
        "class": _CLASS,
        "permissions": _object({"readers": readers}),
        "actor": pair,
    }
    key = {"type": ["string", "null"], "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
    stored = {"id": _CORRECTION_ID, "version": _MOMENT, **new, "created_at": _MOMENT}
    system = {
        "system_id": _ID,
        "state": {"enum": ["enforcing", "behind", "silent"]},
        "enforced_correction_version": _MOMENT,
        "last_heartbeat_at": _MOMENT,
        "lag_seconds": {"type": "number", "minimum": 0},
        "silent_seconds": {"type": "number", "minimum": 0},
    }
    fact = {
        "field_key": _ID,
        "value": new["value"],
        "class": _CLASS,
        "correction_id": _CORRECTION_ID,
        "version": _MOMENT,
    }
    status = {"enum": ["ACTIVE", "SUPERSEDED"]}
    # A date and time has its zone; what some generators take for one (a leap second, year 0) is left out.
    version = {"type": "string", "pattern": MOMENT, "format": "date-time"}
    return {
        "NewCorrection": _object({**new, "idempotency_key": key}, optional=("idempotency_key",)),
        "Correction": _object(stored),
        "Facts": _object({"subject": pair, "facts": _list(_object(fact)), "next_cursor": _CURSOR}),
        "History": _object(
            {
                "subject": pair,
                "corrections": _list(_object({**stored, "status": status})),
                "next_cursor": _CURSOR,
            }
        ),
        "NewHeartbeat": _object({"system_id": _ID, "enforced_correction_version": version}),
        "Heartbeat": _object(
            {"system_id": _ID, "enforced_correction_version": _MOMENT, "received_at": _MOMENT}
        ),
        "Status": _object(
            {
                "latest_correction_version": {**_MOMENT, "type": ["string", "null"]},
                "systems": _list(_object(system)),
                "next_cursor": _CURSOR,
            }
        ),
        "Escalation": _object(
            {"escalations": _list(_object({**system, "level": {"enum": ["warning", "critical"]}}))}
        ),
        "Error": _object(
            {"code": {"type": "string"}, "detail": {"type": "string"}, "problems": _list({"type": "string"})},
            optional=("detail", "problems"),
        ),
    }


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
