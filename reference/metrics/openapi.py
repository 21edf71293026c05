"""What the reference metrics service offers, as OpenAPI 3.1; a test holds every answer against it."""

from __future__ import annotations

from typing import Any

from reference.metrics.events import AGGREGATES, LARGEST_SEQUENCE, MOST_RECEIPTS
from reference.metrics.openapi_schemas import SCHEMAS
from reference.metrics.web import EARLIEST_MS, LATEST_MS, NAME

_ERRORS = {
    "400": "The body is not JSON.",
    "401": "The access token is missing, wrong, expired, or its session has ended.",
    "403": "The user's role does not allow this.",
    "404": "The user's tenant has nothing of this id.",
    "409": "It is taken, or there are too many.",
    "413": "The body is too large.",
    "422": "The body or a parameter is not valid; problems lists everything wrong.",
    "503": "The database did not answer.",
}
_BODY = "400 413 422"


def document(notice: str) -> dict[str, Any]:
    """The OpenAPI document; `notice` says that this is a reference service."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "External Metrics API (reference)", "version": "1.0.0", "description": notice},
        "security": [{"accessToken": []}],
        "paths": {**_auth(), **_metrics(), **_dashboards(), **_admin(), "/health": {"get": _health()}},
        "components": {
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": SCHEMAS,
        },
    }


def _auth() -> dict[str, Any]:
    base = "/api/v1/auth"
    log_in = _operation("Log in.", {"200": "LoggedIn"}, f"401 {_BODY}", "Credentials", is_open=True)
    refresh = _operation(
        "Exchange a refresh token; each works once, and a second use ends its session.",
        {"200": "LoggedIn"}, f"401 {_BODY}", "RefreshToken", is_open=True,
    )  # fmt: skip
    return {
        f"{base}/login": {"post": log_in},
        f"{base}/refresh": {"post": refresh},
        f"{base}/logout": {"post": _operation("End the session.", {"204": ""})},
        f"{base}/me": {"get": _operation("Who the access token is of.", {"200": "Me"})},
    }


def _metrics() -> dict[str, Any]:
    base = "/api/v1/metrics"
    one = _operation(
        "Store an event: 201 when it is new, 200 when its id is known.",
        {"200": "Acknowledgement", "201": "Acknowledgement"}, f"403 {_BODY}", "Event",
    )  # fmt: skip
    batch = _operation(
        "Store events, all or (when one is not valid) none.", {"200": "BatchResult"}, f"403 {_BODY}", "Batch"
    )
    session = _operation(
        "Report a stretch of use.", {"200": "Acknowledgement"}, f"403 {_BODY}", "UsageSession"
    )
    query = _operation(
        "A metric over time; a thousand points at most: a smaller interval is widened.",
        {"200": "QueryResult"},
        "422",
    )
    moment = {"type": "integer", "minimum": EARLIEST_MS, "maximum": LATEST_MS}
    query["parameters"] = [
        _parameter("name", {"type": "string", "pattern": f"^{NAME.pattern}$"}, required=True),
        _parameter("aggregate", {"enum": list(AGGREGATES), "default": "avg"}),
        _parameter("from", moment, required=True),
        _parameter("to", moment, required=True),
        _parameter("interval", {"type": "integer", "minimum": 1, "maximum": LATEST_MS}),
    ]
    receipts = _operation(
        f"Which numbers of a source are stored, of {MOST_RECEIPTS} at most: from first to the last that is answered.",
        {"200": "Receipts"},
        "404 422",
    )
    number = {"type": "integer", "minimum": 0, "maximum": LARGEST_SEQUENCE}
    receipts["parameters"] = [
        _path("source"), _parameter("first", {**number, "default": 0}), _parameter("last", number),
    ]  # fmt: skip
    return {
        f"{base}/events": {"post": one},
        f"{base}/batch": {"post": batch},
        f"{base}/sessions": {"post": session},
        f"{base}/query": {"get": query},
        f"{base}/receipts/{{source}}": {"get": receipts},
    }


def _dashboards() -> dict[str, Any]:
    base = "/api/v1/dashboard"
    create = _operation("Make a dashboard.", {"201": "Dashboard"}, f"403 409 {_BODY}", "NewDashboard")
    one = _operation("One dashboard.", {"200": "Dashboard"}, "404")
    delete = _operation("Delete a dashboard.", {"204": ""}, "403 404")
    widgets = _operation(
        "What a dashboard's widgets show; up to a second old.", {"200": "WidgetsData"}, "404 422"
    )
    for operation in (one, delete, widgets):
        operation["parameters"] = [_path("dashboard_id")]
    seconds = {"type": "integer", "minimum": 10, "maximum": 24 * 3600, "default": 300}
    widgets["parameters"] = [*widgets["parameters"], _parameter("seconds", seconds)]
    return {
        base: {
            "get": _operation("The tenant's dashboards, the oldest hundred.", {"200": "DashboardList"}),
            "post": create,
        },
        f"{base}/summary": {"get": _operation("The last minute at a glance.", {"200": "Summary"})},
        f"{base}/{{dashboard_id}}": {"get": one, "delete": delete},
        f"{base}/{{dashboard_id}}/widgets": {"get": widgets},
    }


def _admin() -> dict[str, Any]:
    base = "/api/v1/admin"
    create = _operation("Make a user of the own tenant.", {"201": "User"}, f"403 409 {_BODY}", "NewUser")
    return {
        f"{base}/tenants": {
            "get": _operation(
                "The tenants that the user administers: the own one.", {"200": "TenantList"}, "403"
            )
        },
        f"{base}/users": {
            "get": _operation("The tenant's users, at most 200.", {"200": "UserList"}, "403"),
            "post": create,
        },
        f"{base}/usage": {"get": _operation("The last hour's use.", {"200": "Usage"}, "403")},
        f"{base}/retention": {
            "get": _operation("How long events are kept.", {"200": "Retention"}, "403"),
            "put": _operation("Set it.", {"200": "Retention"}, f"403 {_BODY}", "NewRetention"),
        },
        f"{base}/retention/run": {"post": _operation("Delete what is older.", {"200": "Expired"}, "403")},
    }


def _health() -> dict[str, Any]:
    health = _operation("Whether the service and its database answer.", {"200": "Health"}, is_open=True)
    return health


def _operation(
    summary: str, successes: dict[str, str], errors: str = "", body: str = "", *, is_open: bool = False
) -> dict[str, Any]:
    responses: dict[str, Any] = {
        status: {"description": "Done.", **({"content": _content(_ref(schema))} if schema else {})}
        for status, schema in successes.items()
    }
    for status in sorted({*errors.split(), "503", *([] if is_open else ["401"])}):
        responses[status] = {"description": _ERRORS[status], "content": _content(_ref("Error"))}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if body:
        operation["requestBody"] = {"required": True, "content": _content(_ref(body))}
    if is_open:
        operation["security"] = []
    return operation


def _parameter(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
