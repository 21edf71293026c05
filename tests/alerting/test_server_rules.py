"""Server-side targets: a query that watches all runs at once, and never passes for want of data."""

from __future__ import annotations

from decimal import Decimal

import pytest
import yaml

from swarmscope.alerting.rule_files import rule_files
from swarmscope.alerting.server_rules import live_query
from swarmscope.errors import ConfigurationError
from swarmscope.targets import Kind, Profile, System, Target


def shop(query: str, kind: Kind = Kind.MAX) -> System:
    target = Target("cpu", kind, Decimal(80), "80%", query=query, unit="%")
    return System(
        "shop", "Shop", (target,), {"quick": Profile("quick", users=1)}, "quick", source="shop/targets.yaml"
    )


def query_of(query: str) -> str:
    system = shop(query)
    return live_query(system, system.targets[0])


@pytest.mark.parametrize(
    ("written", "live"),
    [
        ('cpu{run="$run"}', 'cpu{run=~".+"}'),
        ("cpu{a='b',run = '$run'}", "cpu{a='b',run =~\".+\"}"),
        ('cpu{run=~"$run"}', 'cpu{run=~".+"}'),
        ("rate(cpu[$window])", "rate(cpu[5s])"),
        ("cpu", "cpu"),
    ],
)
def test_a_query_watches_all_runs(written, live):
    assert query_of(written) == live


def test_a_query_that_needs_one_run_is_refused():
    with pytest.raises(ConfigurationError) as caught:
        query_of('cpu{path="/$run/x"}')
    assert str(caught.value) == (
        'shop/targets.yaml: target cpu: query: $run can only be used as run="$run", '
        "since an alert watches all runs at once\n"
        '  hint: write the label matcher run="$run", or leave it out'
    )


STEADY = {
    **{f'locust_run_phase{{run="{run}",system="shop",phase="steady"}}': "1x40" for run in ("r1", "r2")},
    **{f'locust_steady_seconds{{run="{run}",system="shop"}}': "0+1x40" for run in ("r1", "r2")},
}


def values(promtool, system: System, series: dict[str, str], expected: dict[str, float]) -> None:
    """Assert what is recorded of the target for each run."""
    labels = f'system="shop",target="cpu",kind="{system.targets[0].kind}",priority="high"'
    samples = [
        {"labels": f'target:locust_server_query:value{{run="{run}",{labels}}}', "value": value}
        for run, value in expected.items()
    ]
    check(promtool, system, series, "target:locust_server_query:value", samples)


def firing(promtool, system: System, series: dict[str, str], expected: set[tuple[str, str]]) -> None:
    """Assert which (alert, run) fire after 20 s."""
    samples = [{"labels": f'{{alertname="{name}",run="{run}"}}', "value": 1} for name, run in expected]
    query = 'count by (alertname, run) (ALERTS{alertname=~"Server.*",alertstate="firing"})'
    check(promtool, system, series, query, samples)


def check(promtool, system: System, series: dict[str, str], query: str, samples: list[dict]) -> None:
    test = {
        "rule_files": ["alerts/shop.generated.yml"],
        "evaluation_interval": "1s",
        "tests": [
            {
                "interval": "1s",
                "input_series": [
                    {"series": name, "values": text} for name, text in {**STEADY, **series}.items()
                ],
                "promql_expr_test": [{"expr": query, "eval_time": "20s", "exp_samples": samples}],
            }
        ],
    }
    done = promtool({**rule_files([system]), "test.yml": yaml.safe_dump(test)}, "test", "rules", "test.yml")
    assert done.returncode == 0, done.stdout


def test_an_answer_without_a_run_holds_for_every_steady_run(promtool):
    values(promtool, shop("max(cpu)"), {"cpu": "70x40"}, {"r1": 70, "r2": 70})


def test_an_answer_with_a_run_holds_for_that_run_only(promtool):
    series = {'cpu{run="r1"}': "70x40", 'cpu{run="over"}': "99x40"}
    values(promtool, shop('cpu{run="$run"}'), series, {"r1": 70})
    firing(promtool, shop('cpu{run="$run"}'), series, {("ServerMeasurementMissing", "r2")})


def test_of_several_answers_the_worst_counts(promtool):
    series = {'cpu{core="0"}': "70x40", 'cpu{core="1"}': "85x40"}
    values(promtool, shop("cpu"), series, {"r1": 85, "r2": 85})
    values(promtool, shop("cpu", Kind.MIN), series, {"r1": 70, "r2": 70})
    firing(promtool, shop("cpu"), series, {("ServerTargetBreached", "r1"), ("ServerTargetBreached", "r2")})
    firing(
        promtool,
        shop("cpu", Kind.MIN),
        series,
        {("ServerTargetBreached", "r1"), ("ServerTargetBreached", "r2")},
    )


def test_no_answer_is_told(promtool):
    missing = {("ServerMeasurementMissing", "r1"), ("ServerMeasurementMissing", "r2")}
    firing(promtool, shop("cpu"), {}, missing)


def test_nan_is_no_answer(promtool):
    missing = {("ServerMeasurementMissing", "r1"), ("ServerMeasurementMissing", "r2")}
    firing(promtool, shop("cpu / cpu"), {"cpu": "0x40"}, missing)


def test_an_answer_within_the_limit_is_quiet(promtool):
    firing(promtool, shop("cpu"), {"cpu": "80x40"}, set())


def test_a_query_may_end_in_a_comment_or_span_lines(promtool):
    values(promtool, shop("cpu # of the database\n> 5"), {"cpu": "70x40"}, {"r1": 70, "r2": 70})
