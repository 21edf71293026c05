"""The statements that users send. The first column of each answer is the tenant whose row it is. No I/O."""

from __future__ import annotations

INSERT = (
    "INSERT INTO metric_events (tenant_id, session_id, metric_id, value, writer, sequence, recorded_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, now())"
)

INSERT_BATCH = (
    "INSERT INTO metric_events (writer, tenant_id, session_id, metric_id, value, sequence, recorded_at)"
    " SELECT %s, rows.*, now()"
    " FROM unnest(%s::integer[], %s::integer[], %s::smallint[], %s::double precision[], %s::integer[]) AS rows"
)

# Aggregated before it is joined: a dashboard with six widgets must not read its tenant's events six times.
DASHBOARD = (
    "SELECT w.tenant_id, d.title, w.kind, m.name, m.unit, e.events, e.mean, e.highest"
    " FROM widgets w JOIN dashboards d ON d.id = w.dashboard_id JOIN metrics m ON m.id = w.metric_id"
    " LEFT JOIN (SELECT metric_id, count(*) AS events, avg(value) AS mean, max(value) AS highest"
    " FROM metric_events WHERE tenant_id = %s AND recorded_at >= %s AND recorded_at < %s"
    " GROUP BY metric_id) AS e ON e.metric_id = w.metric_id"
    " WHERE d.tenant_id = %s AND d.id = %s ORDER BY w.id"
)

JOIN = (
    "SELECT e.tenant_id, u.role, s.country, m.name, count(*), avg(e.value)"
    " FROM metric_events e"
    " JOIN sessions s ON s.id = e.session_id AND s.tenant_id = e.tenant_id"
    " JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id"
    " JOIN metrics m ON m.id = e.metric_id"
    " WHERE e.tenant_id = %s AND e.recorded_at >= %s AND e.recorded_at < %s"
    " GROUP BY e.tenant_id, u.role, s.country, m.name ORDER BY count(*) DESC LIMIT 20"
)

TENANT = "SELECT set_config('swarmscope.tenant_id', %s, true)"
"""For whom the transaction reads; the next borrower of the connection inherits nothing."""

TENANT_EVENTS = (
    "SELECT tenant_id, id, metric_id, value, recorded_at FROM tenant_events"
    " ORDER BY recorded_at DESC LIMIT %s"
)
