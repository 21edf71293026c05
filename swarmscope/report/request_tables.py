"""Tables about requests: what was measured, what failed, what was never answered, whose totals differ. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from swarmscope.histogram import quantile
from swarmscope.measurements import RequestCounts, RequestKey, Snapshot
from swarmscope.names import Outcome
from swarmscope.quantities import UNKNOWN, count, duration, plain, ratio
from swarmscope.report.blocks import Block, Bullets, Column, Look, Paragraph, Table, table
from swarmscope.run_result import Reconciliation, RunResult

MOST_REQUESTS = 200
"""A page with thousands of rows helps nobody, and GitHub cuts a job summary at 1 MiB; result.json has them all."""
MOST_FAILURES = 50
_NUMBER = Look.NUMBER
_REQUEST_COLUMNS = (
    Column("Request", Look.CODE),
    Column("Requests", _NUMBER),
    Column("Failures", _NUMBER),
    Column("Rate", _NUMBER),
    Column("Average", _NUMBER),
    Column("p50", _NUMBER),
    Column("p95", _NUMBER),
    Column("p99", _NUMBER),
    Column("Max", _NUMBER),
    Column("Unfinished", _NUMBER),
    Column("Statuses"),
)


def request_blocks(result: RunResult) -> list[Block]:
    """The table of requests over the judged window, or over the whole run when nothing was judged."""
    window = result.window
    judged = window.seconds > 0
    if judged:
        seconds, counts = window.seconds, window.counts
        finished = dict(window.finished_by_stop)
        about = "Over the judged window; percentiles are at most 5 % too high, never too low."
    else:
        seconds, counts = result.info.stopped - result.info.started, result.totals
        finished = {key: each.finished for key, each in counts.items()}
        about = "Over the whole run, because its steady phase was never reached."
    sent = {key: each for key, each in counts.items() if each.finished or each.unfinished}
    if not sent:
        return [Paragraph("No request was sent.")]
    rows = [
        _row(str(key), each, window.bounds, finished.get(key, 0), seconds)
        for key, each in sorted(sent.items(), key=_by_failures if len(sent) > MOST_REQUESTS else _by_name)
    ]
    shown = table(_REQUEST_COLUMNS, rows, MOST_REQUESTS)
    everything = _together(sent, len(window.bounds) + 1)
    last = _row("all requests", everything, window.bounds, sum(finished.values()), seconds)
    note = f"{about} The maximum is of the run up to the window's end." if judged else about
    if everything.unfinished or everything.buckets[-1]:
        note += " ∞ stands for requests that were never answered or took longer than the last bucket."
    return [Paragraph(note), Table(shown.columns, [*shown.rows, last], shown.left_out)]


def failure_blocks(result: RunResult) -> list[Block]:
    """Failed requests of the whole run by request and kind of error, most frequent first."""
    found = sorted(
        (
            (number, key, error, each.finished)
            for key, each in result.totals.items()
            for error, number in each.errors.items()
            if number
        ),
        key=lambda row: (-row[0], row[1], row[2]),
    )
    if not found:
        return [Paragraph("No request failed.")]
    columns = (
        Column("Request", Look.CODE),
        Column("Error", Look.CODE),
        Column("Failures", _NUMBER),
        Column("Share of its requests", _NUMBER),
    )
    rows = [[str(key), error, count(number), ratio(number / of)] for number, key, error, of in found if of]
    return [table(columns, rows, MOST_FAILURES)]


def pending_blocks(result: RunResult) -> list[Block]:
    """Requests that were cut off unanswered at the end of the run, oldest first."""
    ages: dict[RequestKey, list[float]] = {}
    for pending in result.pending:
        ages.setdefault(pending.key, []).append(pending.age_seconds)
    unfinished = {key: each.unfinished for key, each in result.totals.items() if each.unfinished}
    keys = sorted({*ages, *unfinished}, key=lambda key: (-max(ages.get(key, [0.0])), key))
    columns = (
        Column("Request", Look.CODE),
        Column("Never answered", _NUMBER),
        Column("Longest wait", _NUMBER),
    )
    rows = [
        [
            str(key),
            count(max(unfinished.get(key, 0), len(ages.get(key, [])))),
            duration(max(ages[key])) if key in ages else UNKNOWN,
        ]
        for key in keys
    ]
    return [table(columns, rows, MOST_REQUESTS)] if rows else []


def reconciliation_blocks(rows: Sequence[Reconciliation]) -> list[Block]:
    """Whether recorder, Locust and Prometheus counted the same; every row where they did not; always the totals."""
    if not rows:
        return [Paragraph("The totals were not compared.")]
    asked = any(row.prometheus is not None for row in rows)
    totals = {
        outcome: [row for row in rows if row.outcome == outcome]
        for outcome in (str(Outcome.SUCCESS), str(Outcome.FAILURE))
    }
    said = [_total_line(outcome, of, asked) for outcome, of in totals.items()]
    wrong = [row for row in rows if not row.agrees]
    if not wrong:
        parties = (
            "recorder, Locust and Prometheus" if asked else "recorder and Locust (Prometheus: not known)"
        )
        whole = sum(row.recorder for row in rows)
        agree = f"All totals agree, request for request: {parties} counted {count(whole)} finished requests."
        return [Paragraph(agree), Bullets(said)]
    columns = (
        Column("Request", Look.CODE),
        Column("Outcome"),
        Column("Recorder", _NUMBER),
        Column("Locust", _NUMBER),
        Column("Prometheus", _NUMBER),
    )
    differing = [
        [
            str(row.key),
            row.outcome,
            count(row.recorder),
            count(row.locust),
            UNKNOWN if row.prometheus is None else count(row.prometheus),
        ]
        for row in wrong
    ]
    differ = f"{len(wrong)} of {len(rows)} totals differ:"
    return [Paragraph(differ), table(columns, differing, MOST_REQUESTS), Bullets(said)]


def _total_line(outcome: str, rows: Sequence[Reconciliation], asked: bool) -> str:
    recorder, locust = sum(row.recorder for row in rows), sum(row.locust for row in rows)
    prometheus = count(sum(row.prometheus or 0 for row in rows)) if asked else "not known"
    return f"{outcome}: recorder {count(recorder)}, Locust {count(locust)}, Prometheus {prometheus}"


def _row(
    name: str, counts: RequestCounts, bounds: Sequence[Decimal], finished: int, seconds: float
) -> list[str]:
    buckets = with_unfinished(counts)
    percentiles = [quantile(bounds, buckets, Decimal(q)) for q in ("0.5", "0.95", "0.99")]
    share = f" ({ratio(counts.failures / counts.finished)})" if counts.failures else ""
    return [
        name,
        count(counts.finished),
        count(counts.failures) + share,
        f"{plain(finished / seconds)}/s" if seconds > 0 else UNKNOWN,
        duration(counts.duration_sum / counts.timed) if counts.timed else UNKNOWN,
        *(UNKNOWN if each is None else duration(each, 5) for each in percentiles),
        duration(counts.duration_max) if counts.timed else UNKNOWN,
        count(counts.unfinished),
        _statuses(counts),
    ]


def with_unfinished(counts: RequestCounts) -> list[int]:
    """The buckets, with unfinished requests in the last one: slower than every bound, as the verdict counts them."""
    return [*counts.buckets[:-1], counts.buckets[-1] + counts.unfinished]


def _statuses(counts: RequestCounts) -> str:
    """`200: 1,204, 500: 3 (failed)`."""
    return ", ".join(
        f"{status}: {count(number)}{' (failed)' if outcome == Outcome.FAILURE else ''}"
        for (outcome, status), number in sorted(counts.outcomes.items(), key=lambda item: (-item[1], item[0]))
        if number
    )


def _together(counts: Snapshot, buckets: int) -> RequestCounts:
    merged = RequestCounts([0] * buckets)
    for each in counts.values():
        merged.add(each)
    return merged


def _by_name(item: tuple[RequestKey, RequestCounts]) -> tuple[str, str]:
    return item[0].name, item[0].method


def _by_failures(item: tuple[RequestKey, RequestCounts]) -> tuple[int, int, RequestKey]:
    key, counts = item
    return -(counts.failures + counts.unfinished), -counts.finished, key
