"""A system with a target of every kind, and a way to run promtool on rules made from it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from swarmscope.alerting.rule_files import alerting_files
from swarmscope.targets import Kind, Priority, Profile, System, Target

Promtool = Callable[..., subprocess.CompletedProcess[str]]


def target(kind: Kind, limit: str, written: str, **more: object) -> Target:
    """A target, named for its kind unless told otherwise."""
    more.setdefault("id", kind.value.replace(".", "").replace("_", "-"))
    if not kind.is_query:
        more.setdefault("request", "POST /events")
    return Target(kind=kind, limit=Decimal(limit), written=written, **more)  # type: ignore[arg-type]


def system(*targets: Target, **more: object) -> System:
    """The system `shop` with these targets and the profiles quick, peak.1 and soak."""
    profiles = {name: Profile(name, users=1) for name in ("quick", "peak.1", "soak")}
    return System("shop", "Shop", targets, profiles, "quick", **more)  # type: ignore[arg-type]


@pytest.fixture
def every_kind() -> System:
    """One target of each kind, overlapping in what they measure, as real files have them."""
    return system(
        target(Kind.P50, "0.05", "50ms"),
        target(Kind.P90, "0.1", "100ms", request="POST /*"),
        target(
            Kind.P95,
            "0.1",
            "100ms",
            priority=Priority.CRITICAL,
            abort=True,
            profiles=("peak.1", "soak"),
            description="What users feel.",
        ),
        target(Kind.P99, "1", "1s", request="*"),
        target(Kind.P999, "2.5", "2.5s", min_samples=50),
        target(Kind.AVERAGE, "0.2", "200ms", request="GET /events/{id}"),
        target(Kind.RPS, "100", "100"),
        target(Kind.RPS, "0.5", "0.5", id="slow-rate", request="GET /rare"),
        target(Kind.ERROR_RATE, "0.001", "0.1%", request="*", priority=Priority.MEDIUM),
        target(Kind.ERROR_RATE, "0", "0%", id="no-errors", request="DELETE /events/*"),
        target(Kind.MAX, "80", "80%", unit="%", query='shop_cpu{run="$run"}'),
        target(Kind.MIN, "5", "5", unit="connections", query="shop_idle_connections # the pool's"),
    )


@pytest.fixture
def promtool(tmp_path: Path) -> Promtool:
    """Writes files (path → text) to a folder of the test's own and runs promtool there."""

    def run(files: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, encoding="utf-8")
        return subprocess.run(
            ["promtool", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )

    return run


@pytest.fixture
def generated(every_kind: System) -> dict[str, str]:
    """What is generated for `every_kind`."""
    return alerting_files([every_kind])
