"""Scrapes of the exporter: the load goes on meanwhile, the last state is held, a real Prometheus has it all."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import struct
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import subprocess

from exporters.run_view import RunView
from exporters.shared_pages import SharedPages
from swarmscope.measurements import RequestCounts, RequestKey
from swarmscope.names import METRICS, Outcome
from tests.ports import free_port

Views = Callable[..., RunView]
Serve = Callable[..., Any]


def many_requests(run_view: Views, counts_of: Callable[..., RequestCounts], number: int) -> RunView:
    counts = {RequestKey("GET", f"/item/{n}"): counts_of(n % 90 + 1, n % 7 + 1) for n in range(number)}
    return run_view(counts=counts)


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
            port = free_port()
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


@pytest.fixture
def query(ask: Callable[..., Any]) -> Callable[[int, str], list[tuple[dict[str, str], float]]]:
    def answer(port: int, expression: str) -> list[tuple[dict[str, str], float]]:
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        document = ask(port, path).json
        return [(each["metric"], float(each["value"][1])) for each in document["data"]["result"]]

    return answer


def test_a_real_prometheus_stores_every_value_and_the_last_state(
    serve: Serve,
    run_view: Views,
    counts_of: Callable[..., RequestCounts],
    prometheus: Callable[[int], int],
    query: Callable[..., Any],
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
