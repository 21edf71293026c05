"""Which log lines are cold starts: Lambda's own, in each of its forms, and nothing that only looks like one."""

import json
from decimal import Decimal
from typing import Any

import pytest

from reference.lambda_functions import report_line
from swarmscope.aws.log_lines import ColdStart, read_cold_start

ID = "3604209a-e9a3-11e6-939a-754dd98c7be3"
REPORT = (
    f"REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 156 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 18 MB\t"
)


def platform_report(**metrics: Any) -> dict[str, Any]:
    measured = {
        "durationMs": 12.3,
        "billedDurationMs": 13,
        "memorySizeMB": 128,
        "maxMemoryUsedMB": 18,
        **metrics,
    }
    return {
        "time": "2026-01-01T00:00:00.000Z",
        "type": "platform.report",
        "record": {"requestId": ID, "metrics": measured, "status": "success"},
    }


@pytest.mark.parametrize(
    ("line", "seconds", "restored"),
    [
        (f"{REPORT}Init Duration: 143.55 ms\t\n", "0.14355", False),
        (f"{REPORT}Init Duration: 3000.00 ms\t", "3", False),
        (f"{REPORT}Init Duration: 250 ms", "0.25", False),
        (f"{REPORT}Init Duration: 900.1 ms\tStatus: timeout", "0.9001", False),
        (
            f"{REPORT}Init Duration: 1.5 ms\t\nXRAY TraceId: 1-5e-a\tSegmentId: 1\tSampled: true\t\n",
            "0.0015",
            False,
        ),
        (f"{REPORT}Restore Duration: 684.36 ms\tBilled Restore Duration: 197 ms\t", "0.68436", True),
        (json.dumps(platform_report(initDurationMs=2999.99)), "2.99999", False),
        (json.dumps(platform_report(restoreDurationMs=300)), "0.3", True),
        (report_line(ID, 0.01, 1.2345), "1.2345", False),
    ],
)
def test_lambdas_own_lines_are_accepted(line: str, seconds: str, restored: bool) -> None:
    assert read_cold_start(line) == ColdStart(ID, Decimal(seconds), restored)


@pytest.mark.parametrize(
    "line",
    [
        REPORT,
        f"{REPORT}Billed Restore Duration: 197 ms\t",
        "INIT_REPORT Init Duration: 143.55 ms\tPhase: init\tStatus: success",
        "RESTORE_REPORT Restore Duration: 684.36 ms",
        f"INFO {REPORT}Init Duration: 143.55 ms",
        f" {REPORT}Init Duration: 143.55 ms",
        f"Copied: {REPORT}Init Duration: 143.55 ms",
        f"the log said\n{REPORT}Init Duration: 143.55 ms",
        f"{REPORT}\nInit Duration: 143.55 ms",
        "REPORT of the day: Init Duration: 143.55 ms was rather long",
        f"REPORT RequestId: {ID}\tInit Duration: 143.55 ms\t",
        f"{REPORT}Init Duration: 143.55 s",
        f"{REPORT}Init Duration: -1 ms",
        f"{REPORT}Init Duration: NaN ms",
        f"{REPORT}Init Duration: 1 ms\tInit Duration: 2 ms",
        REPORT.replace(ID, "not-an-id") + "Init Duration: 1 ms",
        '{"message": "Init Duration: 143.55 ms"}',
        json.dumps({"level": "INFO", "message": json.dumps(platform_report(initDurationMs=5.0))}),
        json.dumps({"level": "INFO", "event": platform_report(initDurationMs=5.0)}),
        json.dumps({"record": platform_report(initDurationMs=5.0)}),
        json.dumps([platform_report(initDurationMs=5.0)]),
        json.dumps(platform_report()),
        json.dumps(platform_report(initDurationMs="5.0")),
        json.dumps(platform_report(initDurationMs=True)),
        json.dumps(platform_report(initDurationMs=None)),
        json.dumps(platform_report(initDurationMs=-5)),
        json.dumps(platform_report(initDurationMs=float("nan"))),
        json.dumps(platform_report(initDurationMs=float("inf"))),
        json.dumps(platform_report(initDurationMs=5.0)).replace("platform.report", "platform.initReport"),
        json.dumps(platform_report(initDurationMs=5.0))[:-3],
        "{" * 9000,
        '{"type": "platform.report", "record": {"requestId": 5, "metrics": {"durationMs": 1, "initDurationMs": 5}}}',
        f"{REPORT}Init Duration: 143.55 ms{' ' * 20_000}",
        "",
    ],
)
def test_decoys_are_not(line: str) -> None:
    assert read_cold_start(line) is None
