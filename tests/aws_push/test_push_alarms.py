"""Targets become alarms that mean the same, made and removed without touching anybody else's."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from swarmscope.aws.push_alarms import AlarmScope, alarms_of
from swarmscope.aws.push_cost import PushPrices, alarm_dollars_per_month, dollars_per_hour, metrics_of
from swarmscope.edge.cloudwatch_alarms import main
from swarmscope.edge.files import load_system
from swarmscope.targets import Kind, Profile, System, Target

ROOT = Path(__file__).resolve().parents[2]
SCOPE = AlarmScope("shop", "local", "load")


def alarm(kind: Kind, limit: str, request: str = "POST /events", **changes: Any) -> dict[str, Any]:
    target = Target("t", kind, Decimal(limit), limit, request)
    system = System("shop", "Shop", (target,), {"quick": Profile("quick")}, "quick")
    (found,) = alarms_of(system, "quick", AlarmScope("shop", "local", "load", **changes))
    return found


def test_a_percentile_is_an_extended_statistic() -> None:
    assert alarm(Kind.P999, "0.1", actions=("arn:aws:sns:us-east-1:000000000000:tell",)) == {
        "AlarmName": "swarmscope/shop/local/t",
        "AlarmDescription": "shop: POST /events p99.9 ≤ 0.1 (high). [made by swarmscope for shop/local]",
        "Namespace": "load",
        "MetricName": "RequestDuration",
        "ExtendedStatistic": "p99.9",
        "EvaluateLowSampleCountPercentile": "ignore",
        "Dimensions": [
            {"Name": "System", "Value": "shop"},
            {"Name": "Method", "Value": "POST"},
            {"Name": "Request", "Value": "/events"},
        ],
        "Period": 60,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0.1,
        "TreatMissingData": "notBreaching",
        "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:tell"],
        "OKActions": ["arn:aws:sns:us-east-1:000000000000:tell"],
    }


@pytest.mark.parametrize(
    ("kind", "limit", "metric", "statistic", "operator", "threshold"),
    [
        (Kind.ERROR_RATE, "0.001", "Failures", "Average", "GreaterThanThreshold", 0.001),
        (Kind.AVERAGE, "0.25", "RequestDuration", "Average", "GreaterThanThreshold", 0.25),
        (Kind.RPS, "0.1", "Requests", "Sum", "LessThanThreshold", 6.0),
    ],
)
def test_other_kinds_are_plain_statistics(
    *, kind: Kind, limit: str, metric: str, statistic: str, operator: str, threshold: float
) -> None:
    made = alarm(kind, limit)
    keys = ("MetricName", "Statistic", "ComparisonOperator", "Threshold")
    assert tuple(made[key] for key in keys) == (metric, statistic, operator, threshold)
    assert "ExtendedStatistic" not in made


@pytest.mark.parametrize(
    ("request_", "dimensions"),
    [("*", {}), ("* /v1/*", {"Pattern": "* /v1/*"}), ("GET /a", {"Method": "GET", "Request": "/a"})],
)
def test_dimensions_are_those_that_are_pushed(request_: str, dimensions: dict[str, str]) -> None:
    made = {each["Name"]: each["Value"] for each in alarm(Kind.P95, "1", request_)["Dimensions"]}
    assert made == {"System": "shop", **dimensions}


def test_costs_follow_their_formula() -> None:
    assert metrics_of(20) == 64
    assert metrics_of(20, patterns=1, runs=2) == 201
    assert alarm_dollars_per_month(5, 60) == 0.5
    assert alarm_dollars_per_month(5, 10) == 1.5
    prices = PushPrices(metric_per_month=7.3, calls_per_thousand=1.0)
    assert dollars_per_hour(64, 10, 2, prices) == pytest.approx(64 * 0.01 + 0.72)


@pytest.fixture
def project(pushed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A system of two targets whose environment is the stand-in."""
    folder = tmp_path / "scenarios" / "shop"
    folder.mkdir(parents=True)
    (folder / "environments.yaml").write_text(
        'environments:\n  local: {host: "http://127.0.0.1:1", aws: {endpoint_url: "' + pushed.aws.url
        + '", region: us-east-1, lambda: [f]}}\n'
    )  # fmt: skip

    def write(*targets: str) -> None:
        listed = "".join(f"  - {{{target}}}\n" for target in targets)
        (folder / "targets.yaml").write_text(
            f"system: shop\ntitle: Shop\nhealth: /\ndefault_profile: quick\ntargets:\n{listed}"
            "profiles:\n  quick: &one {users: 1, spawn_rate: 1, run_time: 10s}\n  peak: *one\n"
        )

    write(
        "request: GET /a, p95: 100ms",
        'request: "*", error_rate: 1%',
        "request: GET /a, p95: 1s, profiles: [peak]",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWARMSCOPE_CLOUDWATCH_NAMESPACE", "load")
    return write


def alarms(pushed: Any) -> dict[str, dict[str, Any]]:
    return {
        each["AlarmName"]: each for each in pushed.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    }


def put_foreign(pushed: Any, name: str, description: str) -> None:
    pushed.aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name, AlarmDescription=description, Namespace="load", MetricName="Requests", Statistic="Sum",
        Period=60, EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="LessThanThreshold",
    )  # fmt: skip


@pytest.mark.usefixtures("credentials")
def test_alarms_are_shown_made_kept_changed_and_deleted(
    pushed: Any, project: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    put_foreign(pushed, "swarmscope/shop/local/by-hand", "somebody's own")
    put_foreign(pushed, "swarmscope/shop/local-2/x", "x [made by swarmscope for shop/local-2]")
    foreign = alarms(pushed)
    command = ["--system", "shop", "--environment", "local"]

    assert main(command) == 0
    assert alarms(pushed) == foreign
    shown = capsys.readouterr().out
    assert "put     swarmscope/shop/local/get-a-p95: p95 of RequestDuration > 0.1\n" in shown
    assert "put     swarmscope/shop/local/all-error-rate: Average of Failures > 0.01\n" in shown
    assert "2 alarms of load cost $0.20 a month" in shown
    assert "Nothing was changed" in shown

    assert main([*command, "--apply"]) == 0
    assert set(alarms(pushed)) - set(foreign) == {
        "swarmscope/shop/local/get-a-p95",
        "swarmscope/shop/local/all-error-rate",
    }
    made = alarms(pushed)
    assert main([*command, "--apply"]) == 0
    assert "Done: 0 put, 0 deleted, 2 left as they were." in capsys.readouterr().out
    assert alarms(pushed) == made

    project("request: GET /a, p95: 200ms")
    assert main([*command, "--apply"]) == 0
    assert "Done: 1 put, 1 deleted, 0 left as they were." in capsys.readouterr().out
    assert alarms(pushed)["swarmscope/shop/local/get-a-p95"]["Threshold"] == 0.2

    assert main([*command, "--delete"]) == 0
    assert "delete  swarmscope/shop/local/get-a-p95\n" in capsys.readouterr().out
    assert alarms(pushed) == foreign


@pytest.mark.usefixtures("credentials")
def test_what_is_wrong_is_one_message(
    pushed: Any, project: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["--system", "shop", "--environment", "local"]
    pushed.aws.put_faults([{"api": "DescribeAlarms", "kind": "access_denied"}])
    assert main(command) == 24
    assert capsys.readouterr().err.startswith("AWS refused DescribeAlarms: AccessDenied")
    assert main([*command, "--apply", "--delete"]) == 20
    assert "--delete: excludes --apply" in capsys.readouterr().err
    monkeypatch.setenv("SWARMSCOPE_CLOUDWATCH_NAMESPACE", "")
    assert main(command) == 20
    assert "--namespace: no namespace is given" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["access", "claims", "metrics", "stet", "triggers"])
def test_every_system_s_request_targets_become_alarms(name: str) -> None:
    system = load_system(ROOT, name)
    for profile in system.profiles:
        made = alarms_of(system, profile, AlarmScope(name, "local", "load"))
        wanted = [target for target in system.targets_under(profile) if not target.kind.is_query]
        assert len({each["AlarmName"] for each in made}) == len(wanted)
        assert all(each["TreatMissingData"] == "notBreaching" for each in made)
        json.dumps(made)
