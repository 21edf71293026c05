"""Who lives in a service that was started with --local-key: tenants, users with a public password, dashboards."""

from __future__ import annotations

from reference.metrics.accounts import Accounts, hash_password
from reference.metrics.dashboards import Dashboards, Widget

LOCAL_PASSWORD = "local-load-test"  # noqa: S105  # public, documented: for this machine only
LOCAL_DOMAIN = ".local.example"
"""Ends the addresses of these users; without --local-key none of them is let in, whatever the database holds."""
TENANTS = 20
MEMBERS = 6
VIEWERS = 2
METRICS = (
    "api.requests", "api.latency_ms", "api.errors", "app.sessions", "app.clicks", "queue.depth", "queue.wait_ms",
    "db.queries", "db.time_ms", "billing.cents", "storage.bytes", "tenant.canary",
)  # fmt: skip
_DASHBOARDS = {
    "overview": (("api.requests", "count"), ("api.latency_ms", "avg"), ("api.errors", "count"),
                 ("tenant.canary", "max")),
    "latency": (("api.latency_ms", "avg"), ("api.latency_ms", "max"), ("queue.wait_ms", "avg"), ("db.time_ms", "avg")),
    "business": (("app.sessions", "count"), ("app.clicks", "sum"), ("billing.cents", "sum")),
}  # fmt: skip


def tenant_id(number: int) -> str:
    """`tenant-01` and so on."""
    return f"tenant-{number:02}"


def people(tenant: str) -> list[tuple[str, str]]:
    """(e-mail address, role) of a local tenant's users."""
    return [
        (f"admin@{tenant}{LOCAL_DOMAIN}", "admin"),
        *((f"member-{number}@{tenant}{LOCAL_DOMAIN}", "member") for number in range(1, MEMBERS + 1)),
        *((f"viewer-{number}@{tenant}{LOCAL_DOMAIN}", "viewer") for number in range(1, VIEWERS + 1)),
    ]


async def populate(accounts: Accounts, dashboards: Dashboards) -> None:
    """Make what is missing."""
    hashed = hash_password(LOCAL_PASSWORD)
    for tenant in map(tenant_id, range(1, TENANTS + 1)):
        if await accounts.add_tenant(tenant, f"Local {tenant}"):
            for email, role in people(tenant):
                await accounts.add_hashed(tenant, email, role, hashed)
        for title, widgets in _DASHBOARDS.items():
            made = [Widget(name, aggregate) for name, aggregate in widgets]
            await dashboards.add(tenant, title.capitalize(), made, f"{tenant}-{title}")
