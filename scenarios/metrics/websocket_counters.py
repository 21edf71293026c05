"""What live users count beside their requests; on the exporter's page each is `locust_…`."""

from __future__ import annotations

from exporters.scenario_metrics import counter, gauge
from scenarios.metrics.websocket_connection import ENDINGS

CONNECTIONS = gauge(
    "websocket_connections", "WebSocket connections that are open, authenticated and subscribed."
)
ATTEMPTS = counter(
    "websocket_connection_attempts_total",
    "Attempts to connect, authenticate and subscribe, by result.",
    ("result",),
    [("success",), ("failure",)],
)
RECONNECTIONS = counter(
    "websocket_reconnections_total", "Connections that replaced one that had ended before its user did."
)
DISCONNECTIONS = counter(
    "websocket_disconnections_total",
    "Connections that ended before their user did, by how.",
    ("ending",),
    [(ending,) for ending in ENDINGS],
)
MESSAGES = counter(
    "websocket_messages_total",
    "Messages of every kind by direction, acknowledgements and subscriptions included; control frames are none.",
    ("direction",),
    [("sent",), ("received",)],
)
INTENDED = counter(
    "websocket_messages_intended_total",
    "Publications that were due by the users' schedules, whether or not there was a connection to send them.",
)
ACKNOWLEDGED = counter("websocket_messages_acknowledged_total", "Publications that the service acknowledged.")
LOST = counter(
    "websocket_messages_lost_total", "Messages that a connected subscriber should have got and did not."
)
REPEATED = counter("websocket_messages_repeated_total", "Messages that came more than once.")
OUT_OF_ORDER = counter(
    "websocket_messages_out_of_order_total", "Messages that came after a later one of the same publisher."
)
LEAKS = counter("websocket_tenant_leaks_total", "Messages that came from another tenant.")
AHEAD = counter(
    "websocket_deliveries_before_sent_total",
    "Deliveries that arrived before they were published by the publisher's clock: machines' clocks differ.",
)
