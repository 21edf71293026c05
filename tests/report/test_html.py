"""report.html: one file that needs nothing else, whatever the run brought along."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.report import html_report, markdown_report
from swarmscope.report.html import plot_data
from swarmscope.run_result import Plot, RunResult, Series

Make = Callable[..., RunResult]
NASTY = "</script><script>alert(1)</script><img src=x onerror=alert(2)>'\"&{{7*7}}\u2028"


class Reader(HTMLParser):
    """Collects what a browser would see: elements, texts outside scripts, and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style" and data.strip():
            self.texts.append(data.strip())


def page(result: RunResult) -> Reader:
    return Reader(html_report(result))


def data_of(result: RunResult) -> dict[str, Any]:
    return dict(json.loads(page(result).scripts[0]))


def test_the_page_names_no_other_file_and_no_address(result: RunResult) -> None:
    reader = page(result)
    for tag, attributes in reader.tags:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        assert not {"src", "href", "srcset", "action"} & set(attributes), tag
    policy = next(a["content"] for t, a in reader.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"@import|url\((?!data:)", html_report(result))


def test_the_page_shows_every_table_of_the_markdown(result: RunResult) -> None:
    texts = page(result).texts
    for wanted in (
        "450ms",
        "0.178 %",
        "4,003",
        "HTTPError 503 Service Unavailable",
        "29.5s",
        "NO DATA",
        "FAIL",
    ):
        assert wanted in texts
    headings = re.findall(r"^## (.*)$", markdown_report(result), re.MULTILINE)
    shown = [unescape(found) for found in re.findall(r"<h2>(.*?)</h2>", html_report(result))]
    assert [heading for heading in shown if heading != "Course of the run"] == headings


def test_nothing_that_a_run_brings_along_becomes_markup(make: Make) -> None:
    base = make()
    key = RequestKey("GET", NASTY)
    counts = RequestCounts(
        [1, *[0] * len(base.window.bounds)], outcomes={("failure", NASTY): 1}, errors={NASTY: 1}
    )
    plots = (Plot("x", NASTY, NASTY, (Series(NASTY, ((1.0, 2.0),)),), ((NASTY, 1.0),)),)
    nasty = make(
        info=replace(base.info, host=NASTY, version=NASTY, run=NASTY),
        window=Window(base.window.bounds, 60.0, {key: counts}, {key: 1}),
        totals={key: counts},
        notes=(NASTY,),
        invalid=(NASTY,),
        plots=plots,
        alerts=(replace(base.alerts[0], name=NASTY),),
    )
    reader = page(nasty)
    plain = page(base)
    assert (
        [tag for tag, _ in reader.tags].count("script") == [tag for tag, _ in plain.tags].count("script") == 3
    )
    assert "img" not in [tag for tag, _ in reader.tags]
    assert data_of(nasty)["plots"][0]["title"] == NASTY
    assert any("{{7*7}}" in text for text in reader.texts)


def test_half_a_character_can_be_written(make: Make) -> None:
    html_report(make(notes=("\ud83e",))).encode()


def test_without_prometheus_the_page_says_so_in_the_plots_place(make: Make) -> None:
    reader = page(make(plots=(), notes=("Prometheus was not asked",)))
    said = " ".join(" ".join(reader.texts).split())
    assert "No plots: Prometheus could not be asked when the run ended (see the notes)." in said
    assert reader.scripts == []


def test_a_plot_without_samples_says_so(result: RunResult) -> None:
    assert page(result).texts.count("Prometheus has no samples for this plot.") == 1


def test_times_are_relative_to_the_start_and_windows_and_alerts_go_along(result: RunResult) -> None:
    data = data_of(result)
    assert data["steady"] == [[10, 70]]
    assert data["plots"][0]["times"][:3] == [0, 1, 2]
    assert data["plots"][0]["limits"] == [["p95 ≤ 100ms", 0.1]]
    assert data["alerts"] == [
        {"mark": "A1", "from": 23, "text": "LatencyTargetBreached (post-events-p95) after 23 s, for 18 s"},
        {"mark": "A2", "from": 50, "text": "RequestHung (POST /events) after 50 s, to the end"},
    ]


def test_a_gap_is_a_gap_and_never_a_line_or_a_zero(make: Make) -> None:
    start = make().info.started
    one = Series("a", tuple((start + t, float(t)) for t in (0, 1, 2, 6, 7)))
    two = Series("b", tuple((start + t, 5.0) for t in (0, 1)), unit="")
    (plot,) = plot_data(make(plots=(Plot("p", "t", "s", (one, two, Series("empty", ()))),)))["plots"]
    # Up to the stop of the run: an end without answers is part of the course.
    assert plot["times"] == [0, 1, 2, 3, 6, 7, 75]
    assert plot["series"] == [
        {"label": "a", "unit": None, "values": [0.0, 1.0, 2.0, None, 6.0, 7.0, None]},
        {"label": "b", "unit": "", "values": [5.0, 5.0, None, None, None, None, None]},
    ]


def test_a_point_by_itself_is_marked_to_be_seen(make: Make) -> None:
    start = make().info.started
    lonely = Series("a", ((start, 1.0), (start + 1, 1.0), (start + 9, 3.0)))
    (plot,) = plot_data(make(plots=(Plot("p", "t", "s", (lonely,)),)))["plots"]
    assert plot["lonely"] == [True]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_a_value_that_cannot_be_drawn_is_left_out(make: Make, value: float) -> None:
    start = make().info.started
    plots = (Plot("p", "t", "s", (Series("a", ((start, 1.0), (start + 1, value))),), (("x", float("inf")),)),)
    (plot,) = plot_data(make(plots=plots))["plots"]
    assert plot["series"][0]["values"] == [1.0, None, None]
    assert plot["limits"] == []
