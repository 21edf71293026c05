"""What the reference Claims API offers, as OpenAPI 3.1; a test holds every answer against it."""

from __future__ import annotations

from typing import Any

from reference.claims.listings import DEFAULT_PAGE_SIZE, LONGEST_TEXT, MOST_PAGE_SIZE
from reference.claims.logins import LONGEST_FIELD
from reference.claims.sample_data import DRIFT_TYPES, OUTCOMES, SEVERITIES
from reference.tokens import MOST_CHARACTERS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_SHARE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
_DATE: Schema = {"type": "string", "format": "date"}
_AMOUNT: Schema = {"type": ["integer", "null"], "minimum": 0}


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


_CLAIM = _object(
    id=_WHOLE, claim_number=_TEXT, payer=_TEXT, cpt=_TEXT, outcome={"enum": list(OUTCOMES)},
    denial_reason={"type": ["string", "null"]}, billed_cents=_AMOUNT, allowed_cents=_AMOUNT, paid_cents=_AMOUNT,
    submitted_on=_DATE, decision_days=_AMOUNT, upload_id={"type": ["integer", "null"]},
)  # fmt: skip
_DRIFT = _object(
    id=_WHOLE, payer=_TEXT, cpt=_TEXT, drift_type={"enum": list(DRIFT_TYPES)}, severity={"enum": list(SEVERITIES)},
    baseline={"type": "number"}, current={"type": "number"}, detected_on=_DATE,
    status={"enum": ["open", "acknowledged"]},
)  # fmt: skip
_UPLOAD = _object(id=_WHOLE, filename=_TEXT, status=_TEXT, row_count=_WHOLE, uploaded_on=_DATE)
_REPORT = _object(
    id=_WHOLE, kind=_TEXT, status={"enum": ["completed", "failed"]}, period_start=_DATE, period_end=_DATE
)
_PAYER = _object(
    payer=_TEXT, claims=_WHOLE, paid=_WHOLE, denied=_WHOLE, pending=_WHOLE, denial_rate=_SHARE,
    billed_cents=_WHOLE, allowed_cents=_WHOLE, paid_cents=_WHOLE,
    average_decision_days={"type": ["number", "null"]},
)  # fmt: skip
_DASHBOARD = _object(
    claims=_WHOLE, paid=_WHOLE, denied=_WHOLE, pending=_WHOLE, billed_cents=_WHOLE, paid_cents=_WHOLE,
    denial_rate=_SHARE, payers=_WHOLE, open_drift_events=_object(**dict.fromkeys(SEVERITIES, _WHOLE)),
    last_upload_on={"type": ["string", "null"], "format": "date"},
)  # fmt: skip
_ERROR = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": _TEXT, "detail": _TEXT, "problems": {"type": "array", "items": _TEXT}},
}
_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The token is missing, expired or not valid, or the password is wrong.",
    "404": "The customer has no such claim or page.",
    "413": "The body is too large.",
    "422": "The body or a parameter is not valid; problems lists everything wrong.",
    "503": "The database did not answer.",
}
_PAGING = [
    {
        "name": "page",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**9, "default": 1},
    },
    {
        "name": "page_size",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST_PAGE_SIZE, "default": DEFAULT_PAGE_SIZE},
    },
]
_FILTER_TEXT = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_TEXT,
    "pattern": "^[ -~]+$",
}


def document(notice: str) -> dict[str, Any]:
    """The OpenAPI document; `notice` says that this is a reference service."""
    credentials = {
        "username": {"type": "string", "minLength": 1, "maxLength": LONGEST_FIELD},
        "password": {"type": "string", "minLength": 1, "maxLength": LONGEST_FIELD},
    }
    refresh = {"refresh": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Claims API (reference)", "version": "1.0.0", "description": notice},
        "security": [{"accessToken": []}],
        "paths": {
            "/api/v1/auth/token/": {
                "post": _with_body("Log in.", credentials, _object(access=_TEXT, refresh=_TEXT))
            },
            "/api/v1/auth/token/refresh/": {
                "post": _with_body("A new access token for a refresh token.", refresh, _object(access=_TEXT))
            },
            "/api/v1/claims/": _list(
                "Claims, newest first.",
                "Claim",
                _filter("payer", _FILTER_TEXT, "A payer's whole name."),
                _filter("search", _FILTER_TEXT, "A CPT code, or the beginning of a claim number."),
            ),
            "/api/v1/claims/payer_summary/": {
                "get": _read("What each payer was billed, paid and denied.", _array(_ref("Payer")))
            },
            "/api/v1/claims/{claim_id}/": {
                "get": _read("One claim.", _ref("Claim"), "404")
                | {
                    "parameters": [{"name": "claim_id", "in": "path", "required": True, "schema": _TEXT}],
                }
            },
            "/api/v1/drift-events/": _list(
                "Changes in payers' behaviour, newest first.",
                "DriftEvent",
                _filter("severity", {"enum": list(SEVERITIES)}, "Only events of this severity."),
            ),
            "/api/v1/dashboard/": {"get": _read("The figures of the first page.", _ref("Dashboard"))},
            "/api/v1/uploads/": _list("Files that claims came with, newest first.", "Upload"),
            "/api/v1/reports/": _list("Report runs, newest first.", "Report"),
            "/health": {"get": _health()},
        },
        "components": {
            "securitySchemes": {
                "accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {
                "Claim": _CLAIM, "DriftEvent": _DRIFT, "Upload": _UPLOAD, "Report": _REPORT, "Payer": _PAYER,
                "Dashboard": _DASHBOARD, "Error": _ERROR,
            },
        },
    }  # fmt: skip


def _read(summary: str, schema: Schema, errors: str = "") -> dict[str, Any]:
    return _operation(summary, schema, f"401 422 {errors}")


def _list(summary: str, item: str, *filters: dict[str, Any]) -> dict[str, Any]:
    link = {"type": ["string", "null"], "description": "An address on this host."}
    page = _object(count=_WHOLE, next=link, previous=link, results=_array(_ref(item)))
    return {"get": _read(summary, page, "404") | {"parameters": [*filters, *_PAGING]}}


def _filter(name: str, schema: Schema, text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _with_body(summary: str, fields: Schema, answer: Schema) -> dict[str, Any]:
    operation = _operation(summary, answer, "400 401 413 422")
    operation["security"] = []
    operation["requestBody"] = {"required": True, "content": _content(_object(**fields))}
    return operation


def _operation(summary: str, schema: Schema, errors: str) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "It is so.", "content": _content(schema)}}
    for status in sorted({*errors.split(), "503"}):
        responses[status] = {"description": _ERRORS[status], "content": _content(_ref("Error"))}
    return {"summary": summary, "responses": responses}


def _health() -> dict[str, Any]:
    return {
        "summary": "Whether the service and its database answer.",
        "security": [],
        "responses": {
            "200": {"description": "They do.", "content": _content({"type": "object"})},
            "503": {"description": _ERRORS["503"], "content": _content(_ref("Error"))},
        },
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
