"""report.md: what a person reads in a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from swarmscope.errors import ExitCode
from swarmscope.measurements import RequestCounts, RequestKey, Window
from swarmscope.report import markdown_report
from swarmscope.run_result import Reconciliation, RunResult
from swarmscope.targets import Priority
from swarmscope.verdict import Verdict

Make = Callable[..., RunResult]
EVENTS = RequestKey("POST", "/events")


def section(text: str, title: str) -> list[str]:
    """The lines of one section, without empty ones."""
    _, _, rest = text.partition(f"\n## {title}\n")
    return [line for line in rest.partition("\n## ")[0].splitlines() if line]


def test_the_title_says_the_verdict_and_the_next_line_what_it_means(result: RunResult) -> None:
    assert markdown_report(result).splitlines()[:3] == [
        "# ❌ triggers · baseline: FAIL",
        "",
        "A target whose priority the gate covers was missed. Exit code 10.",
    ]


def test_the_summary_names_who_ran_what_where_and_when(result: RunResult) -> None:
    assert section(markdown_report(result), "Summary")[2:] == [
        "| Date | 2025-01-01 00:00:00 UTC |",
        "| System | Zapier Triggers API (triggers) |",
        "| Environment | local |",
        "| Profile | baseline |",
        "| Duration | 1 min 15 s, 1 min judged |",
        "| Users | 50 at the peak, 50 wanted |",
        "| Version | 1.4.2 |",
        "| Host | http://127.0.0.1:8000 |",
        "| Load generators | 2 |",
        "| Run | triggers-20250101-000000 |",
    ]


def test_every_target_has_a_row_and_every_one_that_did_not_pass_a_reason(result: RunResult) -> None:
    assert section(markdown_report(result), "Targets") == [
        "| Target | Limit | Actual | Samples | Status | Priority |",
        "| --- | ---: | ---: | ---: | --- | --- |",
        "| POST /events p95 | ≤ 100ms | 450ms | 4,003 | ❌ FAIL | critical |",
        "| GET /inbox p95 | ≤ 200ms | 190ms | 1,000 | ✅ PASS | high |",
        "| all requests error rate | ≤ 0.1% | 0.178 % | 5,043 | ❌ FAIL | critical |",
        "| POST /events rps | ≥ 50 | 66.7/s | 4,003 | ✅ PASS | medium |",
        "| cold-start | ≤ 3s | 2.12 s | \N{EN DASH} | ✅ PASS | high |",
        "| POST /webhook p99 | ≤ 500ms | \N{EN DASH} | 0 | ❔ NO DATA | high |",
        "- FAIL: POST /events p95 ≤ 100ms: 3,680 of 4,003 requests (91.9 %) took at most 100ms; 95 % needed; "
        "3 were never answered and count as slow",
        "- FAIL: all requests error rate ≤ 0.1%: 9 of 5,043 requests (0.178 %) failed, "
        "3 of them without an answer; at most 0.1% allowed",
        "- NO DATA: POST /webhook p99 ≤ 500ms: no request named POST /webhook ran",
        "Not judged under the profile baseline: all requests p95 ≤ 400ms.",
    ]


def test_requests_are_shown_with_their_statuses_and_rate_limited_ones_as_their_own(
    result: RunResult,
) -> None:
    rows = section(markdown_report(result), "Requests")[3:]
    assert rows == [
        "| `POST /events` | 4,000 | 6 (0.15 %) | 66.7/s | 47.1ms | 12ms | 450ms | 450ms | 450ms | 3 "
        "| 200: 3,994, 503: 6 (failed) |",
        "| `POST /events (rate limited)` | 40 | 0 | 0.667/s | 2ms | 2ms | 2ms | 2ms | 2ms | 0 | 429: 40 |",
        "| `GET /inbox` | 1,000 | 0 | 16.7/s | 37ms | 20ms | 190ms | 190ms | 190ms | 0 | 200: 1,000 |",
        "| `all requests` | 5,040 | 6 (0.119 %) | 84/s | 44.7ms | 12ms | 450ms | 450ms | 450ms | 3 "
        "| 200: 4,994, 429: 40, 503: 6 (failed) |",
    ]


def test_failures_hung_requests_and_alerts_have_their_tables(result: RunResult) -> None:
    text = markdown_report(result)
    assert section(text, "Failures")[2:] == [
        "| `POST /events` | `HTTPError 503 Service Unavailable` | 6 | 0.14 % |"
    ]
    assert section(text, "Requests never answered")[2:] == ["| `POST /events` | 3 | 29.5s |"]
    assert section(text, "Alerts that fired")[2:] == [
        "| `LatencyTargetBreached` | post-events-p95 | critical | 23 s | 18 s |",
        "| `RequestHung` | POST /events | critical | 50 s | to the end |",
    ]


def test_reasons_to_distrust_the_load_come_first(result: RunResult) -> None:
    text = markdown_report(replace(result, verdict=Verdict.INVALID, exit_code=ExitCode.INVALID))
    assert text.startswith("# 🚫 triggers · baseline: INVALID\n")
    assert section(text, "Why the load is not trusted") == [
        "- worker w2 was lost 31 s after the start: what it measured after its last report is missing"
    ]
    assert text.index("## Why the load") < text.index("## Summary")


def test_notes_are_shown_and_empty_sections_are_not(make: Make) -> None:
    text = markdown_report(make(notes=("ended by hand",), invalid=(), alerts=()))
    assert section(text, "Notes") == ["- ended by hand"]
    assert "Why the load" not in text
    assert "Alerts that fired" not in text


def test_totals_that_agree_are_one_line_and_the_totals(result: RunResult) -> None:
    assert section(markdown_report(result), "Reconciliation") == [
        "All totals agree, request for request: recorder, Locust and Prometheus counted 5,340 finished requests.",
        "- success: recorder 5,334, Locust 5,334, Prometheus 5,334",
        "- failure: recorder 6, Locust 6, Prometheus 6",
    ]


def test_totals_that_differ_are_named_one_by_one(make: Make) -> None:
    rows = (
        Reconciliation(EVENTS, "success", 100, 100, 90),
        Reconciliation(EVENTS, "failure", 1, 1, 1),
    )
    assert section(markdown_report(make(reconciliation=rows)), "Reconciliation") == [
        "1 of 2 totals differ:",
        "| Request | Outcome | Recorder | Locust | Prometheus |",
        "| --- | --- | ---: | ---: | ---: |",
        "| `POST /events` | success | 100 | 100 | 90 |",
        "- success: recorder 100, Locust 100, Prometheus 90",
        "- failure: recorder 1, Locust 1, Prometheus 1",
    ]


def test_a_prometheus_that_was_not_asked_is_not_said_to_agree(make: Make) -> None:
    rows = (Reconciliation(EVENTS, "success", 100, 100, None),)
    assert section(markdown_report(make(reconciliation=rows)), "Reconciliation") == [
        "All totals agree, request for request: recorder and Locust (Prometheus: not known) counted "
        "100 finished requests.",
        "- success: recorder 100, Locust 100, Prometheus not known",
        "- failure: recorder 0, Locust 0, Prometheus not known",
    ]
    assert section(markdown_report(make(reconciliation=())), "Reconciliation") == [
        "The totals were not compared."
    ]


def test_a_run_without_a_request_says_so(make: Make) -> None:
    empty = Window(make().window.bounds, 60.0, {}, {})
    text = markdown_report(make(window=empty, totals={}, pending=(), judgements=()))
    assert section(text, "Requests") == ["No request was sent."]
    assert section(text, "Failures") == ["No request failed."]
    assert section(text, "Targets")[0] == "No target is judged under this load profile."
    assert "Requests never answered" not in text


def test_a_run_that_was_never_steady_shows_the_whole_run_instead(make: Make) -> None:
    never = replace(make().window, seconds=0.0)
    lines = section(markdown_report(make(window=never)), "Requests")
    assert lines[0].startswith("Over the whole run, because its steady phase was never reached. ")
    assert lines[3].startswith("| `POST /events` | 4,300 |")


def test_what_is_below_the_gate_says_so(make: Make, result: RunResult) -> None:
    critical = replace(result.system, gate=Priority.CRITICAL)
    lines = section(markdown_report(make(system=critical)), "Targets")
    assert (
        "- NO DATA: POST /webhook p99 ≤ 500ms: no request named POST /webhook ran (below the gate, critical)"
        in lines
    )


def test_thousands_of_requests_are_cut_with_the_failing_ones_kept(make: Make, result: RunResult) -> None:
    bounds = result.window.bounds
    many: dict[RequestKey, RequestCounts] = {}
    for index in range(3000):
        counts = RequestCounts([0] * (len(bounds) + 1), outcomes={("success", "200"): 5})
        counts.buckets[0] = 5
        many[RequestKey("GET", f"/item/{index}")] = counts
    many[RequestKey("GET", "/item/2999")].outcomes = {("failure", "500"): 5}
    window = Window(bounds, 60.0, many, dict.fromkeys(many, 5))
    text = markdown_report(make(window=window, totals=many))
    rows = [line for line in section(text, "Requests") if line.startswith("| `GET")]
    assert len(rows) == 200
    assert rows[0].startswith("| `GET /item/2999` |")
    assert "… and 2,800 more, in result.json." in text
    assert "| `all requests` | 15,000 | 5 (0.0333 %) |" in text
    assert len(text.encode()) < 1_000_000


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("/a|b", "`GET /a\\|b`"),
        ("/`x`", "`` GET /`x` ``"),
        ("/``", "``` GET /`` ```"),
        ("/<script>", "`GET /<script>`"),
        ("/a\nb", "`GET /a b`"),
    ],
)
def test_request_names_cannot_break_out_of_their_cell(make: Make, name: str, code: str) -> None:
    counts = RequestCounts([0] * (len(make().window.bounds) + 1), outcomes={("success", "200"): 1})
    key = RequestKey("GET", name)
    window = Window(make().window.bounds, 1.0, {key: counts}, {key: 1})
    rows = section(markdown_report(make(window=window)), "Requests")
    assert rows[3].startswith(f"| {code} | 1 |")


def test_texts_cannot_become_markup_or_mentions(make: Make) -> None:
    note = "a <b>|*bold*|_x_ [link](http://x) `code` # @team &lt; \\"
    text = markdown_report(make(notes=(note,)))
    assert section(text, "Notes") == [
        "- a &lt;b&gt;\\|\\*bold\\*\\|\\_x\\_ \\[link\\](http://x) \\`code\\` \\# &#64;team &amp;lt; \\\\"
    ]
