"""The Prometheus page says what the run view says, in the format that Prometheus reads."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from exporters.page import PIECE_CHARACTERS, Page, render
from exporters.page_series import MAX_WORKERS
from exporters.page_templates import RunTexts, escape
from exporters.run_view import ExporterCounters, GeneratorView, RunView, Waiting
from swarmscope import names
from swarmscope.histogram import at_or_under
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import Outcome
from swarmscope.verdict import Verdict

Views = Callable[..., RunView]
RUN = {"run": "triggers-1", "system": "triggers"}
EVENTS = {**RUN, "method": "POST", "name": "/events"}
INBOX = {**RUN, "method": "GET", "name": "/inbox"}
HUNG = {**RUN, "method": "GET", "name": "/hung"}


def text_of(*views: RunView) -> str:
    return "".join(render(views, ExporterCounters(), 0.25, 7))


def samples_of(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for sample in _samples(text):
        key = (sample.name, frozenset(sample.labels.items()))
        assert key not in found, f"{key} is on the page twice"
        found[key] = sample.value
    return found


def _samples(text: str) -> Iterable[Sample]:
    for family in text_string_to_metric_families(text):
        yield from family.samples


def series(
    metric: str, samples: dict[tuple[str, frozenset[tuple[str, str]]], float]
) -> list[tuple[dict[str, str], float]]:
    return [(dict(labels), value) for (name, labels), value in samples.items() if name == metric]


def value(
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, labels: dict[str, str]
) -> float:
    return samples[name, frozenset(labels.items())]


def test_a_full_page_holds_every_metric_of_the_contract_and_nothing_else(run_view: Views) -> None:
    families = {family.name: family for family in text_string_to_metric_families(text_of(run_view()))}
    expected = {
        metric.name.removesuffix("_total") if metric.type == "counter" else metric.name: metric
        for metric in names.METRICS
    }
    assert list(families) == list(expected)
    for name, metric in expected.items():
        family = families[name]
        assert (family.type, family.documentation) == (metric.type, metric.help)
        assert family.samples, f"{name} has no sample on a full page"
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), sample


def test_headers_are_there_before_the_first_run() -> None:
    text = text_of()
    for metric in names.METRICS:
        assert f"# TYPE {metric.name} {metric.type}\n" in text
    assert series("locust_run_info", samples_of(text)) == []


def test_buckets_are_cumulative_exact_counts_at_the_exported_bounds(run_view: Views) -> None:
    view = run_view()
    samples = samples_of(text_of(view))
    counts = view.counts[RequestKey("POST", "/events")]
    for bound in view.exported_bounds:
        exact = at_or_under(view.bounds, counts.buckets, bound)
        assert (
            value(samples, "locust_request_duration_seconds_bucket", {**EVENTS, "le": floatToGoString(bound)})
            == exact
        )
    assert value(samples, "locust_request_duration_seconds_bucket", {**EVENTS, "le": "0.1"}) == 3
    assert value(samples, "locust_request_duration_seconds_bucket", {**EVENTS, "le": "0.33"}) == 4
    assert value(samples, "locust_request_duration_seconds_bucket", {**EVENTS, "le": "60.0"}) == 4
    assert value(samples, "locust_request_duration_seconds_bucket", {**EVENTS, "le": "+Inf"}) == 5
    assert value(samples, "locust_request_duration_seconds_count", EVENTS) == 5
    assert value(samples, "locust_request_duration_seconds_sum", EVENTS) == counts.duration_sum
    every = [labels for labels, _ in series("locust_request_duration_seconds_bucket", samples)]
    assert len(every) == 3 * (len(view.exported_bounds) + 1)


def test_a_request_without_a_response_time_is_counted_but_not_in_the_histogram(run_view: Views) -> None:
    samples = samples_of(text_of(run_view()))
    requests = {
        (labels["outcome"], labels["status"]): number
        for labels, number in series("locust_requests_total", samples)
        if labels["name"] == "/events"
    }
    assert requests == {
        ("success", "201"): 5,
        ("success", "none"): 0,
        ("failure", "500"): 2,
        ("failure", "none"): 1,
    }
    assert sum(requests.values()) == 8
    assert value(samples, "locust_request_duration_seconds_count", EVENTS) == 5


def test_known_requests_exist_at_zero_before_the_first_one_is_sent(run_view: Views) -> None:
    samples = samples_of(text_of(run_view()))
    for request in (INBOX, HUNG):
        for outcome in ("success", "failure"):
            assert (
                value(samples, "locust_requests_total", {**request, "outcome": outcome, "status": "none"})
                == 0
            )
        assert value(samples, "locust_request_duration_seconds_bucket", {**request, "le": "0.1"}) == 0
        assert value(samples, "locust_request_duration_seconds_count", request) == 0
        assert value(samples, "locust_request_duration_seconds_sum", request) == 0
        assert value(samples, "locust_response_bytes_total", request) == 0
        assert value(samples, "locust_requests_unfinished_total", request) == 0
    assert value(samples, "locust_requests_in_flight", INBOX) == 0
    assert value(samples, "locust_oldest_request_age_seconds", INBOX) == 0


def test_a_service_that_hangs_from_the_first_request_is_on_the_page(run_view: Views) -> None:
    view = run_view(counts={}, waiting={RequestKey("GET", "/hung"): Waiting(40, 17.25)})
    samples = samples_of(text_of(view))
    assert value(samples, "locust_requests_in_flight", HUNG) == 40
    assert value(samples, "locust_oldest_request_age_seconds", HUNG) == 17.25


def test_every_other_number_is_the_run_views(run_view: Views) -> None:
    samples = samples_of(text_of(run_view()))
    assert value(samples, "locust_request_failures_total", {**EVENTS, "error": "HTTP 500"}) == 2
    assert value(samples, "locust_response_bytes_total", EVENTS) == 500
    assert value(samples, "locust_requests_in_flight", EVENTS) == 3
    assert value(samples, "locust_oldest_request_age_seconds", EVENTS) == 4.75
    assert value(samples, "locust_users", {**RUN, "user_class": "TriggersAPIUser"}) == 8
    assert value(samples, "locust_users_wanted", RUN) == 12
    assert value(samples, "locust_run_start_timestamp_seconds", RUN) == 1_735_689_600.25
    assert value(samples, "locust_run_end_timestamp_seconds", RUN) == 1_735_689_660.5
    assert value(samples, "locust_steady_seconds", RUN) == 12.5
    info = {"profile": "baseline", "environment": "local", "version": "1.4", "host": "http://127.0.0.1:8000"}
    described = {**info, "description": 'a "quoted" \\ description\nof two lines'}
    assert value(samples, "locust_run_info", {**RUN, **described}) == 1
    workers = {labels["state"]: number for labels, number in series("locust_workers", samples)}
    assert workers == {"ready": 0, "spawning": 0, "running": 1, "missing": 1, "lost": 0}
    assert value(samples, "locust_worker_users", {**RUN, "worker": "w2"}) == 4
    assert value(samples, "locust_worker_cpu_ratio", {**RUN, "worker": "w1"}) == 0.31
    assert value(samples, "locust_worker_memory_bytes", {**RUN, "worker": "w1"}) == 90_000_000
    assert value(samples, "locust_worker_report_age_seconds", {**RUN, "worker": "w2"}) == 12.5
    assert value(samples, "locust_generator_lag_seconds", {**RUN, "worker": "w2"}) == 0.75


def test_the_exporter_measures_itself(run_view: Views) -> None:
    counters = ExporterCounters(
        3, {"name": 4, "error": 5, "status": 6}, {"merged": 7, "repeated": 8, "foreign": 9}
    )
    samples = samples_of("".join(render([run_view()], counters, 0.25, 7)))
    assert value(samples, "locust_exporter_scrape_duration_seconds", {}) == 0.25
    assert value(samples, "locust_exporter_scrapes_total", {}) == 7
    assert value(samples, "locust_exporter_listener_errors_total", {}) == 3
    assert value(samples, "locust_exporter_label_overflow_total", {"label": "status"}) == 6
    assert value(samples, "locust_exporter_reports_total", {"result": "repeated"}) == 8


def test_exactly_one_state_phase_and_verdict_is_one(run_view: Views) -> None:
    samples = samples_of(text_of(run_view(phase="spike")))
    states = {labels["state"]: number for labels, number in series("locust_run_state", samples)}
    phases = {labels["phase"]: number for labels, number in series("locust_run_phase", samples)}
    verdicts = {labels["verdict"]: number for labels, number in series("locust_run_verdict", samples)}
    assert states == {"ready": 0, "spawning": 0, "running": 1, "stopping": 0, "stopped": 0}
    assert phases == {"ready": 0, "ramp": 0, "warm_up": 0, "steady": 0, "stopping": 0, "done": 0, "spike": 1}
    assert verdicts == {"pass": 0, "fail": 1, "invalid": 0, "no_data": 0}


def test_without_a_verdict_all_verdicts_are_zero(run_view: Views) -> None:
    verdicts = series("locust_run_verdict", samples_of(text_of(run_view(verdict=None))))
    assert {labels["verdict"]: number for labels, number in verdicts} == {
        "pass": 0,
        "fail": 0,
        "invalid": 0,
        "no_data": 0,
    }
    no_data = series("locust_run_verdict", samples_of(text_of(run_view(verdict=Verdict.NO_DATA))))
    assert [labels["verdict"] for labels, number in no_data if number] == ["no_data"]


def test_times_that_are_not_known_yet_are_absent(run_view: Views) -> None:
    samples = samples_of(text_of(run_view(started=None, stopped=None)))
    assert series("locust_run_start_timestamp_seconds", samples) == []
    assert series("locust_run_end_timestamp_seconds", samples) == []


def test_each_target_has_its_limit_and_only_a_known_one_a_value(run_view: Views) -> None:
    samples = samples_of(text_of(run_view()))

    def of(metric: str) -> dict[str, float]:
        return {labels["target"]: number for labels, number in series(metric, samples)}

    assert of("locust_target_limit") == {"post-events-p95": 0.1, "all-rps": 1000, "all-errors": 0.001}
    assert of("locust_target_value") == {"post-events-p95": float("inf"), "all-rps": 1234.5}
    assert of("locust_target_met") == {"post-events-p95": 0, "all-rps": 1}
    described = {"target": "all-errors", "request": "*", "kind": "error_rate", "priority": "medium"}
    assert value(samples, "locust_target_limit", {**RUN, **described}) == 0.001


def test_a_target_that_was_not_judged_yet_has_a_limit_only(run_view: Views) -> None:
    samples = samples_of(text_of(run_view(judgements=())))
    assert len(series("locust_target_limit", samples)) == 3
    assert series("locust_target_value", samples) == []
    assert series("locust_target_met", samples) == []


def test_several_runs_share_each_family(run_view: Views) -> None:
    old, new = run_view(), run_view(run="triggers-2", stopped=None)
    text = text_of(old, new)
    samples = samples_of(text)
    assert text.count("# TYPE locust_requests_total counter\n") == 1
    assert {labels["run"] for labels, _ in series("locust_requests_total", samples)} == {
        "triggers-1",
        "triggers-2",
    }
    assert [labels["run"] for labels, _ in series("locust_run_end_timestamp_seconds", samples)] == [
        "triggers-1"
    ]


def test_workers_beyond_the_bound_are_added_up_in_one(run_view: Views) -> None:
    many = [GeneratorView(f"w{n}", "running", 1, n / 1000, 10, n, 0.1) for n in range(MAX_WORKERS + 3)]
    samples = samples_of(text_of(run_view(generators=many)))
    users = {labels["worker"]: number for labels, number in series("locust_worker_users", samples)}
    assert len(users) == MAX_WORKERS + 1
    assert (users["w0"], users["other"]) == (1, 3)
    assert value(samples, "locust_worker_cpu_ratio", {**RUN, "worker": "other"}) == (MAX_WORKERS + 2) / 1000
    assert value(samples, "locust_worker_memory_bytes", {**RUN, "worker": "other"}) == 30
    assert value(samples, "locust_workers", {**RUN, "state": "running"}) == MAX_WORKERS + 3


def test_the_page_comes_in_small_pieces(run_view: Views, counts_of: Callable[..., RequestCounts]) -> None:
    counts = {RequestKey("GET", f"/item/{n}"): counts_of(n % 50 + 1) for n in range(300)}
    pieces = list(render([run_view(counts=counts)], ExporterCounters()))
    assert len(pieces) > 20
    one_request = max(len(piece) for piece in render([run_view()], ExporterCounters()))
    assert max(len(piece) for piece in pieces) < PIECE_CHARACTERS + one_request
    assert len(samples_of("".join(pieces))) > 300 * 35


def test_the_run_may_go_on_between_two_pieces(
    run_view: Views, counts_of: Callable[..., RequestCounts]
) -> None:
    counts = {RequestKey("GET", f"/item/{n}"): counts_of(1) for n in range(100)}
    text = ""
    for number, piece in enumerate(render([run_view(counts=counts)], ExporterCounters())):
        text += piece
        counts[RequestKey("GET", f"/new/{number}")] = counts_of(5)
        for each in counts.values():
            each.buckets[0] += 1
            each.outcomes[Outcome.FAILURE, f"5{number:02d}"] = 1
            each.errors[f"error {number}"] = 1
    samples = samples_of(text)
    for labels, number in series("locust_request_duration_seconds_count", samples):
        assert value(samples, "locust_request_duration_seconds_bucket", {**labels, "le": "+Inf"}) == number
    assert not any(
        labels["name"].startswith("/new/") for labels, _ in series("locust_requests_total", samples)
    )


def test_a_page_drops_the_texts_of_a_run_that_left_it_and_follows_changed_bounds(run_view: Views) -> None:
    page = Page()
    view = run_view()

    def rendered(*views: RunView) -> str:
        return "".join(page.render(views, ExporterCounters(), 0.25, 7))

    first = rendered(view)
    assert first == rendered(view) == text_of(view)
    other = run_view(run="triggers-2")
    assert rendered(other) == text_of(other)
    assert list(page._texts) == ["triggers-2"]
    coarser = run_view(exported_bounds=view.exported_bounds[::2])
    assert rendered(coarser) == text_of(coarser)


def test_a_page_follows_the_counters(run_view: Views, counts_of: Callable[..., RequestCounts]) -> None:
    page = Page()
    counts = {RequestKey("POST", "/events"): counts_of(5), RequestKey("GET", "/inbox"): counts_of(7)}
    view = run_view(counts=counts)
    changes: list[RequestCounts] = [counts_of(0), counts_of(80), counts_of(failures={"503": 1}), counts_of()]
    for change in changes:
        counts[RequestKey("POST", "/events")].add(change)
        assert "".join(page.render([view], ExporterCounters(), 0.25, 7)) == text_of(view)


def test_bounds_are_written_as_prometheus_keeps_them() -> None:
    grid = (Decimal("0.001"), Decimal(1), Decimal("1E+1"))
    texts = RunTexts("r", "s", grid, grid[:1])
    assert texts.histogram(RequestKey("GET", "/"), None).startswith(
        'locust_request_duration_seconds_bucket{run="r",system="s",method="GET",name="/",le="0.001"} 0\n'
    )
    every = RunTexts("r", "s", grid, grid).histogram(RequestKey("GET", "/"), RequestCounts([1, 2, 3, 4], 2.5))
    les = [line.partition('le="')[2] for line in every.splitlines() if "_bucket" in line]
    assert les == ['0.001"} 1', '1.0"} 3', '10.0"} 6', '+Inf"} 10']


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4, unique=True))
def test_any_text_survives_as_a_label(pairs: list[tuple[str, str]]) -> None:
    grid = (Decimal("0.1"), Decimal(1))
    texts = RunTexts("r", "s", grid, grid)
    for number, (method, name) in enumerate(pairs):
        text = texts.histogram(RequestKey(method, name), RequestCounts([number, 0, 1], 0.5))
        labels = [
            sample.labels for sample in _samples(f"# TYPE locust_request_duration_seconds histogram\n{text}")
        ]
        assert len(labels) == 5
        assert {(each["method"], each["name"]) for each in labels} == {(method, name)}


@given(st.text())
def test_an_escaped_value_has_no_bare_quote_or_line_break(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    assert escaped.replace("\\\\", "").replace('\\"', "").count('"') == 0


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5), st.sets(st.integers(0, 3)))
def test_folding_to_any_subset_of_bounds_is_the_running_total(buckets: list[int], chosen: set[int]) -> None:
    grid = tuple(Decimal(10) ** n for n in range(-2, 2))
    exported = [grid[index] for index in sorted(chosen)]
    text = RunTexts("r", "s", grid, exported).histogram(RequestKey("GET", "/"), RequestCounts(buckets, 1.0))
    numbers = [int(line.rpartition(" ")[2]) for line in text.splitlines() if "_bucket" in line]
    running = list(accumulate(buckets))
    assert numbers == [*(running[index] for index in sorted(chosen)), running[-1]]


def test_promtool_finds_nothing_to_say_about_a_full_page(run_view: Views) -> None:
    text = text_of(run_view(), run_view(run="triggers-2", stopped=None))
    checked = subprocess.run(
        ["promtool", "check", "metrics"], check=False, input=text, capture_output=True, text=True, timeout=30
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
