"""What the rules of targets say, and how they behave where counters are awkward."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
import yaml
from prometheus_client.utils import floatToGoString

from swarmscope.alerting.links import Links
from swarmscope.alerting.promql import duration, le, one_of, plain, whole_ratio
from swarmscope.alerting.rule_files import alerting_files, rule_files
from swarmscope.alerting.target_rules import system_rules
from swarmscope.errors import ConfigurationError
from swarmscope.targets import Alerting, System


def rules_of(system: System) -> list[dict]:
    return yaml.safe_load(system_rules(system, Links()))["groups"][0]["rules"]


def only(system: System, *ids: str, **changes: object) -> System:
    """The system with these targets only, each changed alike."""
    kept = tuple(replace(target, **changes) for target in system.targets if target.id in ids)  # type: ignore[arg-type]
    return replace(system, targets=kept)


def alert_of(system: System) -> dict:
    (found,) = [rule for rule in rules_of(system) if rule.get("labels", {}).get("target") and "alert" in rule]
    return found


def test_a_percentile_is_compared_in_whole_numbers(every_kind):
    requests = 'target:locust_window_requests:count{system="shop",target="p95"}'
    slow = 'target:locust_window_breaching_requests:count{system="shop",target="p95"}'
    assert alert_of(only(every_kind, "p95"))["expr"].splitlines() == [
        f"({slow} / {requests})",
        f"and ({slow} * 100 > 5 * {requests})",
        f"and ({slow} >= 3)",
        'and on (run, system) run:locust_steady_window:seconds{system="shop"}',
        r'and on (run, system) last_over_time(locust_run_info{system="shop",profile=~"peak\\.1|soak"}[3s])',
    ]


def test_slow_requests_are_counted_at_the_limit_itself_as_an_exact_difference(every_kind):
    counted = rules_of(only(every_kind, "p95"))[3]
    bucket = 'locust_request_duration_seconds_bucket{system="shop",method="POST",name="/events",le="0.1"}[3s]'
    assert counted["expr"].splitlines() == [
        'target:locust_window_requests:count{system="shop",target="p95"}',
        "- on (run, system) group_left () sum by (run, system) (",
        f"  last_over_time({bucket})",
        f"  - (last_over_time({bucket} offset 5s) or 0 * last_over_time({bucket}))",
        ")",
    ]


@pytest.mark.parametrize(
    ("ratio", "numbers"),
    [
        ("0.05", (5, 100)),
        ("0.5", (50, 100)),
        ("0.001", (1, 1000)),
        ("0.0005", (5, 10000)),
        ("0.01000", (1, 100)),
        ("0", (0, 100)),
        ("1", (100, 100)),
    ],
)
def test_a_ratio_is_two_whole_numbers(ratio, numbers):
    assert whole_ratio(Decimal(ratio)) == numbers


@pytest.mark.parametrize("limit", ["0.1", "1", "0.05", "2.5", "60", "0.0001", "0.00005", "0.12300", "30.0"])
def test_a_bound_is_written_as_the_exporter_writes_it(limit):
    assert le(Decimal(limit)) == f'le="{floatToGoString(float(limit))}"'


def test_a_whole_bound_has_its_point_as_prometheus_3_wants_it():
    assert le(Decimal(1)) == 'le="1.0"'


@pytest.mark.parametrize(("seconds", "text"), [("5", "5s"), ("2.5", "2500ms"), ("60", "60s"), ("5.00", "5s")])
def test_durations_are_exact(seconds, text):
    assert duration(Decimal(seconds)) == text


@pytest.mark.parametrize("seconds", ["0", "-1", "0.0001"])
def test_a_duration_that_prometheus_cannot_write_is_refused(seconds):
    with pytest.raises(
        ValueError, match=f"^{plain(Decimal(seconds))} s is not a positive whole number of milliseconds$"
    ):
        duration(Decimal(seconds))


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.00001", "0.00001"), ("1E+3", "1000"), ("0.10", "0.1"), ("100", "100"), ("0.0", "0")],
)
def test_numbers_print_as_people_write_them(number, text):
    assert plain(Decimal(number)) == text


def test_no_float_leaks_into_a_rule(every_kind):
    for limit in ("0.001", "0.003", "0.07", "0.29"):
        text = system_rules(only(every_kind, "error-rate", "average", limit=Decimal(limit)), Links())
        assert "000000" not in text and "99999" not in text


def test_values_of_labels_are_matched_literally():
    assert one_of("profile", ("a.b", 'say "hi"', "x|y")) == r'profile=~"a\\.b|say \"hi\"|x\\|y"'


def test_a_system_without_targets_is_an_error(every_kind):
    with pytest.raises(ConfigurationError) as caught:
        rule_files([replace(every_kind, targets=(), source="scenarios/shop/targets.yaml")])
    assert str(caught.value) == (
        "scenarios/shop/targets.yaml: targets: no targets, so there is nothing to alert on"
    )


def test_the_systems_own_times_are_used(every_kind):
    alerting = Alerting(window=Decimal("2.5"), hold=Decimal(20), hung_after=Decimal("0.5"))
    rules = rules_of(replace(only(every_kind, "p95"), alerting=alerting))
    assert "[2500ms]" in rules[0]["expr"]
    assert "> 0.5" in rules[1]["expr"]
    assert rules[-1]["for"] == "20s"
    assert "in the last 2.5 s" in rules[-1]["annotations"]["summary"]


def test_links_lead_where_they_are_told_to(every_kind):
    text = system_rules(
        only(every_kind, "p95"), Links("https://wiki.example/runbook", "https://grafana.example/")
    )
    annotations = yaml.safe_load(text)["groups"][0]["rules"][-1]["annotations"]
    assert annotations["runbook_url"] == "https://wiki.example/runbook#latencytargetbreached"
    assert annotations["dashboard_url"].startswith("https://grafana.example/d/swarmscope-live?var-system=")
    assert annotations["dashboard_url"].endswith("&to=now&viewPanel=panel-102")  # the response times


def test_braces_in_a_users_text_are_printed_and_not_executed(every_kind, promtool):
    shop = only(every_kind, "p95", description="{{ $value }} is {{literal}}", profiles=(), abort=False)
    files = alerting_files([shop])
    done = promtool(files, "test", "rules", "alerts/tests/shop_test.generated.yml")
    assert done.returncode == 0, done.stdout


# What follows runs the generated rules on series that no generated test has.

PHASE = 'locust_run_phase{run="r1",system="shop",phase="steady"}'
SECONDS = 'locust_steady_seconds{run="r1",system="shop"}'
REQUEST = 'run="r1",system="shop",method="POST",name="/events"'
COUNT = f"locust_request_duration_seconds_count{{{REQUEST}}}"
BUCKET = f'locust_request_duration_seconds_bucket{{{REQUEST},le="0.1"}}'
TOTAL = f'locust_requests_total{{{REQUEST},outcome="success",status="200"}}'


def fires(
    promtool, system: System, series: dict[str, str], at: int, alert: str = "LatencyTargetBreached"
) -> bool:
    """Whether the alert fires at a second of these series, by promtool."""
    query = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'

    def outcome(value: int) -> int:
        test = {
            "rule_files": ["alerts/shop.generated.yml", "alerts/guards.generated.yml"],
            "evaluation_interval": "1s",
            "tests": [
                {
                    "interval": "1s",
                    "input_series": [{"series": name, "values": values} for name, values in series.items()],
                    "promql_expr_test": [
                        {
                            "expr": query,
                            "eval_time": f"{at}s",
                            "exp_samples": [{"labels": "{}", "value": value}],
                        }
                    ],
                }
            ],
        }
        files = {**rule_files([system]), "test.yml": yaml.safe_dump(test)}
        return promtool(files, "test", "rules", "test.yml").returncode

    silent, firing = outcome(0), outcome(1)
    assert sorted((silent, firing)) == [0, 1]
    return firing == 0


@pytest.fixture
def p95(every_kind) -> System:
    """A p95 of 100 ms on POST /events, nothing else."""
    return only(every_kind, "p95", profiles=())


def steady(seconds: int) -> dict[str, str]:
    return {PHASE: f"1x{seconds}", SECONDS: f"0+1x{seconds}"}


def test_a_request_that_is_first_seen_in_the_window_counts_from_zero(p95, promtool):
    # From second 10 on 20 slow requests each second: the first window that holds them has no sample to subtract.
    series = {**steady(40), COUNT: "_x10 20+20x30", BUCKET: "_x10 0x30"}
    assert fires(promtool, p95, series, 17)
    assert not fires(promtool, p95, series, 16)


def test_a_scrape_that_fails_does_not_start_the_alert_over(p95, promtool):
    gap = "stale stale"
    series = {
        PHASE: f"1x8 {gap} 1x20",
        SECONDS: f"0+1x8 {gap} 11+1x20",
        COUNT: f"0+20x8 {gap} 220+20x20",
        BUCKET: f"0x8 {gap} 0x20",
    }
    assert fires(promtool, p95, series, 12)


def test_a_prometheus_that_comes_late_does_not_take_the_whole_run_for_a_window(p95, promtool):
    # A million slow requests lie behind, and not one is added.
    series = {PHASE: "1x30", SECONDS: "500+1x30", COUNT: "1000000x30", BUCKET: "0x30"}
    assert not fires(promtool, p95, series, 12)


def test_a_run_that_was_just_ramping_is_given_a_whole_window(p95, promtool):
    series = {PHASE: "0x9 1x30", SECONDS: "0x9 1+1x30", COUNT: "0+20x40", BUCKET: "0x40"}
    # Steady from second 10 on: a full window at 15, fired at 22.
    assert not fires(promtool, p95, series, 21)
    assert fires(promtool, p95, series, 22)


def test_two_slow_requests_in_a_window_wake_nobody_and_three_do(p95, promtool):
    def slow(in_a_window: int) -> dict[str, str]:
        counts = " ".join(str(in_a_window * second // 5) for second in range(26))
        return {**steady(25), COUNT: counts, BUCKET: "0x25"}

    assert not fires(promtool, p95, slow(2), 20)
    assert fires(promtool, p95, slow(3), 20)


def test_fewer_requests_over_the_run_than_its_minimum_are_not_judged(p95, promtool):
    series = {**steady(30), COUNT: "0+20x30", BUCKET: "0x30", TOTAL: "0+20x30"}
    assert fires(promtool, only(p95, "p95", min_samples=100), series, 20)
    assert not fires(promtool, only(p95, "p95", min_samples=1000), series, 20)


def test_a_rate_is_measured_by_the_exporters_clock(every_kind, promtool):
    shop = only(every_kind, "rps")
    # 110 a second by the exporter's clock; by the scrapes', which are late, only 88.
    late = {PHASE: "1x30", SECONDS: "0+0.8x30", TOTAL: "0+88x30"}
    assert not fires(promtool, shop, late, 20, "RateTargetBreached")
    assert fires(promtool, shop, {**late, SECONDS: "0+1x30"}, 20, "RateTargetBreached")


def test_a_request_that_never_ran_is_below_any_floor(every_kind, promtool):
    assert fires(promtool, only(every_kind, "rps"), steady(30), 20, "RateTargetBreached")


def test_a_first_failure_in_the_window_counts(every_kind, promtool):
    failed = f'locust_requests_total{{{REQUEST},outcome="failure",status="503"}}'
    series = {**steady(30), TOTAL: "0+10x30", failed: "_x5 1+1x25"}
    assert fires(promtool, only(every_kind, "error-rate"), series, 15, "ErrorRateTargetBreached")
