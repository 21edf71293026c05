"""The exporter's server over real HTTP, scraped by a real Prometheus."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import socket
import struct
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import subprocess
from prometheus_client.parser import text_string_to_metric_families

from exporters.http_server import ExporterServer
from exporters.run_view import ExporterCounters, RunView
from exporters.shared_pages import SharedPages, accepts_gzip
from exporters.stop_request import StopAnswer
from swarmscope.errors import ComponentFailed, ExitCode, PortTaken
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import METRICS, Outcome

Views = Callable[..., RunView]
PROMETHEUS = {"User-Agent": "Prometheus/2.42.0", "Accept-Encoding": "gzip"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Fixture:
    """A server with runs that a test can change, and the stop requests that it got."""

    runs: list[RunView]
    counters: ExporterCounters = field(default_factory=ExporterCounters)
    stops: list[tuple[str, str, str]] = field(default_factory=list)
    answer: str = StopAnswer.STOPPING
    token: str = ""
    server: ExporterServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = ExporterServer(
            "127.0.0.1", 0, self.views, self.counters, self.on_stop, token=self.token
        )
        self.server.start()

    def views(self) -> Sequence[RunView]:
        return self.runs

    def on_stop(self, run: str, reason: str, target: str) -> str:
        self.stops.append((run, reason, target))
        return self.answer

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        return ask(self.server.port, path, method, body, {k.replace("_", "-"): v for k, v in headers.items()})

    def scrape(self) -> Answer:
        return ask(self.server.port, "/metrics", headers=PROMETHEUS)


def ask(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request from a thread of its own, while this thread's hub runs the server."""

    def blocking() -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    result: Answer = gevent.get_hub().threadpool.apply(blocking)
    return result


@pytest.fixture
def serve(run_view: Views) -> Iterator[Callable[..., Fixture]]:
    started: list[Fixture] = []

    def make(*runs: RunView, token: str = "") -> Fixture:
        started.append(Fixture(list(runs or [run_view()]), token=token))
        return started[-1]

    yield make
    for fixture in started:
        fixture.server.stop(grace=0)


Serve = Callable[..., Fixture]


def many_requests(run_view: Views, counts_of: Callable[..., RequestCounts], number: int) -> RunView:
    counts = {RequestKey("GET", f"/item/{n}"): counts_of(n % 90 + 1, n % 7 + 1) for n in range(number)}
    return run_view(counts=counts)


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


def test_a_stopped_server_frees_its_port_and_ends_open_connections(serve: Serve, run_view: Views) -> None:
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


# --- the load goes on -----------------------------------------------------------------------------------------


def test_the_load_runs_on_while_a_large_page_is_made(
    serve: Serve, run_view: Views, counts_of: Callable[..., RequestCounts]
) -> None:
    fixture = serve(many_requests(run_view, counts_of, 2000))
    turns = 0

    def load() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0.0005)

    other = gevent.spawn(load)
    gevent.sleep(0.05)
    turns = 0
    assert fixture.scrape().status == 200
    other.kill()
    assert turns > 20, "the page was made in one go"


def test_scrapers_that_come_together_share_a_page() -> None:
    made = 0

    def render() -> Iterator[str]:
        nonlocal made
        made += 1
        for number in range(20):
            gevent.sleep(0.005)
            yield f"{made} {number}\n"

    pages = SharedPages(render)
    asking = [gevent.spawn(pages.get, True)]
    gevent.sleep(0.02)
    asking += [gevent.spawn(pages.get, True) for _ in range(5)]
    gevent.joinall(asking, timeout=20)
    texts = {gzip.decompress(b"".join(each.value.parts)).decode() for each in asking}
    assert made == 2
    assert {text[0] for text in texts} == {"1", "2"}
    pages.get(True)
    assert made == 3, "nobody gets a page that was begun before they asked"


def test_a_page_that_fails_leaves_the_next_one_alone() -> None:
    fails = [True, False]

    def render() -> Iterator[str]:
        yield "a"
        if fails.pop(0):
            raise LookupError("no such run")
        yield "b"

    pages = SharedPages(render)
    with pytest.raises(LookupError):
        pages.get(False)
    assert b"".join(pages.get(False).parts) == b"ab"


def test_a_scraper_that_goes_away_mid_way_harms_nothing(
    serve: Serve, run_view: Views, counts_of: Callable[..., RequestCounts], capfd: pytest.CaptureFixture[str]
) -> None:
    fixture = serve(many_requests(run_view, counts_of, 1500))
    for _ in range(3):
        gone = socket.create_connection(("127.0.0.1", fixture.server.port), timeout=5)
        gone.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nUser-Agent: Prometheus/2.42.0\r\n\r\n")
        gevent.sleep(0.02)
        # Reset rather than close, as a scrape that timed out does.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
    answer = fixture.ask("/metrics")
    assert answer.status == 200
    assert len(answer.body) == int(answer.headers["content-length"])
    assert not fixture.server.scraper_seen()
    assert fixture.counters.listener_errors == 0
    assert capfd.readouterr().err == ""


def test_a_reader_that_reads_nothing_holds_up_nobody(
    serve: Serve, run_view: Views, counts_of: Callable[..., RequestCounts]
) -> None:
    fixture = serve(many_requests(run_view, counts_of, 3000))
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", fixture.server.port))
    slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    gevent.sleep(0.05)
    try:
        assert fixture.scrape().status == 200
    finally:
        slow.close()


# --- holding the last state -----------------------------------------------------------------------------------


def test_nobody_is_waited_for_when_nobody_ever_scraped(serve: Serve) -> None:
    fixture = serve()
    fixture.ask("/metrics", User_Agent="curl/8.5.0")
    assert not fixture.server.scraper_seen()
    with gevent.Timeout(5):
        assert fixture.server.wait_until_scraped(timeout=600) is False


def test_the_last_state_is_held_until_a_scrape_that_began_after_it(serve: Serve) -> None:
    fixture = serve()
    fixture.scrape()
    assert fixture.server.scraper_seen()
    waiting = gevent.spawn(fixture.server.wait_until_scraped, 600)
    gevent.sleep(0.2)
    assert not waiting.ready(), "the scrape before the call has not the last state"
    fixture.scrape()
    assert waiting.get(timeout=10) is True


def test_holding_ends_when_its_time_is_over(serve: Serve) -> None:
    fixture = serve()
    fixture.scrape()
    with gevent.Timeout(10):
        assert fixture.server.wait_until_scraped(timeout=0.1) is False


def test_the_first_scrape_is_waited_for_even_if_none_came_before(serve: Serve) -> None:
    fixture = serve()
    assert fixture.server.wait_for_first_scrape(timeout=0.05) is False
    waiting = gevent.spawn(fixture.server.wait_for_first_scrape, 600)
    gevent.sleep(0.05)
    fixture.ask("/metrics", User_Agent="curl/8.5.0")
    gevent.sleep(0.1)
    assert not waiting.ready()
    fixture.scrape()
    assert waiting.get(timeout=10) is True


# --- a real Prometheus ----------------------------------------------------------------------------------------


@pytest.fixture
def prometheus() -> Iterator[Callable[[int], int]]:
    """Starts Debian's Prometheus scraping a port every 0.5 s; gives the port of its API."""
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:

        def start(exporter_port: int) -> int:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port: int = free.getsockname()[1]
            config = Path(folder) / "prometheus.yml"
            config.write_text(
                "global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"
                "scrape_configs:\n- job_name: locust\n  honor_labels: true\n"
                f"  static_configs: [{{targets: ['127.0.0.1:{exporter_port}']}}]\n"
            )
            command = [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=error",
            ]
            # A real process group, so that nothing survives a test that is killed half-way.
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            return port

        yield start
        for process in running:
            os.kill(process.pid, signal.SIGTERM)
            process.wait(timeout=20)


def query(port: int, expression: str) -> list[tuple[dict[str, str], float]]:
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    document = ask(port, path).json
    return [(each["metric"], float(each["value"][1])) for each in document["data"]["result"]]


def test_a_real_prometheus_stores_every_value_and_the_last_state(
    serve: Serve, run_view: Views, counts_of: Callable[..., RequestCounts], prometheus: Callable[[int], int]
) -> None:
    strange = RequestKey("GET", 'a "quoted" \\ back\\nslash\nline\r\ttab %d {le="1"} é 😀')
    counts = {strange: counts_of(5), RequestKey("POST", "/events"): counts_of(99, 100, 101)}
    old = run_view(run="old", counts={RequestKey("GET", "/old"): counts_of(1, 2)})
    fixture = serve(old, run_view(run="new", counts=counts))
    port = prometheus(fixture.server.port)
    assert fixture.server.wait_for_first_scrape(timeout=30)

    events = counts[RequestKey("POST", "/events")]
    events.outcomes[Outcome.SUCCESS, "201"] = 12_345
    assert fixture.server.wait_until_scraped(timeout=30)
    fixture.server.stop(grace=0)

    def stored() -> float:
        found = query(
            port, 'last_over_time(locust_requests_total{run="new",name="/events",status="201"}[1m])'
        )
        return found[0][1] if found else 0

    with gevent.Timeout(30):
        while stored() != 12_345:
            gevent.sleep(0.05)
    assert fixture.server.scrape_interval() is not None
    assert (
        query(
            port,
            'last_over_time(locust_request_duration_seconds_bucket{run="new",name="/events",le="0.1"}[1m])',
        )[0][1]
        == 2
    )
    assert {labels["run"] for labels, _ in query(port, "last_over_time(locust_run_info[1m])")} == {
        "old",
        "new",
    }
    known = {
        (labels["method"], labels["name"])
        for labels, _ in query(port, "last_over_time(locust_response_bytes_total[1m])")
    }
    assert known == {strange, ("GET", "/old"), ("POST", "/events"), ("GET", "/hung")}
    stored_names = {
        labels["__name__"] for labels, _ in query(port, '{job="locust",__name__=~"locust_.*"}')
    } | {
        labels["__name__"]
        for labels, _ in query(port, 'last_over_time({job="locust",__name__=~"locust_.*"}[1m])')
    }
    assert stored_names <= {metric.name for metric in METRICS} | {
        f"locust_request_duration_seconds_{part}" for part in ("bucket", "sum", "count")
    }
