"""The bodies of the reference metrics service, as JSON Schema."""

from __future__ import annotations

import re
from typing import Any

from reference.metrics.accounts import ROLES
from reference.metrics.admin_routes import LONGEST_RETENTION_DAYS
from reference.metrics.auth_routes import LONGEST_PASSWORD
from reference.metrics.dashboards import MOST_WIDGETS
from reference.metrics.events import AGGREGATES, EVENT_ID, MOST_IN_BATCH
from reference.metrics.web import EARLIEST_MS, EMAIL, LABEL, LARGEST_VALUE, LATEST_MS, NAME

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": ["number", "null"]}
_RESULT: Schema = {"enum": ["stored", "duplicate"]}
_AGGREGATE: Schema = {"enum": list(AGGREGATES)}
_ROLE: Schema = {"enum": list(ROLES)}
# What is stored and shown: no control characters (C0, delete, C1).
_PLAIN = r"^[^\u0000-\u001f\u007f-\u009f]*$"


def _matching(pattern: re.Pattern[str]) -> Schema:
    return {"type": "string", "pattern": f"^{pattern.pattern}$"}


def _whole(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def _plain(least: int, most: int) -> Schema:
    return {"type": "string", "minLength": least, "maxLength": most, "pattern": _PLAIN}


def _list(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items, **({} if most is None else {"minItems": 1, "maxItems": most})}


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "additionalProperties": False,
        "properties": {**required, **(optional or {})},
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_MOMENT = _whole(EARLIEST_MS, LATEST_MS)
_POINTS = _list({"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2})
_RANGES = _list({"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2})
_DASHBOARD: Schema = {
    "id": _TEXT, "tenant_id": _TEXT, "title": _TEXT,
    "widgets": _list(_object({"name": _TEXT, "aggregate": _AGGREGATE})), "created_at": _WHOLE,
}  # fmt: skip

SCHEMAS: Schema = {
    "Error": {
        "type": "object",
        "required": ["code"],
        "properties": {"code": _TEXT, "detail": _TEXT, "problems": _list(_TEXT)},
    },
    "Health": _object({"status": _TEXT, "database": _TEXT}),
    "Credentials": _object({"email": _matching(EMAIL), "password": _plain(1, LONGEST_PASSWORD)}),
    "RefreshToken": _object({"refresh_token": _plain(1, 200)}),
    "LoggedIn": _object(
        {
            "access_token": _TEXT, "refresh_token": _TEXT, "token_type": {"const": "Bearer"}, "expires_in": _WHOLE,
            "user_id": _TEXT, "tenant_id": _TEXT, "role": _ROLE,
        }
    ),
    "Me": _object({"user_id": _TEXT, "tenant_id": _TEXT, "email": _TEXT, "role": _ROLE}),
    "Event": _object(
        {
            "id": _matching(EVENT_ID), "name": _matching(NAME),
            "value": {"type": "number", "minimum": -LARGEST_VALUE, "maximum": LARGEST_VALUE},
        },
        {"at": _MOMENT, "region": _matching(LABEL)},
    ),
    "Batch": _object({"events": _list(_ref("Event"), MOST_IN_BATCH)}),
    "Acknowledgement": _object({"id": _TEXT, "result": _RESULT}),
    "BatchResult": _object(
        {"stored": _WHOLE, "duplicate": _WHOLE, "results": _list(_ref("Acknowledgement"))}
    ),
    "UsageSession": _object(
        {"id": _matching(EVENT_ID), "app": _matching(NAME), "duration_ms": _whole(0, 30 * 24 * 3600 * 1000)},
        {"started_at": _MOMENT, "events": _whole(0, 10**9), "region": _matching(LABEL)},
    ),
    "QueryResult": _object({"tenant_id": _TEXT, "name": _TEXT, "aggregate": _AGGREGATE, "points": _POINTS}),
    "Receipts": _object(
        {
            "tenant_id": _TEXT, "source": _TEXT, "first": _WHOLE, "last": _WHOLE, "stored": _RANGES,
            "doubled": _RANGES,
        }
    ),
    "NewDashboard": _object(
        {
            "title": _plain(1, 100),
            "widgets": _list(_object({"name": _matching(NAME), "aggregate": _AGGREGATE}), MOST_WIDGETS),
        }
    ),
    "Dashboard": _object(_DASHBOARD),
    "DashboardList": _object({"tenant_id": _TEXT, "dashboards": _list(_ref("Dashboard"))}),
    "WidgetsData": _object(
        {
            "id": _TEXT, "tenant_id": _TEXT,
            "widgets": _list(_object({"name": _TEXT, "aggregate": _AGGREGATE, "points": _POINTS})),
        }
    ),
    "Summary": _object(
        {
            "tenant_id": _TEXT, "seconds": _WHOLE, "events": _WHOLE, "dashboards": _WHOLE,
            "metrics": _list(_object({"name": _TEXT, "events": _WHOLE, "average": _NUMBER, "latest_at": _WHOLE})),
        }
    ),
    "TenantList": _object(
        {
            "tenants": _list(
                _object({"tenant_id": _TEXT, "name": _TEXT, "retention_days": _WHOLE, "created_at": _WHOLE})
            )
        }
    ),
    "User": _object({"id": _TEXT, "tenant_id": _TEXT, "email": _TEXT, "role": _ROLE, "created_at": _WHOLE}),
    "UserList": _object({"tenant_id": _TEXT, "users": _list(_ref("User"))}),
    "NewUser": _object({"email": _matching(EMAIL), "password": _plain(12, LONGEST_PASSWORD)}, {"role": _ROLE}),
    "Usage": _object({"tenant_id": _TEXT, "seconds": _WHOLE, "events": _WHOLE, "sessions": _WHOLE}),
    "Retention": _object({"tenant_id": _TEXT, "retention_days": _WHOLE}),
    "NewRetention": _object({"retention_days": _whole(1, LONGEST_RETENTION_DAYS)}),
    "Expired": _object({"tenant_id": _TEXT, "deleted": _WHOLE}),
}  # fmt: skip
