# ruff: noqa: S608  # the statements are the table's own
"""For each target of each system's default profile a fault that breaks it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """A fault, and the targets that must miss their limits for it."""

    system: str
    name: str
    faults: tuple[dict[str, Any], ...]
    breaks: frozenset[str]
    duration: str = "35s"
    good_seconds: float = 4
    """Steady seconds before the fault, as in a service that breaks while it is watched."""
    sql: tuple[str, ...] = ()
    """Statements that are run in the stack's own PostgreSQL."""
    healthy: frozenset[str] = field(default_factory=frozenset)
    """Targets that must hold all the same: the fault is not theirs."""

    def __str__(self) -> str:
        return f"{self.system}-{self.name}"


def case(system: str, name: str, breaks: list[str], *faults: dict[str, Any], **options: Any) -> Case:
    """A row of the table."""
    options["healthy"] = frozenset(options.get("healthy", ()))
    options["sql"] = tuple(options.get("sql", ()))
    return Case(system, name, faults, frozenset(breaks), **options)


def delay(milliseconds: int) -> dict[str, Any]:
    """Every answer takes this much longer."""
    return {"kind": "delay", "delay_ms": milliseconds}


SLOW = delay(1500)
ERRORS = {"kind": "error", "probability": 0.5, "status": 500}
HANG = {"kind": "hang"}

LIVE = "/api/v1/live"
EVENTS = "swarmscope_load.metric_events"
LOCKED = (
    f"BEGIN; LOCK TABLE {EVENTS} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT; SELECT pg_sleep(0.5)"
)
COLUMNS = "recorded_at, value, writer, sequence, tenant_id, session_id, metric_id"
NEWEST = f"(SELECT * FROM {EVENTS} WHERE sequence IS NOT NULL ORDER BY id DESC LIMIT 200) AS newest"
STET = [
    *("post-v1-corrections", "get-v1-facts", "get-v1-history"),
    *("post-v1-enforcement-heartbeat", "get-v1-enforcement-status", "get-v1-enforcement-escalation"),
]

TRIGGERS_CASES = [
    case("triggers", "slow", ["post-events-p95", "get-inbox-p95"], SLOW, healthy=["all-error-rate"]),
    case("triggers", "errors", ["all-error-rate"], ERRORS, healthy=["post-events-p95"]),
    # A user that hangs is one slow request: with 20 good ones to each before it, the P95 would rightly hold.
    case(
        "triggers",
        "hang",
        ["post-events-rps-quick", "post-events-p95", "all-error-rate"],
        HANG,
        good_seconds=1,
    ),
]
AUTHORIZE = "POST /authorize"
ACCESS_CASES = [
    case(
        "access",
        "slow-authorizer",
        ["post-authorize-p95"],
        {"kind": "delay", "routes": AUTHORIZE, "delay_ms": 150},
        healthy=["api-p95", "all-error-rate", "cold-start-p95"],
        duration="45s",
    ),
    case(
        "access",
        "slow-api",
        ["api-p95"],
        {"kind": "delay", "routes": "/v1/*", "delay_ms": 700},
        healthy=["post-authorize-p95", "all-error-rate"],
        duration="45s",
    ),
    case(
        "access",
        "errors",
        ["all-error-rate"],
        {"kind": "error", "status": 500, "probability": 0.05},
        healthy=["post-authorize-p95", "api-p95"],
        duration="45s",
    ),
    case(
        "access",
        "cold-starts",
        ["cold-start-p95"],
        {"kind": "cold_start", "routes": AUTHORIZE, "delay_ms": 3500, "jitter_ms": 200},
        healthy=["api-p95", "all-error-rate"],
        duration="45s",
    ),
    case(
        "access",
        "stall",
        ["all-rps", "post-authorize-rps"],
        delay(2500),
        healthy=["all-error-rate"],
        duration="45s",
    ),
]
CLAIMS_CASES = [
    case("claims", "slow", ["all-p95"], delay(800), healthy=["all-error-rate"], duration="50s"),
    case("claims", "errors", ["all-error-rate"], ERRORS, healthy=["all-p95"], duration="50s"),
    case("claims", "stall", ["all-rps-quick"], delay(4000), healthy=["all-error-rate"], duration="50s"),
    case(
        "claims",
        "lost",
        ["get-api-v1-claims-id-rps"],
        {"kind": "error", "status": 404, "routes": "GET /api/v1/claims/{claim_id}/"},
        healthy=["all-p95", "all-error-rate"],
        duration="50s",
    ),
]
STET_CASES = [
    # 450 ms is more than the third of a second between two requests: users fall behind, and the rest waits in line.
    case(
        "stet",
        "slow",
        [f"{name}-{percentile}" for name in STET for percentile in ("p50", "p95", "p99")],
        delay(450),
        healthy=["all-error-rate", "database-query-p99"],
        duration="45s",
    ),
    case("stet", "errors", ["all-error-rate"], ERRORS, healthy=["post-v1-corrections-p95", "wrong-replays"]),
    case(
        "stet", "hang", [*(f"{name}-rps-quick" for name in STET), "all-error-rate", "get-v1-facts-p95"], HANG
    ),
    case(
        "stet",
        "slow-query",
        ["database-query-p99", "database-pool-use", "get-v1-facts-p95"],
        {"kind": "slow_query", "delay_ms": 200},
        healthy=["wrong-replays"],
    ),
]
METRICS_CASES = [
    case(
        "metrics",
        "slow",
        [
            *(f"any-api-v1-{group}-any-p95" for group in ("auth", "metrics", "admin")),
            *("any-api-v1-dashboard-any-p95", "ws-delivery-p95", "ws-round-trip-p95"),
        ],
        SLOW,
        healthy=["any-api-v1-any-error-rate", "tenant-leaks", "uptime", "websocket-messages-lost"],
        duration="40s",
    ),
    case(
        "metrics",
        "slow-visits",
        ["journey-visit-p95"],
        delay(450),
        healthy=["journey-visit-error-rate"],
        duration="50s",
    ),
    case(
        "metrics",
        "errors",
        [
            *("any-api-v1-any-error-rate", "journey-visit-error-rate", "uptime"),
            *("ws-round-trip-error-rate", "websocket-achieved", "websocket-messages-lost"),
        ],
        ERRORS,
        healthy=["events-missing", "events-doubled", "database-rows-missing"],
    ),
    case(
        "metrics",
        "hang",
        ["any-api-v1-any-rps-quick", "ws-delivery-rps-quick"],
        HANG,
        healthy=["tenant-leaks"],
    ),
    case(
        "metrics",
        "leak",
        ["tenant-leaks", "websocket-tenant-leaks"],
        {"kind": "leak", "probability": 0.05},
        healthy=["events-missing"],
    ),
    case(
        "metrics",
        "lose",
        ["events-missing"],
        {"kind": "lose", "probability": 0.2},
        healthy=["events-doubled"],
    ),
    case(
        "metrics",
        "double",
        ["events-doubled", "websocket-messages-repeated"],
        {"kind": "double", "probability": 0.2},
        healthy=["events-missing", "tenant-leaks", "websocket-messages-lost"],
    ),
    case(
        "metrics",
        "unverifiable",
        ["events-unverified", "events-verified"],
        {"kind": "error", "status": 503, "routes": "GET /api/v1/metrics/receipts/*"},
        healthy=["uptime"],
    ),
    case("metrics", "slow-queries", ["database-pool"], {"kind": "slow_query", "delay_ms": 250}),
    case(
        "metrics",
        "cut",
        ["websocket-connection-success", "websocket-users-without-connection"],
        {"kind": "error", "status": 503, "routes": f"CONNECT {LIVE}"},
        {"kind": "drop", "probability": 0.5, "routes": LIVE, "for_seconds": 0.9},
        healthy=["websocket-messages-lost", "websocket-messages-repeated"],
    ),
    # Again and again: each time the few users wait in whatever query they are just asking.
    case("metrics", "locked-table", ["sql-dashboard-average", "sql-join-average"], sql=[LOCKED] * 6),
    case(
        "metrics",
        "slow-view",
        ["sql-tenant-events-average"],
        sql=[
            f"CREATE OR REPLACE VIEW swarmscope_load.tenant_events AS "
            f"SELECT id, tenant_id, session_id, metric_id, value, recorded_at FROM {EVENTS}, pg_sleep(0.3) "
            f"WHERE tenant_id = current_setting('swarmscope.tenant_id')::integer"
        ],
        healthy=["sql-dashboard-average", "tenant-leaks"],
    ),
    case(
        "metrics",
        "deleted-rows",
        ["database-rows-missing"],
        sql=[f"DELETE FROM {EVENTS} WHERE id IN (SELECT id FROM {NEWEST})"],
        healthy=["database-rows-doubled", "events-missing"],
    ),
    case(
        "metrics",
        "doubled-rows",
        ["database-rows-doubled"],
        sql=[f"INSERT INTO {EVENTS} ({COLUMNS}) SELECT {COLUMNS} FROM {NEWEST}"],
        healthy=["database-rows-missing"],
    ),
    case(
        "metrics",
        "no-table",
        ["sql-any-error-rate", "database-rows-stored", "database-rows-unverified"],
        sql=[f"ALTER TABLE {EVENTS} RENAME TO gone"],
        healthy=["any-api-v1-any-error-rate"],
    ),
]
CASES = [*TRIGGERS_CASES, *ACCESS_CASES, *CLAIMS_CASES, *STET_CASES, *METRICS_CASES]
ELSEWHERE = {
    "stet": dict.fromkeys(
        ("api-cpu", "api-memory", "database-connections", "database-active-queries", "wrong-replays"),
        "tests/reference/stet/test_stet_measured.py",
    ),
}
"""Targets that no fault of a service breaks on a laptop, and the test that breaks each by what stands for its cause."""
