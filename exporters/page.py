"""Renders runs as Prometheus text (format 0.0.4): names, labels and help from `swarmscope.names`. No I/O.

The page comes in small pieces, so that the server can let the load run between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from exporters.page_series import (
    OWN,
    SERIES,
    OwnNumbers,
    PageRun,
    bounded_generators,
    scenario_series,
)
from exporters.page_templates import RunTexts, header
from exporters.run_view import ExporterCounters, RunView
from swarmscope import names
from swarmscope.measurements import RequestCounts, RequestKey

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PIECE_CHARACTERS = 32_768
"""About 250 lines, a quarter of a millisecond of CPU."""


class Page:
    """Renders the page and keeps each run's fixed texts for as long as the run is on it."""

    def __init__(self) -> None:
        self._texts: dict[str, RunTexts] = {}

    def render(
        self, runs: Sequence[RunView], counters: ExporterCounters, scrape_seconds: float, scrapes: int
    ) -> Iterator[str]:
        """The page in pieces of about PIECE_CHARACTERS; every metric of `names.METRICS`, in its order, then the
        scenario's own.

        `scrape_seconds` is what the previous scrape took, `scrapes` how many were answered before this one.
        What the page is about is looked up now, the numbers when a piece is asked for.
        """
        return _pieces(_blocks(self._prepare(runs), OwnNumbers(counters, scrape_seconds, scrapes)))

    def _prepare(self, runs: Sequence[RunView]) -> list[PageRun]:
        kept: dict[str, RunTexts] = {}
        prepared = []
        for view in runs:
            texts = self._texts.get(view.run)
            if texts is None or not texts.fits(view.system, view.bounds, view.exported_bounds):
                texts = RunTexts(view.run, view.system, view.bounds, view.exported_bounds)
            kept[view.run] = texts
            generators = bounded_generators(view.generators)
            prepared.append(PageRun(view, texts, _known_requests(view), generators))
        self._texts = kept
        return prepared


def render(
    runs: Sequence[RunView], counters: ExporterCounters, scrape_seconds: float = 0.0, scrapes: int = 0
) -> Iterator[str]:
    """One page without any memory; a server that renders again and again keeps a `Page`."""
    return Page().render(runs, counters, scrape_seconds, scrapes)


def _known_requests(view: RunView) -> list[tuple[RequestKey, RequestCounts | None]]:
    """Counted requests, then those that wait for their very first answer (a service that hangs from the start).

    A list, because the run goes on between two pieces and may meet new requests.
    """
    first = [(key, None) for key in view.waiting if key not in view.counts]
    return [*view.counts.items(), *first]


def _blocks(runs: Sequence[PageRun], own: OwnNumbers) -> Iterator[str]:
    """Headers and series, family by family: the text format wants all samples of a family together."""
    for metric in names.METRICS:
        yield header(metric)
        if metric in OWN:
            yield from OWN[metric](own)
        else:
            for run in runs:
                yield from SERIES[metric](run)
    for metric in dict.fromkeys(metric for run in runs for metric in run.view.scenario_metrics):
        yield header(metric)
        for run in runs:
            yield from scenario_series(metric, run)


def _pieces(blocks: Iterable[str]) -> Iterator[str]:
    piece: list[str] = []
    size = 0
    for block in blocks:
        piece.append(block)
        size += len(block)
        if size >= PIECE_CHARACTERS:
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)
