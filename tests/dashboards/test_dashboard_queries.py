"""Every query of every shipped dashboard, asked of a real Prometheus as Grafana would ask it, about two real runs."""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from swarmscope.alerting.panels import Dashboard
from swarmscope.dashboards import asking
from swarmscope.dashboards.asking import Shown
from swarmscope.dashboards.files import PAGES
from swarmscope.dashboards.queries import compare
from swarmscope.dashboards.queries import run as run_queries
from tests.dashboards.grafana import Answers, ask, choose, complaints, shipped, table, value

UIDS = [page().uid for page in PAGES]
SHIPPED = {page().uid: page() for page in PAGES}


def is_measured(site):
    """Whether a query can be answered here: AWS is not, and exporters that are not installed are not."""
    missing = ['job="cloudwatch"', "aws_lambda_"]
    if not site.has_exporters:
        missing += ['job="node"', 'job="postgresql"']
    return lambda query: not any(each in query.expr for each in missing)


FAULTS = [
    {"kind": "error", "routes": "/events", "status": 500, "probability": 0.4},
    {"kind": "delay", "routes": "/events", "delay_ms": 150},
]
DELIVERED = 'sum(alertmanager_notification_latency_seconds_count{job="alertmanager"})'
HANG = {"kind": "hang", "routes": "*"}


@dataclass
class Observed:
    """Everything that was asked, and what the recorder itself said meanwhile."""

    before: dict[str, Answers] = field(default_factory=dict)
    """About the run that is going to fail, in its first moments."""
    live: dict[str, Answers] = field(default_factory=dict)
    """About that run while it fails."""
    calm: dict[str, Answers] = field(default_factory=dict)
    """About the calm run, when it was over."""
    after: dict[str, Answers] = field(default_factory=dict)
    """About the failing run when it was over, too, and its exporter gone."""
    window: tuple[float, float] = (0.0, 0.0)
    page: str = ""
    """The exporter's page at the end of the window."""
    hung: dict[str, Any] = field(default_factory=dict)
    """What the exporter said while every request hung."""
    hung_panels: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def observed(site, eventually):
    seen = Observed()

    def everything(run):
        return {uid: look(site, uid, run) for uid in UIDS}

    def page():
        return requests.get(f"{site.exporter}/metrics", timeout=30).text

    def faults(*kinds):
        requests.put(f"{site.service}/faults", json=list(kinds), timeout=30).raise_for_status()

    def scraped_since(moment):
        """Whether Prometheus has read the page of the failing run after that moment."""
        series = f'locust_users_wanted{{run="{site.broken}"}}'
        return lambda: site.prometheus.query(f"max(timestamp({series})) > {moment}")

    eventually("steady", lambda: said(site)["phase"] == "steady")
    eventually("scraped", scraped_since(0))
    seen.before = {uid: look(site, uid, site.broken) for uid in (Dashboard.SERVICE, Dashboard.ALERTS)}
    delivered = site.prometheus.query(DELIVERED)[0]["value"][1]
    faults(*FAULTS)
    fail_the_database(site, eventually)
    eventually("scraped", scraped_since(time.time()))
    began = time.time()
    received = f"{site.receiver}/api/notifications"
    eventually("told", lambda: site.broken in requests.get(received, timeout=2).text)
    eventually("calm is over", lambda: site.loads[0].poll() is not None)
    eventually("counted", lambda: site.prometheus.query(f"{DELIVERED} > {delivered}"))
    eventually("a window with samples", lambda: time.time() > began + 6)
    seen.live = everything(site.broken)
    seen.calm = everything(site.calm)
    seen.window, seen.page = (began, time.time()), page()
    faults(HANG)
    eventually("hung", lambda: said(site)["in_flight"] == said(site)["users"])
    seen.hung = said(site)
    eventually("scraped", scraped_since(time.time()))
    # A second more, because the last point of a range lies up to a step before its end.
    then = seen.live[Dashboard.LIVE].shown.at(time.time() + 1)
    seen.hung_panels = ask(site, shipped(Dashboard.LIVE), then).series
    site.end_the_broken_run()
    eventually("over", lambda: all(process.poll() is not None for process in site.loads))
    known = f'{{__name__=~"locust_users|run:locust_requests:rate5s",run="{site.broken}"}}'
    eventually("forgotten", lambda: not site.prometheus.query(known))
    seen.after = everything(site.broken)
    return seen


def said(site):
    """What the exporter says of the failing run now."""
    (run,) = requests.get(f"{site.exporter}/live", timeout=30).json()["runs"]
    return run


def fail_the_database(site, eventually):
    """Until the service has seen a few operations fail."""
    with psycopg.connect(site.database, autocommit=True) as connection:
        found = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'events'"
        ((schema,),) = connection.execute(found).fetchall()
        connection.execute(f"ALTER TABLE {schema}.events RENAME TO not_there".encode())
        try:
            page = f"{site.service}/metrics"
            eventually("failed", lambda: "db_client_errors_total{" in requests.get(page, timeout=2).text)
        finally:
            connection.execute(f"ALTER TABLE {schema}.not_there RENAME TO events".encode())


def look(site, uid, run):
    """Everything that a dashboard asks about a run."""
    dashboard = shipped(uid)
    start, end = site.began, time.time()
    wanted = {"system": "probe", "run": run, "request": "/events"}
    if uid == Dashboard.COMPARE:
        start, end = compare.ORIGIN_SECONDS, compare.ORIGIN_SECONDS + 30
        wanted["compared"] = site.calm if run == site.broken else site.broken
    shown = choose(site, dashboard, start, end, wanted)
    return ask(site, dashboard, shown, is_measured(site))


@pytest.mark.parametrize("uid", UIDS)
def test_every_query_has_an_answer_while_a_run_goes_on(uid, observed, site):
    answers = observed.live[uid]
    assert complaints(SHIPPED[uid], answers) == []
    assert set(answers.series) == {
        each.where for each in filter(is_measured(site), asking.queries(shipped(uid)))
    }


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize("run", ["calm", "after"])
def test_what_is_not_about_the_present_is_answered_when_the_exporter_is_gone(uid, run, observed):
    assert complaints(SHIPPED[uid], getattr(observed, run)[uid], is_over=True) == []


def test_a_query_that_may_be_silent_was_silent_once_and_answered_once(observed):
    """Else its declaration hides something."""
    for uid, page in SHIPPED.items():
        if uid == Dashboard.AWS:
            continue
        moments = [
            each[uid]
            for each in (observed.before, observed.live, observed.calm, observed.after)
            if uid in each
        ]
        silent = {where for moment in moments for where in moment.empty}
        answered = {where for moment in moments for where in set(moment.series) - set(moment.empty)}
        for declared in (*page.may_be_empty, *page.ends_with_the_run):
            meant = {where for where in silent | answered if declared in (where, where.rpartition(" ")[0])}
            assert meant, f"{page.title}: there is no {declared}"
            assert meant & silent or (uid, declared) in SELDOM_SILENT, (
                f"{page.title}: {declared} was never silent"
            )
            assert meant & answered or (uid, declared) in NEVER_SEEN, (
                f"{page.title}: {declared} never answered"
            )


SELDOM_SILENT = {
    (Dashboard.ALERTS, "Pending"): "On a starved machine some guard always suspects something.",
}
NEVER_SEEN = {
    (Dashboard.ALERTS, "Notifications B"): "The receiver takes everything.",
}


# --- the panels' numbers are the recorder's own ---


def page_buckets(text, run):
    """Bound → requests at or under it, of all requests of a run on an exporter's page."""
    buckets: dict[float, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("run") == run and sample.name == "locust_request_duration_seconds_bucket":
                bound = float(sample.labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return buckets


def bucket_of(buckets, quantile):
    """The bounds of the bucket that the quantile lies in."""
    below = 0.0
    for bound in sorted(buckets):
        if buckets[bound] >= quantile * buckets[math.inf]:
            return below, bound
        below = bound
    raise AssertionError(buckets)


def test_totals_of_the_run_are_those_of_its_result(site, observed):
    result = site.result(site.broken)
    finished = sum(outcome["count"] for each in result["totals"] for outcome in each["outcomes"])
    failed = sum(
        outcome["count"]
        for each in result["totals"]
        for outcome in each["outcomes"]
        if outcome["outcome"] == "failure"
    )
    runs, live = observed.after[Dashboard.RUNS], observed.after[Dashboard.LIVE]
    assert value(runs, "Runs F", run=site.broken) == finished
    assert value(runs, "Runs E", run=site.broken) == pytest.approx(failed / finished, rel=1e-9)
    assert value(live, "Failed so far A") == pytest.approx(failed / finished, rel=1e-9)
    took = result["run"]["stopped"] - result["run"]["started"]
    assert value(runs, "Runs B", run=site.broken) == pytest.approx(took, abs=0.01)
    assert value(runs, "Runs D", run=site.broken) == pytest.approx(finished / took, rel=1e-3)
    counted = {name: (n, bad) for name, n, bad in failures_of(result)}
    for series in live.series["Failures by kind A"]:
        labels = series["metric"]
        assert float(series["value"][1]) == counted[labels["method"], labels["name"]][1][labels["error"]]


def failures_of(result):
    for each in result["totals"]:
        count = sum(outcome["count"] for outcome in each["outcomes"])
        yield (each["method"], each["name"]), count, each["errors"]


def test_the_p95_of_the_run_lies_in_the_bucket_of_its_true_p95(site, observed):
    coarse = page_buckets(observed.page, site.broken)
    fine: dict[float, float] = {}
    for each in site.result(site.broken)["totals"]:
        for bound, count in each["buckets"]:
            fine[float(bound)] = fine.get(float(bound), 0.0) + count
    cumulative, so_far = {}, 0.0
    for bound in sorted(fine):
        so_far += fine[bound]
        cumulative[bound] = so_far
    cumulative[math.inf] = so_far
    _, true_p95 = bucket_of(cumulative, 0.95)
    low = max([0.0, *(bound for bound in coarse if bound < true_p95)])
    high = min(bound for bound in coarse if bound >= true_p95)
    shown = value(observed.after[Dashboard.LIVE], "P95 so far A")
    print(
        f"P95 by the recorder's fine buckets ≤ {true_p95:g} s; the panel says {shown:.4f} s in ({low:g}, {high:g}]"
    )
    assert low <= shown <= high
    assert value(observed.after[Dashboard.RUNS], "Runs C", run=site.broken) == pytest.approx(shown)
    assert value(observed.after[Dashboard.ENDPOINT], "Over the whole run E", method="POST") is not None


def rates(site, metric, seconds, at):
    """(labels, growth a second) of each series in a window: Prometheus' own, held to what the exporter's pages said.

    What a counter grew by from the first page in the window to the last is spread over at least the time between
    those two, and over at most the whole window.
    """
    selector = f'{metric}{{run="{site.broken}"}}[{seconds}s]'
    scraped = {
        frozenset(series["metric"].items()): series["values"]
        for series in site.prometheus.query(selector, at)
    }
    found = site.prometheus.query(f"rate({selector})", at)
    assert len(found) > 3
    for series in found:
        values = scraped[frozenset({**series["metric"], "__name__": metric}.items())]
        growth, between = float(values[-1][1]) - float(values[0][1]), values[-1][0] - values[0][0]
        rate = float(series["value"][1])
        assert 0.999 * growth / seconds <= rate <= 1.001 * growth / between, (series, growth, between)
        yield series["metric"], rate


def test_p95_rate_and_errors_of_a_window_are_those_of_the_scraped_pages(site, observed):
    began, ended = observed.window
    seconds = round(ended - began)
    counted = list(rates(site, "locust_requests_total", seconds, ended))
    finished = sum(rate for _, rate in counted)
    failed = sum(rate for labels, rate in counted if labels["outcome"] == "failure")
    buckets: dict[float, float] = {}
    for labels, rate in rates(site, "locust_request_duration_seconds_bucket", seconds, ended):
        buckets[float(labels["le"])] = buckets.get(float(labels["le"]), 0.0) + rate
    # As if so much were shown that a point stands for just this window.
    shown = Shown(
        ended - (seconds - 1) * asking.MOST_POINTS, ended, observed.live[Dashboard.LIVE].shown.values
    )
    assert shown.step + 1 == seconds

    def panel(expr):
        (series,) = site.prometheus.query(shown.filled(expr), ended)
        return float(series["value"][1])

    rate, ratio, p95 = panel(run_queries.RATE), panel(run_queries.ERROR_RATIO), panel(run_queries.P95)
    low, high = bucket_of(buckets, 0.95)
    print(f"{seconds} s: rate {rate:.2f} of {finished:.2f}, failed {ratio:.4f} of {failed / finished:.4f}, "
          f"P95 {p95:.4f} in ({low:g}, {high:g}]")  # fmt: skip
    assert rate == pytest.approx(finished, rel=1e-9)
    assert ratio == pytest.approx(failed / finished, rel=1e-9)
    assert low <= p95 <= high


def test_what_waits_is_what_the_exporter_says_waits(observed):
    panels = Answers(observed.live[Dashboard.LIVE].shown, observed.hung_panels)
    waiting = sum(
        float(series["values"][-1][1]) for series in observed.hung_panels["Waiting for an answer A"]
    )
    oldest = value(panels, "Oldest request A")
    print(f"in flight: {waiting:g} of {observed.hung['in_flight']}; oldest {oldest:.1f} s")
    assert waiting == observed.hung["in_flight"] > 0
    assert observed.hung["oldest_age"] <= oldest <= observed.hung["oldest_age"] + 5


# --- tables, and two runs on one axis ---


def test_the_table_of_targets_has_one_row_a_target_in_its_own_unit(observed):
    rows = {row["target"]: row for row in table(observed.live[Dashboard.LIVE], "Targets")}
    assert len(rows) == len(table(observed.live[Dashboard.LIVE], "Targets")) == 5
    limits = {target: row["limit"] for target, row in rows.items()}
    assert limits == {
        "post-events-p95": "100 ms",
        "get-inbox-p99": "2 s",
        "all-error-rate": "0.1 %",
        "post-events-rps": "2/s",
        "cold-start-p95": "3000",
    }
    assert rows["post-events-p95"]["actual"].endswith(" ms")
    assert rows["all-error-rate"]["actual"].endswith(" %")
    assert (rows["all-error-rate"]["Value #C"], rows["post-events-rps"]["Value #C"]) == ("0", "1")
    assert 1 <= float(rows["all-error-rate"]["Value #D"]) <= 30
    assert float(rows["post-events-rps"]["Value #D"]) == 0


def test_every_run_is_one_row_with_all_that_is_known_of_it(site, observed):
    rows = {row["run"]: row for row in table(observed.after[Dashboard.RUNS], "Runs")}
    assert len(table(observed.after[Dashboard.RUNS], "Runs")) == len(rows) == 2
    broken = rows[site.broken]
    assert (broken["system"], broken["profile"], broken["verdict"]) == ("probe", "quick", "fail")
    assert rows[site.calm]["profile"] == "bare"
    assert {f"Value #{letter}" for letter in "ABCDEFGHIJK"} <= set(broken)


def test_two_runs_begin_at_the_same_point_of_the_axis(observed):
    answers = observed.after[Dashboard.COMPARE]
    for where in ("Users A", "Users B"):
        (series,) = answers.series[where]
        began = series["values"][0][0] - compare.ORIGIN_SECONDS
        assert 0 <= began <= 10, (where, began)  # a busy machine is looked at late


# --- the test can fail ---


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda expr: expr + ")", "Users A: "),
        (lambda expr: expr.replace("locust_users", "locust_user"), "Users A: no answer"),
        (lambda expr: expr.replace("$run", "$ran"), "Users A: no answer"),
        (lambda expr: "0 / (0 * " + expr + ")", "Users A: no answer"),
    ],
    ids=["broken", "renamed", "no such variable", "NaN"],
)
def test_a_broken_query_and_one_that_finds_nothing_are_found_out(change, complaint, site, observed):
    dashboard = shipped(Dashboard.LIVE)
    (panel,) = (panel for panel in asking.panels(dashboard) if panel["title"] == "Users")
    panel["targets"][0]["expr"] = change(panel["targets"][0]["expr"])
    shown = observed.live[Dashboard.LIVE].shown
    page = SHIPPED[Dashboard.LIVE]
    answers = ask(site, dashboard, shown, lambda query: query.where == "Users A")
    (found,) = complaints(page, answers)
    assert found.startswith(complaint)
    unbroken = ask(site, shipped(Dashboard.LIVE), shown, lambda query: query.where == "Users A")
    assert complaints(page, unbroken) == []


def test_a_variable_that_offers_nothing_is_found_out(site, observed):
    dashboard = shipped(Dashboard.LIVE)
    dashboard["templating"]["list"][1]["query"] = "label_values(locust_nothing, system)"
    shown = observed.live[Dashboard.LIVE].shown
    with pytest.raises(AssertionError, match="variable system offers nothing"):
        choose(site, dashboard, shown.start, shown.end, {})
