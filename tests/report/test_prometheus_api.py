"""The client of Prometheus' API, against a real Prometheus, and against things that are none."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from swarmscope.edge.prometheus_api import PrometheusApi, PrometheusUnavailable, QueryRefused, substitute
from swarmscope.measurements import RequestKey
from swarmscope.run_result import FiredAlert, RunResult
from swarmscope.targets import Kind, Target
from swarmscope.verdict import QueryValue

EVENTS = RequestKey("POST", "/events")
PAGE = """# TYPE locust_requests_total counter
locust_requests_total{run="now",method="POST",name="/events",outcome="success",status="200"} 1200
locust_requests_total{run="now",method="POST",name="/events",outcome="success",status="201"} 4
locust_requests_total{run="now",method="POST",name="/events",outcome="failure",status="503"} 3
locust_requests_total{run="now",method="GET",name="a\\"b\\\\c",outcome="success",status="200"} 9007199254740991
locust_requests_total{run="now-2",method="POST",name="/events",outcome="success",status="200"} 77
"""


@pytest.fixture
def api(prometheus: Any) -> PrometheusApi:
    return PrometheusApi(prometheus.url, timeout=10)


def query_target(query: str, kind: Kind = Kind.MAX, limit: str = "3") -> Target:
    return Target("t", kind, Decimal(limit), limit, query=query)


def test_last_totals_are_exact_counted_once_and_still_there_after_the_exporter_is_gone(
    prometheus: Any, api: PrometheusApi
) -> None:
    prometheus.page.text = PAGE
    prometheus.scraped()
    wanted = {
        (EVENTS, "success"): 1204,
        (EVENTS, "failure"): 3,
        (RequestKey("GET", 'a"b\\c'), "success"): 9007199254740991,
    }
    assert api.last_totals("now") == wanted
    prometheus.page.text = None
    prometheus.scraped()
    assert api.query('locust_requests_total{run="now"}') == []
    assert api.last_totals("now") == wanted


def test_totals_of_a_run_that_prometheus_never_saw_are_empty(api: PrometheusApi) -> None:
    assert api.last_totals("nobody") == {}


def test_totals_are_bounded_in_time(prometheus: Any, api: PrometheusApi) -> None:
    end = prometheus.history + 60
    # 40 calm seconds with 100 requests each, and 10 in which ten of them failed.
    assert api.last_totals("past", at=end + 30) == {(EVENTS, "success"): 4900, (EVENTS, "failure"): 100}
    assert api.last_totals("past", at=end + 30, within=20) == {}


def test_alerts_of_a_run_are_split_where_they_stopped_firing(prometheus: Any, api: PrometheusApi) -> None:
    start = prometheus.history
    latency = {"run": "past", "severity": "critical", "target": "post-events-p95"}
    assert api.fired_alerts("past", start, start + 60) == (
        FiredAlert("ServiceNotScraped", {"job": "service", "severity": "critical"}, start + 20, start + 22),
        FiredAlert("LatencyTargetBreached", latency, start + 32, start + 41),
        FiredAlert("LatencyTargetBreached", latency, start + 55, None),
    )
    assert api.fired_alerts("past", start, start) == ()


def test_a_run_whose_name_is_a_regular_expression_matches_only_itself(
    prometheus: Any, api: PrometheusApi
) -> None:
    start = prometheus.history
    assert [alert.name for alert in api.fired_alerts("p.*", start, start + 60)] == ["ServiceNotScraped"]


def test_plots_show_the_course_of_a_run_with_limits_gaps_and_units(
    prometheus: Any, api: PrometheusApi, result: RunResult
) -> None:
    start = prometheus.history
    info = replace(result.info, run="past", started=start, stopped=start + 60)
    plots = {plot.id: plot for plot in api.plots(result.system, result.profile, info)}
    assert list(plots) == [
        "latency-post-events",
        "latency-get-inbox",
        "latency-post-webhook",
        "rate",
        "errors",
        "waiting",
        "generators",
    ]
    latency = plots["latency-post-events"]
    assert (latency.unit, latency.limits) == ("s", (("p95 ≤ 100ms", 0.1),))
    lines = {series.label: dict(series.points) for series in latency.series}
    assert list(lines) == ["p99", "p95", "p50"]
    # A line is above its limit exactly when the requests of that moment were: the limit is a bucket bound.
    assert lines["p50"][start + 20] < 0.1 < lines["p50"][start + 38]
    assert lines["p95"][start + 20] > 0.1
    assert start + 57 not in lines["p95"], "no request finished: a gap, not a zero"
    assert plots["latency-get-inbox"].series == ()
    rate = {series.label: series for series in plots["rate"].series}
    assert dict(rate["all requests"].points)[start + 20] == pytest.approx(100)
    assert dict(rate["users"].points)[start + 30] == 30
    assert rate["users"].unit == ""
    assert plots["rate"].limits == (("POST /events ≥ 50", 50.0),)
    errors = dict(plots["errors"].series[0].points)
    assert errors[start + 20] == 0
    assert errors[start + 38] == pytest.approx(0.1)
    assert plots["errors"].limits == (("all requests ≤ 0.1%", 0.001),)
    assert {series.label for series in plots["generators"].series} == {"CPU w1", "CPU w2"}


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("vector(2.5)", QueryValue(2.5)),
        ("2.5", QueryValue(2.5)),
        ("max_over_time(locust_users{run='$run'}[$window])", QueryValue(40.0)),
        ("sum(increase(locust_users{run='$run'}[$window])) * Inf", QueryValue(math.inf)),
        (
            "nothing",
            QueryValue(None, "the query found no series: the measurement never arrived in Prometheus"),
        ),
        (
            "vector(0) / 0",
            QueryValue(None, "the query answered NaN: it divided by zero, or nothing was measured"),
        ),
        (
            "locust_worker_cpu_ratio{run='$run'}",
            QueryValue(None, "the query found 2 series where one is needed: add sum() or max()"),
        ),
        ("locust_users[5s]", QueryValue(None, "the query answers a range, not a number")),
        (
            "'text'",
            QueryValue(None, "Prometheus refused the query: the query answers a text, not a number"),
        ),
    ],
)
def test_a_server_side_query_is_answered_at_the_end_of_the_judged_window_or_says_why_not(
    prometheus: Any, api: PrometheusApi, query: str, answer: QueryValue
) -> None:
    start = prometheus.history
    assert api.query_value(query_target(query), "past", [(start + 10, start + 40)]) == answer


def test_a_broken_query_is_no_data_with_prometheus_own_words(prometheus: Any, api: PrometheusApi) -> None:
    start = prometheus.history
    answer = api.query_value(query_target("sum("), "past", [(start, start + 40)])
    assert answer == QueryValue(
        None,
        'Prometheus refused the query: invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
    )


def test_of_several_judged_windows_the_worst_answer_counts(prometheus: Any, api: PrometheusApi) -> None:
    start = prometheus.history
    windows = [(start, start + 10), (start + 20, start + 30), (start + 100, start + 200)]
    users = "locust_users{run='$run'}"
    two = "the worst of 2 judged windows"
    assert api.query_value(query_target(users), "past", windows[:2]) == QueryValue(30.0, two)
    assert api.query_value(query_target(users, Kind.MIN), "past", windows[:2]) == QueryValue(10.0, two)
    # The third window has no answer: the whole is unknown, unless another one missed the limit already.
    windows[2] = (start + 1000, start + 1100)
    unknown = "the query found no series: the measurement never arrived in Prometheus"
    assert api.query_value(query_target(users, limit="100"), "past", windows) == QueryValue(None, unknown)
    assert api.query_value(query_target(users, limit="25"), "past", windows).value == 30.0


def test_a_window_shorter_than_a_second_is_not_asked_about(api: PrometheusApi) -> None:
    reason = "the judged window is shorter than a second, so its query was not asked"
    assert api.query_value(query_target("1"), "past", [(1.0, 1.9)]) == QueryValue(None, reason)
    assert api.query_value(query_target("1"), "past", []) == QueryValue(None, reason)


def test_alerts_and_readiness_are_asked(api: PrometheusApi) -> None:
    assert api.ready()
    assert api.alerts() == []
    with pytest.raises(QueryRefused, match="parse error"):
        api.query_range("sum(", 0, 1, 1)


def test_run_and_window_are_filled_in_and_nothing_else() -> None:
    query = 'rate(x{run="$run", a="$runner"}[$window]) > $1'
    assert substitute(query, 'a"b', 57.9) == 'rate(x{run="a\\"b", a="$runner"}[57s]) > $1'


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes, float], str]]:
    """Starts HTTP servers that answer everything alike, after a delay."""
    servers: list[HTTPServer] = []

    def start(status: int, body: bytes, delay: float = 0.0) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                time.sleep(delay)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_something_else_on_the_port_is_named(answering: Callable[..., str]) -> None:
    where = answering(200, b"<html>hello</html>")
    with pytest.raises(PrometheusUnavailable) as caught:
        PrometheusApi(f"http://{where}").query("1")
    assert str(caught.value) == (
        f"Prometheus at http://{where} answered 200 without JSON\n  hint: is something else listening there?"
    )


@pytest.mark.parametrize("body", [b"[]", b'{"status": "success"}', b'{"status": "error"}', b"3"])
def test_an_answer_in_another_form_is_named(answering: Callable[..., str], body: bytes) -> None:
    where = answering(200, body)
    with pytest.raises(PrometheusUnavailable) as caught:
        PrometheusApi(f"http://{where}").query("1")
    assert str(caught.value) == (f"Prometheus at http://{where} answered 200 in another form than its API's")


def test_a_prometheus_that_hangs_is_given_up_on(answering: Callable[..., str]) -> None:
    where = answering(200, b"{}", 1.0)
    with pytest.raises(PrometheusUnavailable) as caught:
        PrometheusApi(f"http://{where}", timeout=0.2).query("1")
    assert str(caught.value) == f"Prometheus at http://{where} did not answer within 0.2 s"


def test_nobody_there_is_said_without_the_password_and_a_query_target_has_no_data() -> None:
    with socket.socket() as bound:
        # Bound and not listening: connections are refused, and nobody else gets the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{bound.getsockname()[1]}"
        api = PrometheusApi(f"http://user:secret@{where}/")
        assert not api.ready()
        assert repr(api) == f"PrometheusApi('http://{where}')"
        with pytest.raises(PrometheusUnavailable) as caught:
            api.last_totals("run")
        reason = f"Prometheus at http://{where} cannot be reached (ConnectionError)"
        assert str(caught.value) == reason
        assert api.query_value(query_target("1"), "run", [(0.0, 10.0)]) == QueryValue(None, reason)
