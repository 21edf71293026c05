"""The exporter's server over real HTTP, scraped by a real Prometheus."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporters.accept_encoding import accepts_gzip
from exporters.http_server import ExporterServer
from exporters.run_view import ExporterCounters, RunView
from swarmscope.errors import ComponentFailed, ExitCode, PortTaken
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import METRICS, Outcome

Views = Callable[..., RunView]
Serve = Callable[..., Any]


# --- pages ---------------------------------------------------------------------------------------------------


def test_the_page_is_prometheus_text(serve: Serve) -> None:
    answer = serve().ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "content-encoding" not in answer.headers
    assert len(list(text_string_to_metric_families(answer.text))) == len(METRICS)


def test_the_page_is_compressed_for_whoever_accepts_it(serve: Serve) -> None:
    fixture = serve()
    packed = fixture.ask("/metrics", Accept_Encoding="deflate, gzip;q=0.5")
    assert packed.headers["content-encoding"] == "gzip"
    families = list(text_string_to_metric_families(gzip.decompress(packed.body).decode()))
    assert len(families) == len(METRICS)


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=1.0", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_what_accept_encoding_says(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


def test_the_page_counts_its_own_scrapes(serve: Serve) -> None:
    fixture = serve()
    for number in range(3):
        assert f"\nlocust_exporter_scrapes_total {number}\n" in fixture.ask("/metrics").text
    duration = fixture.ask("/metrics").text.partition("\nlocust_exporter_scrape_duration_seconds ")[2]
    assert 0 < float(duration.split("\n")[0]) < 20


def test_the_live_view_lists_runs_newest_first(serve: Serve, run_view: Views) -> None:
    started = 1_735_689_600.0
    old = run_view(run="old", started=started)
    new = run_view(run="new", started=started + 60)
    coming = run_view(run="coming", started=None)
    document = serve(old, coming, new).ask("/live").json
    assert (document["schema"], [run["run"] for run in document["runs"]]) == (1, ["coming", "new", "old"])
    assert document["now"] > started


def test_the_live_view_tells_the_present_rate(
    serve: Serve, counts_of: Callable[..., RequestCounts], run_view: Views
) -> None:
    counts = {RequestKey("GET", "/a"): counts_of(5)}
    fixture = serve(run_view(counts=counts))
    fixture.ask("/live")
    counts[RequestKey("GET", "/a")].outcomes[Outcome.SUCCESS, "200"] = 1_000_000
    gevent.sleep(0.15)
    first = fixture.ask("/live").json["runs"][0]
    assert first["finished"] == 1_000_001
    assert first["rps"] * first["rate_seconds"] == pytest.approx(1_000_001)


def test_the_index_links_the_pages_and_escapes_what_it_shows(serve: Serve, run_view: Views) -> None:
    answer = serve(run_view(run="<b>r1</b>")).ask("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/metrics"' in answer.text
    assert "<li>&lt;b&gt;r1&lt;/b&gt;: running, steady</li>" in answer.text


def test_it_is_healthy(serve: Serve) -> None:
    answer = serve().ask("/-/healthy")
    assert (answer.status, answer.text) == (200, "healthy\n")


@pytest.mark.parametrize("path", ["/metrics/", "/stats/requests", "/..", "/live.json", "//"])
def test_everything_else_is_not_found(serve: Serve, path: str) -> None:
    assert serve().ask(path).status == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/metrics", "GET"),
        ("DELETE", "/live", "GET"),
        ("GET", "/stop", "POST"),
        ("OPTIONS", "/stop", "POST"),
    ],
)
def test_other_methods_are_refused(serve: Serve, method: str, path: str, allow: str) -> None:
    fixture = serve()
    answer = fixture.ask(path, method)
    assert (answer.status, answer.headers["allow"], answer.text) == (405, allow, f"use {allow}\n")
    assert fixture.stops == []


def test_an_error_of_ours_is_a_500_a_count_and_a_log_line(
    serve: Serve, run_view: Views, caplog: pytest.LogCaptureFixture
) -> None:
    fixture = serve(run_view(bounds=()))  # the exported bounds are not among the recorded ones
    for _ in range(2):
        answer = fixture.ask("/metrics")
        assert (answer.status, answer.text) == (500, "internal error; see the generator's log\n")
    assert fixture.counters.listener_errors == 2
    assert "the exporter could not answer /metrics" in caplog.text
    fixture.runs[:] = [run_view()]
    assert "\nlocust_exporter_listener_errors_total 2\n" in fixture.ask("/metrics").text


# --- stopping a run --------------------------------------------------------------------------------------------


def test_a_run_is_stopped_with_its_reason(serve: Serve) -> None:
    fixture = serve()
    body = json.dumps({"run": "r1", "reason": "p95 too high for 30 s", "target": "p95"}).encode()
    answer = fixture.ask("/stop", "POST", body, Content_Type="application/json")
    assert (answer.status, answer.json) == (202, {"run": "r1", "answer": "stopping"})
    assert fixture.stops == [("r1", "p95 too high for 30 s", "p95")]


@pytest.mark.parametrize(("answer", "status"), [("unknown_run", 404), ("not_running", 409)])
def test_a_run_that_cannot_be_stopped_says_why(serve: Serve, answer: str, status: int) -> None:
    fixture = serve()
    fixture.answer = answer
    got = fixture.ask("/stop", "POST", b'{"run": "r1"}', Content_Type="application/json")
    assert (got.status, got.json) == (status, {"run": "r1", "answer": answer})


def test_a_bad_stop_request_stops_nothing(serve: Serve) -> None:
    fixture = serve()
    got = fixture.ask("/stop", "POST", b"run=r1", Content_Type="application/x-www-form-urlencoded")
    message = 'Content-Type must be application/json, got "application/x-www-form-urlencoded"'
    assert (got.status, got.json) == (400, {"error": message})
    assert fixture.stops == []


def test_a_stop_needs_the_token_when_there_is_one(serve: Serve) -> None:
    fixture = serve(token="s3cret")
    body = b'{"run": "r1"}'
    refused = fixture.ask(
        "/stop", "POST", body, Content_Type="application/json", Authorization="Bearer wrong"
    )
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json == {"error": "Authorization: Bearer with the stop token is needed"}
    assert fixture.stops == []
    taken = fixture.ask("/stop", "POST", body, Content_Type="application/json", Authorization="Bearer s3cret")
    assert taken.status == 202
    assert fixture.ask("/metrics").status == 200


# --- its life -------------------------------------------------------------------------------------------------


def test_a_taken_port_is_a_clear_message(serve: Serve) -> None:
    port = serve().server.port
    second = ExporterServer("127.0.0.1", port, list, ExporterCounters(), lambda *_: "")
    with pytest.raises(PortTaken) as taken:
        second.start()
    assert str(taken.value) == (
        f"the exporter cannot listen on 127.0.0.1:{port}: the port is in use\n"
        "  hint: end the process that listens there, or choose another port with SWARMSCOPE_EXPORTER_PORT"
    )
    assert taken.value.exit_code is ExitCode.PORT_TAKEN


def test_an_address_of_another_machine_is_a_clear_message() -> None:
    server = ExporterServer("192.0.2.1", 0, list, ExporterCounters(), lambda *_: "")
    with pytest.raises(ComponentFailed) as failed:
        server.start()
    assert failed.value.message.startswith("the exporter cannot listen on 192.0.2.1:0: ")


def test_a_stopped_server_frees_its_port_and_ends_open_connections(
    serve: Serve, run_view: Views, ask: Callable[..., Any]
) -> None:
    fixture = serve()
    port = fixture.server.port
    kept = socket.create_connection(("127.0.0.1", port), timeout=5)
    gevent.sleep(0.05)
    fixture.server.stop(grace=0)
    fixture.server.stop()
    again = ExporterServer("127.0.0.1", port, lambda: [run_view()], ExporterCounters(), lambda *_: "")
    again.start()
    try:
        assert ask(port, "/-/healthy").status == 200
    finally:
        again.stop(grace=0)
        kept.close()


def test_the_address_is_one_that_can_be_asked() -> None:
    def url(host: str) -> str:
        return ExporterServer(host, 9646, list, ExporterCounters(), lambda *_: "").url

    assert url("127.0.0.1") == url("0.0.0.0") == "http://127.0.0.1:9646"  # noqa: S104
    assert url("::1") == "http://[::1]:9646"
